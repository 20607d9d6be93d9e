#include "frontends/view/snapshot_folders.h"

#include <algorithm>

#include "engine/repo/time_text.h"

namespace cairn::view {
namespace {

constexpr std::string_view kLatest = "latest";
constexpr std::string_view kByTime = "by-time", kById = "by-id", kByHost = "by-host", kByTag = "by-tag",
                           kByPath = "by-path";
constexpr size_t kPathBytesMax = 4'096;  // as Linux has it: a longer one was made up, and would be folders without end

std::string Below(std::string_view folder, std::string_view name) {
  return folder.empty() ? std::string(name) : fmt::format("{}/{}", folder, name);
}

// The names of a path, each as a folder's.
std::string FoldersOfPath(ByteSpan path) {
  std::string folders;
  for (std::string_view rest = AsText(path); !rest.empty();) {
    const size_t end = std::min(rest.find('/'), rest.size());
    if (end > 0) folders = Below(folders, FolderName(AsBytes(rest.substr(0, end))));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return folders;
}

}  // namespace

std::string LocalTimeName(const WireTime& time, const Clock& clock) {
  constexpr int64_t kSecondsMax = 9'000'000'000;  // what fits nanoseconds
  const bool fits = time.seconds > -kSecondsMax && time.seconds < kSecondsMax;
  std::string text = FormatTime(time, fits ? clock.OffsetMinutes(time.seconds * 1'000'000'000) : 0);
  std::ranges::replace(text, ' ', '_');
  std::ranges::replace(text, ':', '-');
  return text;
}

std::string FolderName(ByteSpan bytes) {
  const std::string_view text = AsText(bytes);
  if (text.empty()) return "%";
  const bool is_dots = text == "." || text == "..";
  std::string name;
  for (const char c : text) {
    const bool is_plain = c != '/' && c != '%' && c != '\0' && !is_dots;
    name += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return name;
}

SnapshotNames::Names SnapshotNames::Of(const LoadedSnapshot& snapshot) {
  const auto [place, is_new] = names_.try_emplace(snapshot.id);
  if (!is_new) return place->second;
  const std::string id = snapshot.id.ToHex();
  const auto take = [&](std::initializer_list<std::string> candidates) {
    for (const std::string& name : candidates) {
      if (taken_.insert(name).second) return name;
    }
    return id;
  };
  const std::string time = time_name_(snapshot.inner.start);
  place->second.time = take({time, time + "_" + snapshot.id.Short(), time + "_" + id});
  place->second.id = take({snapshot.id.Short(), id});
  return place->second;
}

SnapshotFolders::SnapshotFolders(const std::vector<ShownSnapshot>& snapshots, SnapshotNames& names) {
  folders_.try_emplace("");
  for (const std::string_view folder : kTop) MakeFolder(std::string(folder));
  std::vector<std::pair<ShownSnapshot, SnapshotNames::Names>> named;
  for (const ShownSnapshot& snapshot : snapshots) {
    ids_.insert(snapshot->id);
    named.emplace_back(snapshot, names.Of(*snapshot));
  }
  // Folders first, so that none of them stands where a snapshot does.
  const auto folders_of = [](const LoadedSnapshot& snapshot) {
    std::set<std::string> folders{std::string(kByTime), Below(kByHost, FolderName(snapshot.inner.host))};
    for (const std::string& tag : snapshot.tags) folders.insert(Below(kByTag, FolderName(AsBytes(tag))));
    for (const SnapshotItem& item : snapshot.inner.items) {
      for (const Bytes& path : item.paths) {
        if (path.size() > kPathBytesMax) continue;
        const std::string below = FoldersOfPath(path);
        folders.insert(below.empty() ? std::string(kByPath) : Below(kByPath, below));
      }
    }
    return folders;
  };
  for (const auto& [snapshot, name] : named) {
    for (const std::string& folder : folders_of(*snapshot)) MakeFolder(folder);
  }
  for (const auto& [snapshot, name] : named) {
    for (const std::string& folder : folders_of(*snapshot)) Add(folder, name, snapshot);
    folders_.find(kById)->second.entries.emplace(name.id, Entry{.kind = Kind::kSnapshot, .snapshot = snapshot});
  }
  AddLatest();
}

void SnapshotFolders::MakeFolder(const std::string& path) {
  if (!folders_.try_emplace(path).second) return;
  const size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
  MakeFolder(parent);
  folders_[parent].entries.emplace(path.substr(slash == std::string::npos ? 0 : slash + 1), Entry{});
}

void SnapshotFolders::Add(const std::string& folder, const SnapshotNames::Names& names, const ShownSnapshot& snapshot) {
  auto& entries = folders_[folder].entries;
  const Entry entry{.kind = Kind::kSnapshot, .snapshot = snapshot};
  if (!entries.emplace(names.time, entry).second) entries.emplace(names.time + "_" + names.id, entry);
  for (std::string path = folder;;) {
    WireTime& modified = folders_[path].modified;
    modified = std::max(modified, snapshot->inner.start);
    if (path.empty()) break;
    const size_t slash = path.rfind('/');
    path = slash == std::string::npos ? "" : path.substr(0, slash);
  }
}

void SnapshotFolders::AddLatest() {
  for (auto& [path, folder] : folders_) {
    if (path == kById) continue;
    Entry latest{.kind = Kind::kLatest};
    for (const auto& [name, entry] : folder.entries) {
      if (entry.kind != Kind::kSnapshot || entry.snapshot->inner.snapshot_class == SnapshotClass::kSafety) continue;
      const auto when = [](const LoadedSnapshot& one) { return std::pair(one.inner.start, one.id); };
      if (latest.snapshot != nullptr && when(*latest.snapshot) > when(*entry.snapshot)) continue;
      latest.snapshot = entry.snapshot;
      latest.target = name;
    }
    if (latest.snapshot != nullptr) folder.entries.emplace(kLatest, std::move(latest));
  }
}

const SnapshotFolders::Folder* SnapshotFolders::Find(std::string_view path) const {
  const auto found = folders_.find(path);
  return found == folders_.end() ? nullptr : &found->second;
}

bool SnapshotFolders::has_latest() const {
  const Folder* by_time = Find(kByTime);
  return by_time != nullptr && by_time->entries.contains(kLatest);
}

}  // namespace cairn::view
