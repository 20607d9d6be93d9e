#include "tests/support/ssh_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

namespace cairn {
namespace {

namespace fs = std::filesystem;
constexpr const char* kServerProgram = "/usr/sbin/sshd";

[[noreturn]] void GiveUp(const std::string& why) {
  std::cerr << "no SSH server to test with: " << why << " (tools/install-deps test)\n";
  std::_Exit(1);
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteText(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
  ::chmod(path.c_str(), 0600);
}

pid_t Spawn(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  pid_t id = -1;
  const int error = ::posix_spawnp(&id, arguments[0], &files, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  if (error != 0) GiveUp(command[0] + " cannot be started");
  return id;
}

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

uint16_t FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  const bool is_bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  if (!is_bound) GiveUp("no port is free");
  return ntohs(address.sin_port);
}

// Its parent's id; 0 where there is no such process.
pid_t ParentOf(pid_t id) {
  const std::string stat = ReadText("/proc/" + std::to_string(id) + "/stat");
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || stat.size() < name_end + 4) return 0;
  return static_cast<pid_t>(std::strtol(stat.c_str() + name_end + 4, nullptr, 10));
}

void Wait(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

}  // namespace

SshServer::SshServer(const Options& options) : options_(options) {
  if (const passwd* entry = ::getpwuid(::geteuid())) user_ = entry->pw_name;
  if (::geteuid() == 0) ::mkdir("/run/sshd", 0755);  // which a service manager makes
  MakeKey("host_key");
  MakeKey("user_key");
  MakeKey("other_key");
  WriteText(folder_ / "authorized_keys", ReadText(folder_ / (options.accepts_key ? "user_key.pub" : "other_key.pub")));
  for (int tries = 0; tries < 5; ++tries) {
    port_ = FreePort();
    WriteConfiguration();
    Start();
    if (id_ > 0) break;  // else somebody else took the port
  }
  if (id_ < 0) GiveUp(ReadText(folder_ / "sshd.log"));
  if (options.is_known) TrustHostKey();
}

SshServer::~SshServer() { Kill(); }

void SshServer::MakeKey(const std::string& name) const {
  fs::remove(folder_ / name);
  fs::remove(folder_ / (name + ".pub"));
  const pid_t id = Spawn({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder_ / name}, folder_ / "keygen.log");
  int status = 0;
  if (::waitpid(id, &status, 0) != id || status != 0) GiveUp("ssh-keygen failed");
}

void SshServer::TrustHostKey() const {
  WriteText(folder_ / "known_hosts", "[127.0.0.1]:" + std::to_string(port_) + " " + ReadText(folder_ / "host_key.pub"));
}

void SshServer::WriteConfiguration() const {
  std::string server = "Port " + std::to_string(port_) + "\nListenAddress 127.0.0.1\nHostKey " + folder_ / "host_key" +
                       "\nPidFile none\nAuthorizedKeysFile " + folder_ / "authorized_keys" +
                       "\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
                       "PermitRootLogin prohibit-password\nMaxStartups 100\n";
  if (options_.has_sftp) {
    server += "Subsystem sftp internal-sftp" + (options_.denied.empty() ? "" : " -P " + options_.denied) + "\n";
  }
  WriteText(folder_ / "sshd_config", server);
  WriteText(folder_ / "ssh_config", "IdentityFile " + folder_ / "user_key" +
                                        "\nIdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile " +
                                        folder_ / "known_hosts" + "\nGlobalKnownHostsFile none\n");
}

void SshServer::Start() {
  // Setpriv: it ends with a test that crashes, too.
  id_ = Spawn({"setpriv", "--pdeathsig", "TERM", "--", kServerProgram, "-D", "-e", "-f", folder_ / "sshd_config"},
              folder_ / "sshd.log");
  for (int waited_ms = 0; waited_ms < 10'000; waited_ms += 5) {
    if (::waitpid(id_, nullptr, WNOHANG) == id_) break;
    if (Answers()) return;
    Wait(5);
  }
  id_ = -1;
}

bool SshServer::Answers() const {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port_);
  const bool answers = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  ::close(fd);
  return answers;
}

std::vector<pid_t> SshServer::Descendants() const {
  std::vector<pid_t> found = {id_};
  for (size_t i = 0; i < found.size(); ++i) {
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const pid_t id = static_cast<pid_t>(std::strtol(entry.path().filename().c_str(), nullptr, 10));
      if (id > 0 && ParentOf(id) == found[i]) found.push_back(id);
    }
  }
  found.erase(found.begin());
  return found;
}

int SshServer::CountSessions() const {
  int count = 0;
  for (const pid_t id : Descendants()) count += ParentOf(id) == id_ ? 1 : 0;
  return count;
}

void SshServer::Kill() {
  if (id_ < 0) return;
  ::kill(id_, SIGSTOP);  // it starts no more
  for (const pid_t id : Descendants()) ::kill(id, SIGKILL);
  ::kill(id_, SIGKILL);
  ::waitpid(id_, nullptr, 0);
  id_ = -1;
}

void SshServer::Freeze() {
  for (const pid_t id : Descendants()) ::kill(id, SIGSTOP);
}

void SshServer::Thaw() {
  for (const pid_t id : Descendants()) ::kill(id, SIGCONT);
}

void SshServer::FreezeListener() { ::kill(id_, SIGSTOP); }

void SshServer::ChangeHostKey() {
  Kill();
  MakeKey("host_key");
  Start();
}

SftpPlace SshServer::Place(const std::string& path) const {
  return SftpPlace::Parse("sftp://" + user_ + "@127.0.0.1:" + std::to_string(port_) + "/" + path).value();
}

SftpOptions SshServer::Client() const { return {.ssh = {"ssh", "-F", folder_ / "ssh_config"}}; }

}  // namespace cairn
