#include "engine/store/sftp/ssh_program.h"

#include <algorithm>

#include "repo-format/tree_path.h"

namespace cairn::sftp {
namespace {

constexpr size_t kToldSizeMax = 600;

int64_t Seconds(std::chrono::nanoseconds span) {
  return std::max<int64_t>(1, std::chrono::ceil<std::chrono::seconds>(span).count());
}

// As people type it.
std::string Login(const SftpPlace& place) {
  return place.port() ? fmt::format("ssh -p {} {}", *place.port(), place.Login()) : "ssh " + place.Login();
}

std::string KnownHostsName(const SftpPlace& place) {
  return place.port() ? fmt::format("'[{}]:{}'", place.host(), *place.port()) : place.host();
}

}  // namespace

std::vector<std::string> SshCommand(const SftpPlace& place, const SftpOptions& options) {
  if (!options.command.empty()) return options.command;
  std::vector<std::string> command = options.ssh;
  const int64_t alive_seconds = std::clamp<int64_t>(Seconds(options.silence_max) / 4, 1, 15);
  for (const std::string& setting :
       {std::string("BatchMode=yes"), fmt::format("ConnectTimeout={}", Seconds(options.connect_max)),
        fmt::format("ServerAliveInterval={}", alive_seconds), std::string("ServerAliveCountMax=3"),
        // Of the user's settings for a login; OpenSSH's own sftp takes these back, too.
        std::string("ForwardAgent=no"), std::string("ForwardX11=no"), std::string("ClearAllForwardings=yes"),
        std::string("PermitLocalCommand=no"), std::string("RemoteCommand=none"), std::string("RequestTTY=no")}) {
    command.insert(command.end(), {"-o", setting});
  }
  if (place.port()) command.insert(command.end(), {"-p", std::to_string(*place.port())});
  if (!place.user().empty()) command.insert(command.end(), {"-l", place.user()});
  command.insert(command.end(), {"-s", "--", place.host(), "sftp"});
  return command;
}

std::string OneLine(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '\r') continue;
    if (c != '\n') {
      line.push_back(c);
    } else if (!line.empty() && !line.ends_with("; ")) {
      line += "; ";
    }
  }
  while (line.ends_with("; ")) line.resize(line.size() - 2);
  const bool is_long = line.size() > kToldSizeMax;
  if (is_long) line.erase(0, line.size() - kToldSizeMax);
  return (is_long ? "..." : "") + PathForPeople(AsBytes(line));
}

Error SshFailure(const SftpPlace& place, std::string_view errors) {
  const auto says = [&](std::string_view part) { return errors.find(part) != std::string_view::npos; };
  const std::string host = place.port() ? fmt::format("{} port {}", place.host(), *place.port()) : place.host();
  const auto fail = [&](ErrorCode code, const std::string& why) {
    const std::string told = OneLine(errors);
    return Error(code, told.empty() ? why : fmt::format("{} (ssh said: {})", why, told));
  };
  if (says("REMOTE HOST IDENTIFICATION HAS CHANGED")) {
    return fail(ErrorCode::kPermission,
                fmt::format("{} shows another host key than the one that is known: it was set up anew, or somebody "
                            "stands between; if you know that the new key is right, forget the old one with "
                            "\"ssh-keygen -R {}\" and accept the new one with \"{}\"",
                            host, KnownHostsName(place), Login(place)));
  }
  if (says("Host key verification failed") || says("host key is known for")) {
    return fail(
        ErrorCode::kPermission,
        fmt::format("the host key of {} is not known: compare and accept it once with \"{}\"", host, Login(place)));
  }
  if (says("Too many authentication failures")) {
    return fail(ErrorCode::kPermission,
                fmt::format("{} was offered too many keys: name the right one in the ssh configuration (IdentityFile, "
                            "IdentitiesOnly yes)",
                            host));
  }
  if (says("Permission denied (") || says("No supported authentication methods")) {
    return fail(ErrorCode::kPermission,
                fmt::format("{} takes none of your keys, and nobody is asked for a password: \"{}\" must log in by "
                            "itself (ssh-copy-id, ssh-add)",
                            host, Login(place)));
  }
  if (says("subsystem request failed")) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} lets you log in, but offers no SFTP (Subsystem sftp in its sshd_config)", host));
  }
  if (says("Temporary failure in name resolution")) {
    return fail(ErrorCode::kIo, fmt::format("the name {} cannot be looked up now: is there a network?", place.host()))
        .Transient();
  }
  if (says("Could not resolve hostname")) {
    return fail(ErrorCode::kIo, fmt::format("there is no host {}: is the name right?", place.host()));
  }
  if (says("Connection refused")) {
    return fail(ErrorCode::kIo, fmt::format("no ssh server answers at {}: is it running, and the port right?", host))
        .Transient();
  }
  if (says("timed out") || says("No route to host") || says("Network is unreachable")) {
    return fail(ErrorCode::kIo, fmt::format("{} cannot be reached: is it up, and the network?", host)).Transient();
  }
  if (says("Bad configuration option") || says("bad configuration options") || says("unknown option") ||
      says("Bad owner or permissions")) {
    return fail(ErrorCode::kInvalidArgument, "ssh does not take its configuration");
  }
  return fail(ErrorCode::kIo, fmt::format("the connection to {} ended before a session was there", host)).Transient();
}

}  // namespace cairn::sftp
