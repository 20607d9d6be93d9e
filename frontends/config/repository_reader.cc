#include "frontends/config/repository_reader.h"

#include <algorithm>

#include "engine/stores/open_store.h"
#include "frontends/config/values.h"

namespace cairn {
namespace {

// "user:password@" behind the "//" of a URL.
bool HasPassword(const std::string& address) {
  const size_t begin = address.find("://");
  if (begin == std::string::npos) return false;
  const std::string host = address.substr(begin + 3, address.find('/', begin + 3) - begin - 3);
  const size_t at = host.rfind('@');
  return at != std::string::npos && host.find(':') < at;
}

// "password=", as a keyword or behind the "?" of a URL, and with blanks round the "=" as libpq takes them.
bool HasPasswordWord(std::string_view address) {
  constexpr std::string_view kWord = "password";
  for (size_t at = address.find(kWord); at != std::string_view::npos; at = address.find(kWord, at + 1)) {
    const size_t next = address.find_first_not_of(" \t\n", at + kWord.size());
    if (next != std::string_view::npos && address[next] == '=') return true;
  }
  return false;
}

Result<void> CheckVariable(const std::string& name) {
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  const bool is_name = !name.empty() && is_letter(name.front()) &&
                       std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
  if (is_name) return {};
  return Error(ErrorCode::kInvalidArgument, "it is no name of an environment variable");  // it may be a password
}

Result<void> ReadPassword(TableReader& reader, ConfiguredRepository& repository) {
  for (const char* key : {"password", "passphrase"}) {
    const TomlEntry* clear = reader.Take(key);
    if (clear == nullptr) continue;
    return reader.At(clear->place, key,
                     "no password is written into the configuration: give password-file, password-command or "
                     "password-env");
  }
  // Not shown: it may be the password.
  RETURN_IF_ERROR(reader.String("password-file", &repository.password_file, [](const std::string& path) {
    return path.starts_with("/") ? Result<void>()
                                 : Error(ErrorCode::kInvalidArgument, "it is no whole path, from / on, of a file");
  }));
  RETURN_IF_ERROR(reader.String("password-command", &repository.password_command));
  RETURN_IF_ERROR(reader.String("password-env", &repository.password_variable, CheckVariable));
  const int sources = (repository.password_file.empty() ? 0 : 1) + (repository.password_command.empty() ? 0 : 1) +
                      (repository.password_variable.empty() ? 0 : 1);
  if (sources <= 1) return {};
  return reader.At(repository.place, "",
                   "the password comes from one place: give one of password-file, password-command and password-env");
}

Result<void> ReadStore(TableReader& reader, ConfiguredRepository& repository) {
  ASSIGN_OR_RETURN(const TomlEntry* entry, reader.Take("store", TomlValue::Kind::kTable));
  if (entry == nullptr) return {};
  for (const TomlEntry& one : entry->value.entries) {
    const std::string key = "store.\"" + one.key + "\"";
    if (one.value.kind == TomlValue::Kind::kTable) {
      return reader.At(one.place, key, "write the name of the setting in quotes: \"s3.region\" = ...");
    }
    if (one.value.kind != TomlValue::Kind::kString) {
      return reader.At(one.value.place, key, fmt::format("it is {}, expected a string", KindText(one.value.kind)));
    }
    StoreSettings known;
    const auto added = AddStoreSetting(known, one.key + "=" + one.value.text);
    if (!added) return reader.At(one.place, key, added.error().message());
    repository.store_settings.push_back(one.key + "=" + one.value.text);
  }
  return {};
}

}  // namespace

Result<void> CheckConfiguredPath(const std::string& path) {
  if (path.starts_with("/")) return {};
  return MakeError(ErrorCode::kInvalidArgument,
                   "\"{}\" begins nowhere: write the whole path, from / on, for jobs run in any folder", path);
}

Result<void> CheckRepositoryAddress(const std::string& address) {
  if (address.empty()) return Error(ErrorCode::kInvalidArgument, "it is empty");
  if (HasPassword(address)) {
    return Error(ErrorCode::kInvalidArgument, "it holds a password, which is not written into the configuration");
  }
  const auto folder = LocalFolderOf(address);
  return folder ? CheckConfiguredPath(*folder) : Result<void>();
}

Result<void> CheckServerAddress(const std::string& address) {
  if (!HasPassword(address) && !HasPasswordWord(address)) return {};
  return Error(ErrorCode::kInvalidArgument,
               "it holds a password, which is not written into the configuration: give env:NAME for an environment "
               "variable that holds the address, PGPASSWORD, or ~/.pgpass");
}

Result<ConfiguredRepository> ReadRepository(const std::string& file, const TomlEntry& entry) {
  TableReader reader(file, "repository." + entry.key, entry.value);
  ConfiguredRepository repository{.name = entry.key, .place = entry.place};
  RETURN_IF_ERROR(reader.String("address", &repository.address, CheckRepositoryAddress));
  if (repository.address.empty()) {
    return reader.At(entry.place, "", "it has no address: give address = \"/srv/backup\", or what -r takes");
  }
  RETURN_IF_ERROR(ReadPassword(reader, repository));
  RETURN_IF_ERROR(ReadStore(reader, repository));
  RETURN_IF_ERROR(reader.String("cache-dir", &repository.cache_folder, CheckConfiguredPath));
  RETURN_IF_ERROR(reader.Word("limit-upload", &repository.limit_upload, CheckedBy(ParseBytes)));
  RETURN_IF_ERROR(reader.Word("limit-download", &repository.limit_download, CheckedBy(ParseBytes)));
  RETURN_IF_ERROR(reader.Finish());
  return repository;
}

}  // namespace cairn
