// How the SFTP store reaches its server, and how long it waits.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "repo-format/base/units.h"

namespace cairn {

struct SftpOptions {
  // The program and its first arguments; ours follow, host and subsystem last. It takes the arguments of OpenSSH's ssh.
  std::vector<std::string> ssh = {"ssh"};
  // A whole command in its place, to which nothing is added: its standard input and output speak SFTP.
  std::vector<std::string> command;
  // Each is an ssh process, opened when the others are in use; a server that refuses one more is asked for no more.
  unsigned connections_max = 5;
  uint64_t window_bytes = 4 * kMiB;  // asked for or sent and not yet answered, of a connection
  // Until a server is ready for the first request.
  std::chrono::nanoseconds connect_max = std::chrono::seconds(30);
  // Without a byte either way while an answer is owed.
  std::chrono::nanoseconds silence_max = std::chrono::seconds(60);
  // Both, once stop was asked for: what is under way may end, what hangs does not keep anybody.
  std::chrono::nanoseconds stopped_max = std::chrono::seconds(10);
};

}  // namespace cairn
