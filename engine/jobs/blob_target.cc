#include "engine/jobs/blob_target.h"

namespace cairn {
namespace {

class SessionSink : public AddingSink {
 public:
  explicit SessionSink(std::unique_ptr<BlobWriter> writer) : writer_(std::move(writer)) {}
  Result<BlobWriter::Added> Add(BlobKind kind, ByteSpan plain) override { return writer_->Add(kind, plain); }
  Result<void> AddEach(BlobKind kind, std::span<const ByteSpan> plain, std::span<BlobWriter::Added> added) override {
    return writer_->AddEach(kind, plain, added);
  }
  Result<void> Finish() override { return writer_->Finish(); }
  Digest MetadataHash(std::string_view label, std::initializer_list<ByteSpan> parts) const override {
    return writer_->MetadataHash(label, parts);
  }

 private:
  std::unique_ptr<BlobWriter> writer_;
};

class SessionTarget : public BlobTarget {
 public:
  explicit SessionTarget(WriteSession& session) : session_(session) {}
  std::unique_ptr<AddingSink> NewSink(uint64_t frame_bytes) override {
    return std::make_unique<SessionSink>(session_.NewBlobWriter(frame_bytes));
  }
  Result<bool> Knows(const BlobId& id, std::optional<uint32_t> length) override { return session_.Knows(id, length); }

 private:
  WriteSession& session_;
};

class DryRunTarget : public BlobTarget {
 public:
  DryRunTarget(const Repository& repository, Index& index, DryRunTotals& totals)
      : repository_(repository), index_(index), totals_(totals) {}
  std::unique_ptr<AddingSink> NewSink(uint64_t frame_bytes) override;
  Result<bool> Knows(const BlobId& id, std::optional<uint32_t> length) override {
    {
      const std::lock_guard lock(mutex_);
      if (seen_.contains(id)) return true;
    }
    return index_.HasForWriter(id, length);
  }
  Result<void> AddEach(BlobKind kind, std::span<const ByteSpan> plain, std::span<BlobWriter::Added> added) {
    CHECK(plain.size() == added.size());
    std::vector<BlobId> ids(plain.size());
    repository_.hasher().ComputeEach(kind, plain, ids);
    for (size_t i = 0; i < plain.size(); ++i) {
      ASSIGN_OR_RETURN(added[i], AddNamed(kind, ids[i], plain[i]));
    }
    return {};
  }
  const Repository& repository() const { return repository_; }

 private:
  Result<BlobWriter::Added> AddNamed(BlobKind kind, const BlobId& id, ByteSpan plain) {
    ASSIGN_OR_RETURN(const bool known, Knows(id, static_cast<uint32_t>(plain.size())));
    if (known) return BlobWriter::Added{id, false};
    {
      const std::lock_guard lock(mutex_);
      if (!seen_.insert(id).second) return BlobWriter::Added{id, false};
    }
    ++totals_.blobs_new;
    if (kind == BlobKind::kData) ++totals_.data_blobs_new;
    totals_.bytes_new += plain.size();
    return BlobWriter::Added{id, true};
  }

  const Repository& repository_;
  Index& index_;
  DryRunTotals& totals_;
  std::mutex mutex_;
  std::unordered_set<BlobId> seen_;  // guarded by mutex_
};

class DryRunSink : public AddingSink {
 public:
  explicit DryRunSink(DryRunTarget& target) : target_(target) {}
  Result<BlobWriter::Added> Add(BlobKind kind, ByteSpan plain) override {
    BlobWriter::Added added;
    RETURN_IF_ERROR(target_.AddEach(kind, {&plain, 1}, {&added, 1}));
    return added;
  }
  Result<void> AddEach(BlobKind kind, std::span<const ByteSpan> plain, std::span<BlobWriter::Added> added) override {
    return target_.AddEach(kind, plain, added);
  }
  Result<void> Finish() override { return {}; }
  Digest MetadataHash(std::string_view label, std::initializer_list<ByteSpan> parts) const override {
    return target_.repository().hasher().MetadataHash(label, parts);
  }

 private:
  DryRunTarget& target_;
};

std::unique_ptr<AddingSink> DryRunTarget::NewSink(uint64_t) { return std::make_unique<DryRunSink>(*this); }

}  // namespace

std::unique_ptr<BlobTarget> MakeSessionTarget(WriteSession& session) {
  return std::make_unique<SessionTarget>(session);
}

std::unique_ptr<BlobTarget> MakeDryRunTarget(const Repository& repository, Index& index, DryRunTotals& totals) {
  return std::make_unique<DryRunTarget>(repository, index, totals);
}

}  // namespace cairn
