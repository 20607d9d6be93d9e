#include "engine/jobs/file_cache.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "engine/crypto/hash.h"
#include "repo-format/limits.h"
#include "repo-format/wire_reader.h"

namespace cairn {
namespace {

constexpr uint32_t kCacheVersion = 3;
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

void WriteEntry(WireWriter& writer, const CachedEntry& entry) {
  writer.V(entry.mark.size);
  writer.Time(entry.mark.modified);
  writer.Time(entry.mark.changed);
  writer.V(entry.mark.inode);
  writer.U8(static_cast<uint8_t>(entry.type));
  writer.U8(entry.changed_while_read ? 1 : 0);
  writer.V(entry.node.size);
  writer.String(entry.node.name);
  writer.String(entry.node.bytes);
}

CachedEntry ReadEntry(WireReader& reader) {
  CachedEntry entry;
  entry.mark.size = reader.V();
  entry.mark.modified = reader.Time();
  entry.mark.changed = reader.Time();
  entry.mark.inode = reader.V();
  entry.type = static_cast<NodeType>(reader.U8());
  entry.changed_while_read = reader.U8() != 0;
  entry.node.size = reader.V();
  entry.node.name = ToBytes(reader.String(limits::kNameBytesMax));
  entry.node.bytes = ToBytes(reader.String(limits::kDirectoryBlobBytesMax));
  return entry;
}

void RemoveBlocks(FileSystem& files, const std::string& folder) {
  std::vector<std::string> names;
  IgnoreError(files.List(folder, [&](const FileInfo& info) { names.push_back(info.name); }), "it may be gone");
  for (const std::string& name : names) IgnoreError(files.Remove(folder + "/" + name), "a cache");
  IgnoreError(files.RemoveFolder(folder), "a cache");
}

}  // namespace

CachedEntry CachedEntry::Of(const Node& node, const ChangeMark& mark) {
  return {mark, node.type, node.changed_while_read, WrittenNode::Of(node)};
}

Result<Node> CachedEntry::ReadNode() const {
  WireReader reader(node.bytes, "node in the file cache");
  Node read = Node::Read(reader);
  RETURN_IF_ERROR(reader.Finish());
  return read;
}

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
  folder.group_ = {};
  if (folder.next_group_ == folder.groups_.size()) return false;
  const auto [number, offset] = folder.groups_[folder.next_group_++];
  folder.block_ = Block(number);
  if (offset >= folder.block_->size()) return false;
  WireReader reader(ByteSpan(*folder.block_).subspan(offset), "file cache group");
  if (reader.Get<Digest>() != folder.path_) return true;  // another folder with the same hash: no entries of ours
  const uint64_t size = reader.V();
  folder.group_ = reader.Raw(size);
  return true;
}

bool FileCacheReader::Folder::ReadNext() {
  next_.reset();
  while (group_.empty()) {
    if (cache_ == nullptr || !cache_->ReadGroup(*this)) return false;
  }
  WireReader reader(group_, "file cache entry");
  CachedEntry entry = ReadEntry(reader);
  if (reader.failed()) {
    group_ = {};
    return false;
  }
  group_ = group_.subspan(reader.offset());
  next_ = std::move(entry);
  return true;
}

std::optional<CachedEntry> FileCacheReader::Folder::Find(ByteSpan name) {
  while (next_ || ReadNext()) {
    const Bytes& there = next_->node.name;
    const auto order = std::lexicographical_compare_three_way(there.begin(), there.end(), name.begin(), name.end());
    if (order > 0) return std::nullopt;
    if (order == 0) return std::exchange(next_, std::nullopt);
    next_.reset();
  }
  return std::nullopt;
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

void FileCacheWriter::Folder::Add(const CachedEntry& entry) {
  WriteEntry(group_, entry);
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
