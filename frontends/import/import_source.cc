#include "frontends/import/import_source.h"

#include "frontends/import/import_tree.h"
#include "frontends/import/original.h"

namespace cairn::import {

void ImportState::Note(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = error;
}

std::optional<Error> ImportState::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

Result<void> ImportState::CheckUnchanged() const { return original_->CheckUnchanged(); }

class ImportSource::File : public SourceFile {
 public:
  File(std::unique_ptr<ByteStream> stream, std::shared_ptr<ImportState> state)
      : stream_(std::move(stream)), state_(std::move(state)) {}
  Result<Extent> NextExtent() override { return is_at_end_ ? Extent{} : Extent{false, 1}; }
  Result<size_t> Read(MutableByteSpan target) override {
    if (is_at_end_ || target.empty()) return 0;
    auto got = stream_->Read(target);
    if (!got) state_->Note(got.error());
    is_at_end_ = got && *got == 0;
    return got;
  }
  Result<ChangeMark> Mark() override { return ChangeMark{}; }

 private:
  const std::unique_ptr<ByteStream> stream_;
  const std::shared_ptr<ImportState> state_;
  bool is_at_end_ = false;
};

class ImportSource::Folder : public SourceFolder {
 public:
  Folder(std::shared_ptr<const TreeEntry> folder, std::shared_ptr<ImportState> state)
      : folder_(std::move(folder)), state_(std::move(state)) {}
  Result<std::vector<SourceEntry>> List() override {
    std::vector<SourceEntry> entries;
    for (const auto& [name, child] : folder_->children) entries.push_back(child->entry);
    return entries;
  }
  Result<std::shared_ptr<SourceFolder>> OpenFolder(const SourceEntry& entry) override {
    return std::make_shared<Folder>(folder_->children.at(entry.name), state_);
  }
  Result<std::unique_ptr<SourceFile>> OpenFile(const SourceEntry& entry) override {
    auto stream = folder_->children.at(entry.name)->open();
    if (!stream) state_->Note(stream.error());
    RETURN_IF_ERROR(stream);
    return std::make_unique<File>(*std::move(stream), state_);
  }
  Result<SourceMetadata> ReadMetadata(const SourceEntry& entry) override {
    return folder_->children.at(entry.name)->metadata;
  }

 private:
  const std::shared_ptr<const TreeEntry> folder_;
  const std::shared_ptr<ImportState> state_;
};

SourceKind ImportSource::chunking() const {
  if (item_.kind == ItemKind::kSqlite) return SourceKind::kPages;
  return item_.kind == ItemKind::kStream ? SourceKind::kStream : SourceKind::kFiles;
}

Result<std::shared_ptr<SourceFolder>> ImportSource::OpenRoot(FindingSink) {
  return std::make_shared<Folder>(item_.root, state_);
}

Result<SourceEntry> ImportSource::RootEntry() { return item_.root->entry; }

Result<void> ImportSource::Finish() {
  auto unchanged = state_->CheckUnchanged();
  if (!unchanged) state_->Note(unchanged.error());
  return unchanged;
}

}  // namespace cairn::import
