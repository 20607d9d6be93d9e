#include "tests/support/memory_source.h"

#include <algorithm>
#include <functional>

namespace cairn {
namespace {

SourceEntry EntryOf(const std::string& name, const std::string& bytes) {
  SourceEntry entry;
  entry.name = ToBytes(AsBytes(name));
  entry.mode = 0644;
  entry.size = bytes.size();
  entry.modified = {static_cast<int64_t>(std::hash<std::string>()(bytes) % 1'000'000'000), 0};
  entry.mark = {entry.size, entry.modified, entry.modified, std::hash<std::string>()(name)};
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

class Folder : public SourceFolder {
 public:
  explicit Folder(const MemoryFiles& files) : files_(files) {}
  Result<std::vector<SourceEntry>> List() override {
    std::vector<SourceEntry> entries;
    for (const auto& [name, bytes] : files_) entries.push_back(EntryOf(name, bytes));
    return entries;
  }
  Result<std::shared_ptr<SourceFolder>> OpenFolder(const SourceEntry&) override {
    return Error(ErrorCode::kNotFound, "there are no folders");
  }
  Result<std::unique_ptr<SourceFile>> OpenFile(const SourceEntry& entry) override {
    return std::unique_ptr<SourceFile>(std::make_unique<File>(files_.at(ToString(entry.name)), entry.mark));
  }
  Result<SourceMetadata> ReadMetadata(const SourceEntry& entry) override {
    SourceMetadata metadata;
    metadata.changed = entry.mark.changed;
    if (AsText(entry.name).ends_with("+")) metadata.attributes.emplace_back(ToBytes(AsBytes("user.k")), entry.name);
    return metadata;
  }

 private:
  const MemoryFiles& files_;
};

}  // namespace

Result<std::shared_ptr<SourceFolder>> MemorySource::OpenRoot(FindingSink) {
  return std::shared_ptr<SourceFolder>(std::make_shared<Folder>(files_));
}

}  // namespace cairn
