#include "engine/jobs/file_cache.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "engine/crypto/hash.h"
#include "repo-format/wire_reader.h"

namespace cairn {
namespace {

constexpr uint32_t kCacheVersion = 2;
constexpr size_t kBlockBytes = 4 * 1024 * 1024;
constexpr size_t kGroupBytes = 1024 * 1024;
constexpr size_t kCheckBytes = 16;
constexpr size_t kRecentBlocks = 8;

uint64_t HashOf(const Digest& path) {
  uint64_t hash;
  std::memcpy(&hash, path.bytes().data(), sizeof(hash));
  return hash;
}

// A check of its own in front of each file of the cache.
Bytes WithCheck(ByteSpan payload) {
  Bytes bytes = ToBytes(Sha256(payload).bytes().first(kCheckBytes));
  Append(bytes, payload);
  return bytes;
}

std::optional<Bytes> ReadChecked(FileSystem& files, const std::string& path) {
  auto bytes = files.ReadFile(path);
  if (!bytes || bytes->size() < kCheckBytes) return std::nullopt;
  const ByteSpan payload = ByteSpan(*bytes).subspan(kCheckBytes);
  if (!Equal(Sha256(payload).bytes().first(kCheckBytes), ByteSpan(*bytes).first(kCheckBytes))) return std::nullopt;
  return ToBytes(payload);
}

std::string BlockName(uint32_t number) { return fmt::format("{:08}", number); }

void WriteMark(WireWriter& writer, const ChangeMark& mark) {
  writer.V(mark.size);
  writer.Time(mark.modified);
  writer.Time(mark.changed);
  writer.V(mark.inode);
}

ChangeMark ReadMark(WireReader& reader) {
  ChangeMark mark;
  mark.size = reader.V();
  mark.modified = reader.Time();
  mark.changed = reader.Time();
  mark.inode = reader.V();
  return mark;
}

void RemoveBlocks(FileSystem& files, const std::string& folder) {
  std::vector<std::string> names;
  IgnoreError(files.List(folder, [&](const FileInfo& info) { names.push_back(info.name); }), "it may be gone");
  for (const std::string& name : names) IgnoreError(files.Remove(folder + "/" + name), "a cache");
  IgnoreError(files.RemoveFolder(folder), "a cache");
}

}  // namespace

std::string FileCacheKey(ByteSpan host, ItemKind kind, const std::vector<Bytes>& paths, std::string_view name) {
  WireWriter writer;
  writer.String(host);
  writer.U8(static_cast<uint8_t>(kind));
  for (const Bytes& path : paths) writer.String(path);
  if (!name.empty()) writer.String(AsBytes(name));
  return Sha256(writer.bytes()).ToHex().substr(0, 32);
}

// --- reading ---

std::unique_ptr<FileCacheReader> FileCacheReader::Open(FileSystem& files, const LocalCache& cache,
                                                       const std::string& key) {
  const auto pointer = cache.ReadFile("files-" + key);
  if (!pointer || !*pointer) return nullptr;
  const std::string name = ToString(**pointer);
  if (!name.starts_with("blocks-") || name.find('/') != std::string::npos) return nullptr;
  auto reader = std::unique_ptr<FileCacheReader>(new FileCacheReader(files, cache.folder() + "/" + name));
  if (!reader->LoadIndex()) return nullptr;
  return reader;
}

bool FileCacheReader::LoadIndex() {
  const auto bytes = ReadChecked(files_, folder_ + "/index");
  if (!bytes) return false;
  WireReader reader(*bytes, "file cache index");
  if (reader.U32() != kCacheVersion) return false;
  snapshot_ = reader.Get<SnapshotId>();
  const ByteSpan generation = reader.Raw(generation_.size());
  std::ranges::copy(generation, generation_.begin());
  for (uint64_t n = reader.Count(16, UINT32_MAX); n > 0; --n) {
    Place place;
    place.path_hash = reader.U64();
    place.block = reader.U32();
    place.offset = reader.U32();
    places_.push_back(place);
  }
  return reader.Finish().has_value();
}

FileCacheReader::Folder FileCacheReader::OpenFolder(const TreePath& path) {
  Folder folder;
  folder.cache_ = this;
  folder.path_ = Sha256(path);
  const auto [begin, end] = std::ranges::equal_range(places_, HashOf(folder.path_), {}, &Place::path_hash);
  for (auto place = begin; place != end; ++place) folder.groups_.emplace_back(place->block, place->offset);
  return folder;
}

std::shared_ptr<const Bytes> FileCacheReader::Block(uint32_t number) {
  for (auto place = recent_.begin(); place != recent_.end(); ++place) {
    if (place->first != number) continue;
    recent_.splice(recent_.begin(), recent_, place);
    return place->second;
  }
  auto bytes = ReadChecked(files_, folder_ + "/" + BlockName(number));
  auto block = std::make_shared<const Bytes>(bytes ? *std::move(bytes) : Bytes());
  recent_.emplace_front(number, block);
  if (recent_.size() > kRecentBlocks) recent_.pop_back();
  return block;
}

// The next group of the folder; false where there is none, or it is damaged.
bool FileCacheReader::ReadGroup(Folder& folder) {
  folder.entries_.clear();
  folder.next_entry_ = 0;
  if (folder.next_group_ == folder.groups_.size()) return false;
  const auto [number, offset] = folder.groups_[folder.next_group_++];
  const auto block = Block(number);
  if (offset >= block->size()) return false;
  WireReader reader(ByteSpan(*block).subspan(offset), "file cache group");
  if (reader.Get<Digest>() != folder.path_) return true;  // another folder with the same hash: no entries of ours
  const uint64_t size = reader.V();
  WireReader group(reader.Raw(size), "file cache group");
  while (group.remaining() > 0) {
    CachedEntry entry;
    entry.mark = ReadMark(group);
    entry.node = Node::Read(group);
    if (group.failed()) break;
    Bytes name = entry.node.name;
    folder.entries_.emplace_back(std::move(name), std::move(entry));
  }
  return true;
}

std::optional<CachedEntry> FileCacheReader::Folder::Find(ByteSpan name) {
  if (cache_ == nullptr) return std::nullopt;
  for (;;) {
    while (next_entry_ < entries_.size()) {
      auto& [entry_name, entry] = entries_[next_entry_];
      const auto order =
          std::lexicographical_compare_three_way(entry_name.begin(), entry_name.end(), name.begin(), name.end());
      if (order > 0) return std::nullopt;
      ++next_entry_;
      if (order == 0) return std::move(entry);
    }
    if (!cache_->ReadGroup(*this)) return std::nullopt;
  }
}

// --- writing ---

FileCacheWriter::FileCacheWriter(FileSystem& files, LocalCache& cache, const Random& random, std::string key)
    : files_(files),
      cache_(cache),
      key_(std::move(key)),
      name_("blocks-" + random.NewId<ObjectId>().ToHex()),
      folder_(cache.folder() + "/" + name_) {
  failed_ = !files_.MakeFolder(folder_).has_value();
}

FileCacheWriter::~FileCacheWriter() {
  if (!committed_) RemoveBlocks(files_, folder_);
}

FileCacheWriter::Folder::Folder(const TreePath& path) : path_(Sha256(path)) {}

void FileCacheWriter::Folder::Add(const ChangeMark& mark, ByteSpan node) {
  WriteMark(group_, mark);
  group_.Raw(node);
  ++count_;
}

void FileCacheWriter::Take(Folder& folder, bool done) {
  if (folder.count_ == 0 || (!done && folder.group_.size() < kGroupBytes)) return;
  const std::lock_guard lock(mutex_);
  if (!failed_) {
    places_.emplace_back(HashOf(folder.path_), block_number_, static_cast<uint32_t>(block_.size()));
    block_.Put(folder.path_);
    block_.String(folder.group_.bytes());
    if (block_.size() >= kBlockBytes) PutBlock();
  }
  folder.group_ = WireWriter();
  folder.count_ = 0;
}

void FileCacheWriter::PutBlock() {
  const Bytes bytes = WithCheck(block_.bytes());
  failed_ = failed_ || !files_.WriteNewFile(folder_ + "/" + BlockName(block_number_), bytes).has_value();
  ++block_number_;
  block_ = WireWriter();
}

void FileCacheWriter::Commit(const SnapshotId& snapshot, const IndexGeneration& generation) {
  const std::lock_guard lock(mutex_);
  if (block_.size() > 0) PutBlock();
  if (failed_) return;
  std::ranges::sort(places_);
  WireWriter index;
  index.U32(kCacheVersion);
  index.Put(snapshot);
  index.Raw(generation);
  index.V(places_.size());
  for (const auto& [hash, block, offset] : places_) {
    index.U64(hash);
    index.U32(block);
    index.U32(offset);
  }
  if (!files_.WriteNewFile(folder_ + "/index", WithCheck(index.bytes()))) return;
  const auto old = cache_.ReadFile("files-" + key_);
  if (!cache_.WriteFile("files-" + key_, AsBytes(name_))) return;
  committed_ = true;
  if (old && *old && ToString(**old).starts_with("blocks-")) {
    RemoveBlocks(files_, cache_.folder() + "/" + ToString(**old));
  }
  RemoveStale();
}

// Blocks that no pointer names: of a backup that runs, or of one that was killed. A running one that loses them only
// reads more the next time.
void FileCacheWriter::RemoveStale() {
  constexpr int64_t kStaleNs = int64_t{2} * 86'400 * 1'000'000'000;
  std::set<std::string> used;
  std::vector<FileInfo> blocks;
  const auto own = files_.Stat(folder_);
  const auto listed = files_.List(cache_.folder(), [&](const FileInfo& info) {
    if (info.is_folder && info.name.starts_with("blocks-")) blocks.push_back(info);
    if (!info.name.starts_with("files-")) return;
    if (const auto pointer = cache_.ReadFile(info.name); pointer && *pointer) used.insert(ToString(**pointer));
  });
  if (!own || !listed) return;
  for (const FileInfo& info : blocks) {
    if (used.contains(info.name) || own->modified - info.modified < kStaleNs) continue;
    RemoveBlocks(files_, cache_.folder() + "/" + info.name);
  }
}

}  // namespace cairn
