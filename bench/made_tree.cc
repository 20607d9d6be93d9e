#include "bench/made_tree.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace cairn::bench {
namespace {

constexpr int64_t kFirstSecond = 1'700'000'000;

// What the files of a tree have in common.
struct Shape {
  uint64_t files = 0, generation = 0;

  // Of which generation file n is.
  uint64_t GenerationOf(uint64_t n) const { return n % kChangeEach == 0 ? generation : 0; }
  std::string ContentOf(uint64_t n) const {
    return fmt::format("content {} of generation {}\n", n % kContents, GenerationOf(n));
  }
};

SourceEntry EntryOf(NodeType type, std::string_view name, uint64_t inode, uint64_t generation) {
  SourceEntry entry;
  entry.name = ToBytes(AsBytes(name));
  entry.type = type;
  entry.mode = type == NodeType::kFolder ? 0755 : 0644;
  entry.modified = {kFirstSecond + static_cast<int64_t>(generation), 0};
  entry.inode = inode;
  entry.mark = {0, entry.modified, entry.modified, inode};
  return entry;
}

class File : public SourceFile {
 public:
  File(std::string bytes, ChangeMark mark) : bytes_(std::move(bytes)), mark_(mark) {}
  Result<Extent> NextExtent() override { return Extent{false, bytes_.size() - offset_}; }
  Result<size_t> Read(MutableByteSpan target) override {
    const size_t count = std::min(target.size(), bytes_.size() - offset_);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset_), count, target.begin());
    offset_ += count;
    return count;
  }
  Result<ChangeMark> Mark() override { return mark_; }

 private:
  const std::string bytes_;
  const ChangeMark mark_;
  size_t offset_ = 0;
};

// Files `first` to `end`. `span` is how many of them an entry stands for: 1, those of a folder, of a group, or all.
class Folder : public SourceFolder {
 public:
  Folder(const Shape& shape, uint64_t first, uint64_t end, uint64_t span)
      : shape_(shape), first_(first), end_(end), span_(span) {}

  Result<std::vector<SourceEntry>> List() override {
    std::vector<SourceEntry> entries;
    for (uint64_t n = first_; n < end_; n += span_) entries.push_back(span_ == 1 ? FileAt(n) : FolderAt(n));
    return entries;
  }
  Result<std::shared_ptr<SourceFolder>> OpenFolder(const SourceEntry& entry) override {
    const uint64_t first = entry.inode % shape_.files;
    const uint64_t below = span_ == kAll ? kGroup : span_ == kGroup ? kFilesPerFolder : 1;
    const uint64_t count = std::min(span_, shape_.files - first);
    return std::shared_ptr<SourceFolder>(std::make_shared<Folder>(shape_, first, first + count, below));
  }
  Result<std::unique_ptr<SourceFile>> OpenFile(const SourceEntry& entry) override {
    return std::unique_ptr<SourceFile>(std::make_unique<File>(shape_.ContentOf(entry.inode), entry.mark));
  }
  Result<SourceMetadata> ReadMetadata(const SourceEntry& entry) override {
    SourceMetadata metadata;
    metadata.user = metadata.group = ToBytes(AsBytes("made"));
    metadata.changed = entry.mark.changed;
    return metadata;
  }

  static constexpr uint64_t kGroup = kFilesPerFolder * kFoldersPerGroup, kAll = UINT64_MAX;

 private:
  SourceEntry FileAt(uint64_t n) const {
    SourceEntry entry = EntryOf(NodeType::kFile, fmt::format("file-{:09}", n), n, shape_.GenerationOf(n));
    entry.size = entry.mark.size = shape_.ContentOf(n).size();
    return entry;
  }
  // Its inode is no file's.
  SourceEntry FolderAt(uint64_t n) const {
    const bool is_all = span_ == kAll, is_group = span_ == kGroup;
    const uint64_t inode = shape_.files * (is_all ? 3 : is_group ? 2 : 1) + n;
    const std::string name = is_all     ? "made"
                             : is_group ? fmt::format("group-{:05}", n / kGroup)
                                        : fmt::format("folder-{:07}", n / kFilesPerFolder);
    return EntryOf(NodeType::kFolder, name, inode, 0);
  }

  const Shape shape_;
  const uint64_t first_, end_, span_;
};

}  // namespace

Result<std::shared_ptr<SourceFolder>> MadeTree::OpenRoot(FindingSink) {
  return std::shared_ptr<SourceFolder>(
      std::make_shared<Folder>(Shape{files_, generation_}, uint64_t{0}, uint64_t{1}, Folder::kAll));
}

}  // namespace cairn::bench
