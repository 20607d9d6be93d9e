#include "engine/store/webdav/layout.h"

#include "engine/http/answer.h"

namespace cairn::webdav {

bool IsOutside(std::string_view path) {
  constexpr std::string_view kLostAndFound = "lost+found";  // made by some file systems in their root
  const std::string_view first = path.substr(0, path.find('/'));
  return first == kTemporary.substr(0, kTemporary.size() - 1) || first == kLostAndFound;
}

bool IsShared(std::string_view name) { return name.starts_with(kConfigPrefix) || name.starts_with(kSnapshotPrefix); }

std::string Stored(std::string_view name) {
  std::string stored;
  for (const char c : name) {
    if (c == '.' && (stored.empty() || stored.back() == '/')) stored += '_';
    stored += c;
  }
  return stored;
}

std::optional<std::string> NameOf(const Entry& entry) {
  if (entry.name.starts_with('.')) return std::nullopt;
  return entry.name.starts_with("_.") ? entry.name.substr(1) : entry.name;
}

bool IsSharedFolder(std::string_view folder) {
  return !folder.empty() && IsShared(folder.substr(0, folder.size() - 1));
}

std::string PlaceOf(const ObjectName& name) { return Stored(name.text()) + (IsShared(name.text()) ? "/" : ""); }

std::string FileOf(const ObjectName& name, uint64_t version) {
  if (!IsShared(name.text())) return PlaceOf(name);
  return PlaceOf(name) + std::string(kFile) + (version == 0 ? "" : std::to_string(version));
}

std::optional<uint64_t> VersionOf(const Entry& entry) {
  if (entry.is_folder || !entry.name.starts_with(kFile)) return std::nullopt;
  if (entry.name == kFile) return 0;
  const auto version = http::ParseNumber(std::string_view(entry.name).substr(kFile.size()));
  // "_07" is none of ours: we would ask for "_7".
  const bool is_ours = version && *version > 0 && *version < UINT32_MAX && entry.name[kFile.size()] != '0';
  return is_ours ? version : std::nullopt;
}

const Entry* NewestOf(const std::vector<Entry>& entries) {
  const Entry* newest = nullptr;
  for (const Entry& entry : entries) {
    if (const auto version = VersionOf(entry); version && (!newest || *version > *VersionOf(*newest))) newest = &entry;
  }
  return newest;
}

std::string FolderOf(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string() : std::string(path.substr(0, slash + 1));
}

}  // namespace cairn::webdav
