#include "engine/jobs/content_backup.h"

#include <gtest/gtest.h>

#include "engine/tree/list_reader.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_blobs.h"
#include "tests/support/test_context.h"

namespace cairn {
namespace {

constexpr ChunkerSettings kFiles = {SourceKind::kFiles, 2, 128 * 1024, 256 * 1024, 2048 * 1024};
constexpr ChunkerSettings kRows = {SourceKind::kRows, 2, 2 * 1024, 8 * 1024, 64 * 1024};

// Keeps blobs in memory, and fails from the nth call on.
class MemoryTarget : public BlobTarget {
 public:
  explicit MemoryTarget(MemoryBlobs& blobs, int64_t adds_until_failure = INT64_MAX)
      : blobs_(blobs), left_(adds_until_failure) {}
  std::unique_ptr<AddingSink> NewSink(uint64_t) override { return std::make_unique<Sink>(*this); }
  Result<bool> Knows(const BlobId&, std::optional<uint32_t>) override { return false; }

 private:
  class Sink : public AddingSink {
   public:
    explicit Sink(MemoryTarget& target) : target_(target) {}
    Result<BlobWriter::Added> Add(BlobKind kind, ByteSpan plain) override {
      if (kind == BlobKind::kData && --target_.left_ < 0) return Error(ErrorCode::kIo, "the store is full");
      ASSIGN_OR_RETURN(const BlobId id, target_.blobs_.AddBlob(kind, plain));
      return BlobWriter::Added{id, true};
    }
    Result<void> AddEach(BlobKind kind, std::span<const ByteSpan> plain, std::span<BlobWriter::Added> added) override {
      for (size_t i = 0; i < plain.size(); ++i) {
        ASSIGN_OR_RETURN(added[i], Add(kind, plain[i]));
      }
      return {};
    }
    Result<void> Finish() override { return {}; }
    Digest MetadataHash(std::string_view label, std::initializer_list<ByteSpan> parts) const override {
      return target_.blobs_.MetadataHash(label, parts);
    }

   private:
    MemoryTarget& target_;
  };
  MemoryBlobs& blobs_;
  std::atomic<int64_t> left_;
};

// Runs of data and holes, given out in pieces; it may break off.
class PiecedFile : public SourceFile {
 public:
  struct Run {
    Bytes data;
    uint64_t hole = 0;
  };
  explicit PiecedFile(std::vector<Run> runs, size_t piece = 100'000, uint64_t breaks_after = UINT64_MAX)
      : runs_(std::move(runs)), piece_(piece), left_(breaks_after) {}
  Result<Extent> NextExtent() override {
    if (next_ == runs_.size()) return Extent{};
    const Run& run = runs_[next_];
    offset_ = 0;
    if (run.hole == 0) return Extent{false, run.data.size()};
    ++next_;
    return Extent{true, run.hole};
  }
  Result<size_t> Read(MutableByteSpan target) override {
    const Bytes& data = runs_[next_].data;
    const size_t length = std::min({target.size(), piece_, data.size() - offset_});
    if (length > left_) return Error(ErrorCode::kIo, "a bad sector");
    left_ -= length;
    std::copy_n(data.begin() + static_cast<ptrdiff_t>(offset_), length, target.begin());
    offset_ += length;
    if (length == 0) ++next_;
    return length;
  }
  Result<ChangeMark> Mark() override { return ChangeMark{}; }

 private:
  const std::vector<Run> runs_;
  const size_t piece_;
  uint64_t left_;
  size_t next_ = 0, offset_ = 0;
};

// Letters, no byte zero.
Bytes Text(size_t size, uint64_t seed = 1) {
  Bytes text(size);
  SeededRandom(seed).Fill(text);
  for (uint8_t& byte : text) byte = static_cast<uint8_t>('a' + byte % 26);
  return text;
}

struct Stored {
  StoredContent content;
  std::vector<ListEntry> entries;
};

class ContentBackupTest : public testing::TestWithParam<unsigned> {
 protected:
  ContentBackupTest() : context_({.workers = GetParam(), .limits = {}}) {}

  Result<StoredContent> Store(SourceFile& file, std::optional<Error>& unreadable, MemoryTarget& target,
                              const ContentCuts& cuts = {kFiles, kRows}) {
    const auto metadata = target.NewSink(1);
    const auto contents = ContentBackup::New(context_.job, target, *metadata, cuts, Bytes(32, 5));
    EXPECT_OK(contents);
    auto stored = (*contents)->Store(file, unreadable);
    EXPECT_OK((*contents)->Finish());
    return stored;
  }

  // What was stored reads back as it was.
  Stored StoreRuns(const std::vector<PiecedFile::Run>& runs, const ContentCuts& cuts = {kFiles, kRows}) {
    MemoryTarget target(blobs_);
    PiecedFile file(runs);
    std::optional<Error> unreadable;
    auto stored = Store(file, unreadable, target, cuts);
    EXPECT_OK(stored);
    EXPECT_FALSE(unreadable);
    Stored result{*stored, {}};
    Bytes whole, expected;
    EXPECT_OK(ForEachEntry(blobs_, stored->content, 0, UINT64_MAX, [&](uint64_t, const ListEntry& entry) {
      result.entries.push_back(entry);
      return ReadBack(entry, whole);
    }));
    for (const auto& run : runs) Append(expected, run.hole > 0 ? Bytes(run.hole, 0) : run.data);
    EXPECT_TRUE(whole == expected);
    EXPECT_EQ(stored->bytes, expected.size());
    return result;
  }
  Result<void> ReadBack(const ListEntry& entry, Bytes& whole) {
    if (entry.type == ListEntry::Type::kHole) {
      whole.resize(whole.size() + entry.length, 0);
      return {};
    }
    ASSIGN_OR_RETURN(const auto blob, blobs_.ReadBlob(BlobKind::kData, entry.id));
    for (uint64_t i = 0; i < entry.count; ++i) Append(whole, *blob);
    return {};
  }

  TestContext context_;
  MemoryBlobs blobs_;
};

INSTANTIATE_TEST_SUITE_P(Workers, ContentBackupTest, testing::Values(0u, 1u, 4u));

// SPEC 12: at least 2^20 bytes to the first hole or the end, and no zero among the first 8,000.
TEST_P(ContentBackupTest, TextIsCutAsRows) {
  const auto is_rows = [&](const std::vector<PiecedFile::Run>& runs) {
    const Stored stored = StoreRuns(runs);
    EXPECT_EQ(stored.content.chunker, stored.content.chunker ? std::optional(kRows) : std::nullopt);
    return stored.content.chunker.has_value();
  };
  EXPECT_TRUE(is_rows({{Text(1 << 20)}}));
  EXPECT_FALSE(is_rows({{Text((1 << 20) - 1)}}));
  Bytes zero_at = Text(2 << 20);
  zero_at[8'000] = 0;
  EXPECT_TRUE(is_rows({{zero_at}}));
  zero_at[7'999] = 0;
  EXPECT_FALSE(is_rows({{zero_at}}));
  EXPECT_TRUE(is_rows({{.hole = 4096}, {Text(1 << 20)}, {.hole = 1}, {Text(5)}}));
  EXPECT_FALSE(is_rows({{Text(5)}, {.hole = 4096}, {Text(2 << 20)}}));
  EXPECT_FALSE(is_rows({{.hole = 4096}}));
  EXPECT_FALSE(is_rows({}));
}

TEST_P(ContentBackupTest, RowsAreSmallChunksAndTheRestIsAsTheItem) {
  const Bytes text = Text(4 << 20);
  const Stored rows = StoreRuns({{text}});
  EXPECT_NEAR(static_cast<double>(rows.entries.size()), (4 << 20) / 8192.0, 100);
  const Stored files = StoreRuns({{text}}, {kFiles, std::nullopt});
  EXPECT_FALSE(files.content.chunker);
  EXPECT_NEAR(static_cast<double>(files.entries.size()), 16, 8);
}

// More stretches than may wait, and chunks that are larger than a stretch.
TEST_P(ContentBackupTest, LongFilesAreListedInOrder) {
  Bytes noise(150 << 20);
  SeededRandom(3).Fill(noise);
  StoreRuns({{noise}});
  StoreRuns({{Bytes(noise.begin(), noise.begin() + (20 << 20))}, {.hole = 12345}, {Text(3 << 20)}},
            {{SourceKind::kFiles, 1, 7 << 20, 7 << 20, 7 << 20}, std::nullopt});
}

TEST_P(ContentBackupTest, AFailingStoreIsAnErrorWhoeverMeetsIt) {
  for (const int64_t adds : {0, 1, 700, 1500}) {
    MemoryTarget target(blobs_, adds);
    PiecedFile file({{Text(20 << 20)}});
    std::optional<Error> unreadable;
    const auto stored = Store(file, unreadable, target);
    ASSERT_FALSE(stored);
    EXPECT_EQ(stored.error().code(), ErrorCode::kIo);
    EXPECT_FALSE(unreadable);
  }
}

TEST_P(ContentBackupTest, AnUnreadableFileIsToldAndTheNextOneIsRead) {
  MemoryTarget target(blobs_);
  const auto metadata = target.NewSink(1);
  const auto contents = ContentBackup::New(context_.job, target, *metadata, {kFiles, kRows}, Bytes(32, 5));
  ASSERT_OK(contents);
  for (const uint64_t after : {uint64_t{0}, uint64_t{3} << 20}) {
    PiecedFile file({{Text(10 << 20)}}, 1000, after);
    std::optional<Error> unreadable;
    EXPECT_OK((*contents)->Store(file, unreadable));
    ASSERT_TRUE(unreadable);
    EXPECT_EQ(unreadable->code(), ErrorCode::kIo);
  }
  PiecedFile file({{Text(3 << 20)}});
  std::optional<Error> unreadable;
  const auto stored = (*contents)->Store(file, unreadable);
  ASSERT_OK(stored);
  EXPECT_EQ(stored->bytes, 3u << 20);
}

TEST_P(ContentBackupTest, AStopEndsIt) {
  context_.stop.request_stop();
  MemoryTarget target(blobs_);
  PiecedFile file({{Text(3 << 20)}});
  std::optional<Error> unreadable;
  const auto stored = Store(file, unreadable, target);
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().code(), ErrorCode::kInterrupted);
}

TEST(ContentBackup, RefusesChunkersThatItDoesNotKnow) {
  const TestContext context;
  MemoryBlobs blobs;
  MemoryTarget target(blobs);
  const auto metadata = target.NewSink(1);
  const auto code_of = [&](const ContentCuts& cuts) {
    const auto made = ContentBackup::New(context.job, target, *metadata, cuts, Bytes(32, 5));
    return made ? ErrorCode::kInvalidArgument : made.error().code();
  };
  EXPECT_EQ(code_of({{SourceKind::kFiles, 3, 64, 100, 200}, std::nullopt}), ErrorCode::kUnsupported);
  EXPECT_EQ(code_of({kFiles, ChunkerSettings{SourceKind::kRows, 2, 63, 100, 200}}), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace cairn
