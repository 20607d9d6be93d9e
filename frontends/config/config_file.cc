#include "frontends/config/config_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>

#include "frontends/config/job_reader.h"
#include "frontends/config/repository_reader.h"
#include "frontends/config/table_reader.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

constexpr const char* kSystemFile = "/etc/cairn/cairn.toml";
constexpr uint64_t kFileBytesMax = kMiB;

// Owns a descriptor.
struct OpenedFile {
  int fd = -1;
  ~OpenedFile() {
    if (fd >= 0) ::close(fd);
  }
};

std::string UserFile(const std::function<std::string(const char* name)>& environment) {
  std::string folder = environment("XDG_CONFIG_HOME");
  if (folder.empty() && !environment("HOME").empty()) folder = environment("HOME") + "/.config";
  return folder.empty() ? "" : folder + "/cairn/cairn.toml";
}

Result<void> RefuseOthers(const std::string& path, const struct stat& status) {
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return MakeError(ErrorCode::kPermission,
                     "{} belongs to user {}, who could have any command run: it must belong to root or to who runs "
                     "cairn (chown)",
                     path, status.st_uid);
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
  return MakeError(ErrorCode::kPermission,
                   "{} may be written by others than its owner, who could have any command run: chmod go-w {}", path,
                   path);
}

// Who may exchange the file for another.
Result<void> RefuseOpenFolder(const std::string& path) {
  const std::string folder = path.substr(0, std::max<size_t>(path.rfind('/'), 1));
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0) return ErrnoError(errno, "looking at " + folder);
  const bool is_shared = (status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0;
  if (!is_shared) return {};
  return MakeError(ErrorCode::kPermission,
                   "the folder {} may be written by everybody, who could put another {} into it: chmod o-w {}", folder,
                   path, folder);
}

Result<std::string> ReadText(const std::string& path) {
  const OpenedFile file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
  if (file.fd < 0) return ErrnoError(errno, "opening the configuration " + path);
  struct stat status{};
  if (::fstat(file.fd, &status) != 0) return ErrnoError(errno, "looking at the configuration " + path);
  if (!S_ISREG(status.st_mode)) return MakeError(ErrorCode::kInvalidArgument, "{} is no file", path);
  RETURN_IF_ERROR(RefuseOthers(path, status));
  RETURN_IF_ERROR(RefuseOpenFolder(path));
  std::string text;
  char part[64 * 1024];
  for (;;) {
    const ssize_t got = ::read(file.fd, part, sizeof(part));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, "reading the configuration " + path);
    if (got == 0) return text;
    text.append(part, static_cast<size_t>(got));
    if (text.size() > kFileBytesMax) {
      return MakeError(ErrorCode::kInvalidArgument, "{} is longer than {} bytes", path, kFileBytesMax);
    }
  }
}

Result<void> CheckName(const TableReader& reader, const TomlEntry& entry, const char* kind) {
  if (!IsConfiguredName(entry.key)) {
    return reader.At(entry.place, entry.key,
                     fmt::format("no {} can be called so: names have letters a to z, digits, _ and -", kind));
  }
  if (entry.value.kind == TomlValue::Kind::kTable) return {};
  return reader.WrongKind(entry, fmt::format("a table: [{}.{}]", kind, entry.key));
}

}  // namespace

std::optional<ConfigPlace> FindConfigFile(const std::string& option,
                                          const std::function<std::string(const char* name)>& environment) {
  for (const std::string& named : {option, environment("CAIRN_CONFIG")}) {
    if (!named.empty()) return ConfigPlace{named, true};
  }
  for (const std::string& path : {UserFile(environment), std::string(kSystemFile)}) {
    struct stat status{};
    if (path.empty()) continue;
    // One that may not be looked at is there, all the same.
    if (::stat(path.c_str(), &status) == 0 || errno == EACCES) return ConfigPlace{path, false};
  }
  return std::nullopt;
}

std::string ConfigFilePlaces(const std::function<std::string(const char* name)>& environment) {
  const std::string user = UserFile(environment);
  return "--config, CAIRN_CONFIG, " + (user.empty() ? "" : user + ", ") + kSystemFile;
}

Result<Configuration> ReadConfigFile(const std::string& path) {
  char resolved[PATH_MAX];
  const std::string file = ::realpath(path.c_str(), resolved) != nullptr ? std::string(resolved) : path;
  ASSIGN_OR_RETURN(const std::string text, ReadText(file));
  return ParseConfiguration(text, file);
}

Result<Configuration> ParseConfiguration(std::string_view text, const std::string& file) {
  ASSIGN_OR_RETURN(const TomlValue document, ParseToml(text, file));
  Configuration configuration{.file = file, .repositories = {}, .jobs = {}};
  TableReader reader(file, "", document);
  ASSIGN_OR_RETURN(const TomlEntry* repositories, reader.Take("repository", TomlValue::Kind::kTable));
  ASSIGN_OR_RETURN(const TomlEntry* jobs, reader.Take("job", TomlValue::Kind::kTable));
  RETURN_IF_ERROR(reader.Finish());
  if (repositories != nullptr) {
    const TableReader names(file, "repository", repositories->value);
    for (const TomlEntry& entry : repositories->value.entries) {
      RETURN_IF_ERROR(CheckName(names, entry, "repository"));
      ASSIGN_OR_RETURN(auto repository, ReadRepository(file, entry));
      configuration.repositories.push_back(std::move(repository));
    }
  }
  if (jobs != nullptr) {
    const TableReader names(file, "job", jobs->value);
    for (const TomlEntry& entry : jobs->value.entries) {
      RETURN_IF_ERROR(CheckName(names, entry, "job"));
      ASSIGN_OR_RETURN(auto job, ReadJob(file, entry));
      configuration.jobs.push_back(std::move(job));
    }
  }
  for (const ConfiguredJob& job : configuration.jobs) RETURN_IF_ERROR(CheckJob(configuration, job));
  return configuration;
}

}  // namespace cairn
