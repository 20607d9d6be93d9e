// A real sshd on this machine, with keys and folders of its own; it goes with the test.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "engine/store/sftp/sftp_options.h"
#include "engine/store/sftp/sftp_place.h"
#include "tests/support/temp_folder.h"

namespace cairn {

// Listens on loopback only, as the user who runs the test, who logs in with a key of the test's. One thread at a time.
// A server that does not start ends the test program: nothing can be tested then.
class SshServer {
 public:
  struct Options {
    std::string denied;    // requests that the SFTP server does not offer: "posix-rename,hardlink"
    bool has_sftp = true;  // whether it has the subsystem
    bool accepts_key = true;
    bool is_known = true;  // whether its host key is in the client's known_hosts
  };
  SshServer() : SshServer(Options{}) {}
  explicit SshServer(const Options& options);
  ~SshServer();
  SshServer(const SshServer&) = delete;
  SshServer& operator=(const SshServer&) = delete;

  // A folder below that of the test.
  std::string operator/(std::string_view name) const { return folder_ / name; }
  SftpPlace Place(const std::string& path) const;
  // With the client's configuration of this test, and none of the user's.
  SftpOptions Client() const;
  uint16_t port() const { return port_; }
  const std::string& user() const { return user_; }

  void Start();
  // As by a power cut: it, and every session.
  void Kill();
  // The sessions' processes stop where they are, and go on.
  void Freeze();
  void Thaw();
  // Who connects is kept waiting; until Kill.
  void FreezeListener();
  void ChangeHostKey();
  int CountSessions() const;

 private:
  void WriteConfiguration() const;
  void MakeKey(const std::string& name) const;
  void TrustHostKey() const;
  std::vector<pid_t> Descendants() const;
  bool Answers() const;

  const Options options_;
  TempFolder folder_ = TempFolder::InMemory();
  std::string user_;
  uint16_t port_ = 0;
  pid_t id_ = -1;
};

}  // namespace cairn
