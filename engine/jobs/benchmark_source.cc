#include "engine/jobs/benchmark_source.h"

#include <algorithm>
#include <utility>

namespace cairn {
namespace {

using Deadline = std::shared_ptr<SourceDeadline>;

Error AfterTheEnd(const SourceEntry& entry) {
  return MakeError(ErrorCode::kBusy, "{}: the time of the measurement is over", ToString(entry.name));
}

class BoundedFile : public SourceFile {
 public:
  BoundedFile(std::unique_ptr<SourceFile> base, Deadline deadline)
      : base_(std::move(base)), deadline_(std::move(deadline)) {}
  Result<Extent> NextExtent() override {
    if (deadline_->IsOver()) return Extent{};
    return base_->NextExtent();
  }
  Result<size_t> Read(MutableByteSpan target) override {
    if (deadline_->IsOver()) return size_t{0};
    auto got = base_->Read(target);
    if (got && *got > 0) deadline_->NoteRead();
    return got;
  }
  void ReadSoon() override { base_->ReadSoon(); }
  Result<ChangeMark> Mark() override { return base_->Mark(); }

 private:
  const std::unique_ptr<SourceFile> base_;
  const Deadline deadline_;
};

class BoundedFolder : public SourceFolder {
 public:
  BoundedFolder(std::shared_ptr<SourceFolder> base, Deadline deadline)
      : base_(std::move(base)), deadline_(std::move(deadline)) {}
  Result<std::vector<SourceEntry>> List() override {
    if (deadline_->IsOver()) return std::vector<SourceEntry>();
    return base_->List();
  }
  Result<std::shared_ptr<SourceFolder>> OpenFolder(const SourceEntry& entry) override {
    if (deadline_->IsOver()) return AfterTheEnd(entry);
    ASSIGN_OR_RETURN(auto folder, base_->OpenFolder(entry));
    return std::shared_ptr<SourceFolder>(std::make_shared<BoundedFolder>(std::move(folder), deadline_));
  }
  Result<std::unique_ptr<SourceFile>> OpenFile(const SourceEntry& entry) override {
    if (deadline_->IsOver()) return AfterTheEnd(entry);
    deadline_->NoteOpen();
    ASSIGN_OR_RETURN(auto file, base_->OpenFile(entry));
    return std::unique_ptr<SourceFile>(std::make_unique<BoundedFile>(std::move(file), deadline_));
  }
  Result<SourceMetadata> ReadMetadata(const SourceEntry& entry) override {
    if (deadline_->IsOver()) return AfterTheEnd(entry);
    return base_->ReadMetadata(entry);
  }

 private:
  const std::shared_ptr<SourceFolder> base_;
  const Deadline deadline_;
};

class BoundedSource : public Source {
 public:
  BoundedSource(std::unique_ptr<Source> base, Deadline deadline)
      : base_(std::move(base)), deadline_(std::move(deadline)) {}
  ItemKind kind() const override { return base_->kind(); }
  SourceKind chunking() const override { return base_->chunking(); }
  std::string name() const override { return base_->name(); }
  std::vector<Bytes> paths() const override { return base_->paths(); }
  Result<std::shared_ptr<SourceFolder>> OpenRoot(FindingSink findings) override {
    deadline_->NoteRoot();
    ASSIGN_OR_RETURN(auto root, base_->OpenRoot(std::move(findings)));
    return std::shared_ptr<SourceFolder>(std::make_shared<BoundedFolder>(std::move(root), deadline_));
  }
  Result<SourceEntry> RootEntry() override { return base_->RootEntry(); }

 private:
  const std::unique_ptr<Source> base_;
  const Deadline deadline_;
};

constexpr uint64_t kSampleFiles = 16 * 1024;  // of 4 MiB, or less: more than can be read while somebody waits

class SampleFile : public SourceFile {
 public:
  SampleFile(ByteSpan bytes, const ChangeMark& mark) : rest_(bytes), mark_(mark) {}
  Result<Extent> NextExtent() override { return Extent{false, rest_.size()}; }
  Result<size_t> Read(MutableByteSpan target) override {
    const size_t size = std::min(target.size(), rest_.size());
    std::copy_n(rest_.begin(), size, target.begin());
    rest_ = rest_.subspan(size);
    return size;
  }
  Result<ChangeMark> Mark() override { return mark_; }

 private:
  ByteSpan rest_;
  const ChangeMark mark_;
};

class SampleFolder : public SourceFolder {
 public:
  explicit SampleFolder(const BenchmarkSample& sample) : sample_(sample) {}
  Result<std::vector<SourceEntry>> List() override {
    std::vector<SourceEntry> entries(kSampleFiles);
    for (uint64_t i = 0; i < kSampleFiles; ++i) {
      SourceEntry& entry = entries[i];
      entry.name = ToBytes(AsBytes(fmt::format("{:08}", i)));
      entry.mode = 0600;
      entry.inode = i + 1;
      entry.size = PieceOf(entry).bytes.size();
      entry.mark.size = entry.size;
      entry.mark.inode = entry.inode;
    }
    return entries;
  }
  Result<std::shared_ptr<SourceFolder>> OpenFolder(const SourceEntry& entry) override {
    return MakeError(ErrorCode::kNotFound, "{}: there are no folders", ToString(entry.name));
  }
  Result<std::unique_ptr<SourceFile>> OpenFile(const SourceEntry& entry) override {
    return std::unique_ptr<SourceFile>(std::make_unique<SampleFile>(PieceOf(entry).bytes, entry.mark));
  }
  Result<SourceMetadata> ReadMetadata(const SourceEntry&) override { return SourceMetadata{}; }

 private:
  const SamplePiece& PieceOf(const SourceEntry& entry) const {
    return sample_.pieces[entry.inode % sample_.pieces.size()];
  }

  const BenchmarkSample& sample_;
};

class SampleSource : public Source {
 public:
  explicit SampleSource(const BenchmarkSample& sample) : sample_(sample) {}
  ItemKind kind() const override { return ItemKind::kFiles; }
  SourceKind chunking() const override { return SourceKind::kFiles; }
  std::string name() const override { return "files"; }
  std::vector<Bytes> paths() const override { return {}; }
  Result<std::shared_ptr<SourceFolder>> OpenRoot(FindingSink) override {
    return std::shared_ptr<SourceFolder>(std::make_shared<SampleFolder>(sample_));
  }
  Result<SourceEntry> RootEntry() override {
    SourceEntry root;
    root.type = NodeType::kFolder;
    return root;
  }

 private:
  const BenchmarkSample& sample_;
};

}  // namespace

std::unique_ptr<Source> MakeBoundedSource(std::unique_ptr<Source> source, std::shared_ptr<SourceDeadline> deadline) {
  return std::make_unique<BoundedSource>(std::move(source), std::move(deadline));
}

std::unique_ptr<Source> MakeSampleSource(const BenchmarkSample& sample) {
  return std::make_unique<SampleSource>(sample);
}

}  // namespace cairn
