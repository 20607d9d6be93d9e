#include "frontends/postgres/client_program.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>

namespace cairn::postgres {
namespace {

namespace fs = std::filesystem;

constexpr size_t kOutputBytesMax = 4096;

std::vector<std::string> Folders() {
  if (const char* only = std::getenv("CAIRN_PG_BIN"); only != nullptr && *only != 0) return {only};
  std::vector<std::string> folders;
  std::error_code ignored;
  for (const auto& [base, part] : {std::pair{"/usr/lib/postgresql", "bin"}, std::pair{"/usr", "bin"}}) {
    for (fs::directory_iterator it(base, ignored), end; !ignored && it != end; it.increment(ignored)) {
      const std::string name = it->path().filename().native();
      const bool is_version = std::string_view(base) != "/usr" || name.starts_with("pgsql-");
      if (is_version) folders.push_back((it->path() / part).native());
    }
  }
  folders.emplace_back("/usr/local/lib/cairn/pg-client/bin");
  if (const char* home = std::getenv("HOME"); home != nullptr) {
    folders.push_back(std::string(home) + "/.local/lib/cairn/pg-client/bin");
  }
  const char* path = std::getenv("PATH");
  for (std::string_view rest = path != nullptr ? path : ""; !rest.empty();) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
    if (!folder.empty()) folders.emplace_back(folder);
  }
  return folders;
}

Result<std::string> OutputOf(const std::vector<std::string>& command, const stream::Waiter& waiter) {
  ASSIGN_OR_RETURN(const auto child, stream::ChildProcess::Start(command, waiter, {.keeps_errors = true}));
  std::string text;
  Bytes buffer(16 * 1024);
  for (;;) {
    ASSIGN_OR_RETURN(const size_t got, child->Read(buffer));
    if (got == 0) break;
    if (text.size() < 16 * kOutputBytesMax) text += AsText(ByteSpan(buffer).first(got));
  }
  RETURN_IF_ERROR(child->Wait());
  return text;
}

// "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
std::optional<int> MajorOf(const std::string& version) {
  const size_t at = version.find("(PostgreSQL) ");
  if (at == std::string::npos) return std::nullopt;
  return std::atoi(version.c_str() + at + 13);
}

}  // namespace

Result<ClientProgram> FindClientProgram(const std::string& name, int major_min, const stream::Waiter& waiter) {
  ClientProgram best;
  std::string found;
  std::set<std::string> seen;
  for (const std::string& folder : Folders()) {
    const std::string path = folder + "/" + name;
    std::error_code error;
    const fs::path real = fs::canonical(path, error);
    // Debian's wrapper decides by clusters of this machine which version it runs.
    if (error || real.filename() == "pg_wrapper" || ::access(path.c_str(), X_OK) != 0) continue;
    if (!seen.insert(real.native()).second) continue;
    const auto version = OutputOf({path, "--version"}, waiter);
    if (!version && version.error().code() == ErrorCode::kInterrupted) return version.error();
    const auto major = version ? MajorOf(*version) : std::nullopt;
    if (!major) continue;
    found += fmt::format("{}{} ({})", found.empty() ? "" : ", ", path, *major);
    if (*major >= major_min && (best.major == 0 || *major < best.major)) best = {path, *major};
  }
  if (best.major == 0) {
    return MakeError(ErrorCode::kNotFound,
                     "no {} here reads PostgreSQL {}: {}; install postgresql-client-{}, or run tools/pg-client", name,
                     major_min, found.empty() ? "none was found" : "found " + found, major_min);
  }
  return best;
}

stream::ChildOptions ClientOptions(const Address& address) {
  stream::ChildOptions options;
  options.keeps_errors = true;
  options.environment = {{"LC_ALL", "C"}};
  if (!address.password().empty()) options.environment.emplace_back("PGPASSWORD", address.password());
  return options;
}

}  // namespace cairn::postgres
