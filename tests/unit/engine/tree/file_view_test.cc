#include "engine/tree/file_view.h"

#include "engine/tree/list_reader.h"
#include "engine/tree/read_ahead.h"
#include "tests/unit/engine/tree/tree_fixture.h"

namespace cairn::tree_test {
namespace {

// A file of `blobs` blobs of 1,000 bytes each, one of each byte, with its bytes beside it.
struct Made {
  std::shared_ptr<Node> node = std::make_shared<Node>(File("f"));
  std::string bytes;
  std::vector<BlobId> ids;
};

void AddBlob(MemoryBlobs& blobs, std::vector<ListEntry>& entries, Made& made, size_t size) {
  const std::string text(size, static_cast<char>('a' + made.ids.size() % 26));
  made.ids.push_back(blobs.AddBlob(BlobKind::kData, AsBytes(text + std::to_string(made.ids.size()))).value());
  made.bytes += text + std::to_string(made.ids.size() - 1);
  entries.push_back(Blob(made.ids.back(), size + std::to_string(made.ids.size() - 1).size()));
}

void Finish(MemoryBlobs& blobs, const std::vector<ListEntry>& entries, Made& made) {
  made.node->content = BuildList(blobs, entries);
  made.node->size = made.bytes.size();
}

// Blob, hole, three times one blob, hole, and as many blobs behind them.
Made MakeFile(MemoryBlobs& blobs, size_t more) {
  Made made;
  std::vector<ListEntry> entries;
  AddBlob(blobs, entries, made, 1000);
  entries.push_back(Hole(5000));
  made.bytes += std::string(5000, '\0');
  AddBlob(blobs, entries, made, 700);
  const ListEntry once = entries.back();
  entries.back() = RunOf(once.id, once.length, 3);
  const std::string run = made.bytes.substr(made.bytes.size() - once.length);
  made.bytes += run + run;
  entries.push_back(Hole(4000));
  made.bytes += std::string(4000, '\0');
  for (size_t i = 0; i < more; ++i) AddBlob(blobs, entries, made, 300);
  Finish(blobs, entries, made);
  return made;
}

std::string Read(const FileView& view, uint64_t offset, size_t size) {
  Bytes bytes(size);
  const auto got = view.Read(offset, bytes);
  EXPECT_OK(got);
  return got ? ToString(ByteSpan(bytes).first(*got)) : "?";
}

TEST(FileView, ReadsEveryRangeAsTheFileHasIt) {
  for (const size_t more : {0u, 3u, 2000u}) {
    SCOPED_TRACE(more);
    MemoryBlobs blobs;
    const Made made = MakeFile(blobs, more);
    const BlobFileView view(blobs, made.node);
    EXPECT_EQ(Read(view, 0, made.bytes.size()), made.bytes);
    for (uint64_t offset = 0; offset < made.bytes.size(); offset += 997) {
      for (const size_t size : {1u, 500u, 6000u}) EXPECT_EQ(Read(view, offset, size), made.bytes.substr(offset, size));
    }
    EXPECT_EQ(Read(view, made.bytes.size(), 10), "");
    EXPECT_EQ(Read(view, UINT64_MAX, 10), "");
  }
}

TEST(FileView, ALostBlobIsToldWithItsRangeAndTheRestIsRead) {
  MemoryBlobs blobs;
  const Made made = MakeFile(blobs, 500);
  const BlobFileView view(blobs, made.node);
  const uint64_t begin = made.bytes.find("200", 10'000 + 150 * 300);
  ASSERT_NE(begin, std::string::npos);
  blobs.Remove(made.ids[200]);
  Bytes bytes(100);
  const auto got = view.Read(begin - 10, bytes);
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message(), testing::HasSubstr(made.ids[200].ToHex()));
  EXPECT_THAT(got.error().message(), testing::HasSubstr("bytes "));
  EXPECT_EQ(Read(view, 0, 20'000), made.bytes.substr(0, 20'000));
  EXPECT_EQ(Read(view, begin + 400, 20'000), made.bytes.substr(begin + 400, 20'000));
}

TEST(FileView, ABlobOfAnotherLengthIsDamage) {
  MemoryBlobs blobs;
  const Made made = MakeFile(blobs, 2);
  blobs.Replace(made.ids[0], AsBytes("short"));
  const BlobFileView view(blobs, made.node);
  Bytes bytes(10);
  const auto got = view.Read(0, bytes);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), ErrorCode::kCorrupt);
}

TEST(FileView, FindsDataAndHoles) {
  MemoryBlobs blobs;
  const Made made = MakeFile(blobs, 300);
  const BlobFileView view(blobs, made.node);
  const uint64_t first = 1001, run_end = 6001 + 3 * 701;
  const auto data = [&](uint64_t offset) { return view.NextData(offset).value(); };
  const auto hole = [&](uint64_t offset) { return view.NextHole(offset).value(); };
  EXPECT_EQ(data(0), 0);
  EXPECT_EQ(hole(0), first);
  EXPECT_EQ(data(first), 6001);
  EXPECT_EQ(hole(2000), 2000);
  EXPECT_EQ(hole(6500), run_end);
  EXPECT_EQ(data(run_end), run_end + 4000);
  EXPECT_EQ(hole(run_end + 4000), made.bytes.size());
  EXPECT_EQ(data(made.bytes.size()), std::nullopt);
  EXPECT_EQ(hole(made.bytes.size()), std::nullopt);
}

TEST(FileView, AFileThatEndsWithAHoleHasNoDataThere) {
  MemoryBlobs blobs;
  const auto node = std::make_shared<Node>(File("f", 1 << 20));
  const BlobFileView view(blobs, node);
  EXPECT_EQ(view.NextData(10).value(), std::nullopt);
  EXPECT_EQ(view.NextHole(10).value(), 10);
  EXPECT_EQ(BytesOutsideHoles(blobs, *node->content, node->size, 100).value(), 0);
}

TEST(FileView, CountsWhatIsOutsideHoles) {
  MemoryBlobs blobs;
  const Made made = MakeFile(blobs, 2000);
  const Content& content = *made.node->content;
  ASSERT_GT(content.depth, 0);
  EXPECT_EQ(BytesOutsideHoles(blobs, content, made.node->size, 1'000'000).value(), made.bytes.size() - 9000);
  const uint64_t reads = blobs.reads();
  EXPECT_EQ(BytesOutsideHoles(blobs, content, made.node->size, 1000).value(), made.bytes.size());  // not counted
  EXPECT_EQ(blobs.reads(), reads);
}

// An executor that keeps its tasks for the test.
class HeldTasks final : public Executor {
 public:
  void Submit(std::function<void()> task) override { tasks.push_back(std::move(task)); }
  unsigned workers() const override { return 1; }
  std::vector<std::function<void()>> tasks;
};

class ReadAheadTest : public testing::Test {
 protected:
  ReadAheadTest() : made_(MakeFile(blobs_, 2000)), view_(std::make_shared<BlobFileView>(blobs_, made_.node)) {}
  MemoryBlobs blobs_;
  const Made made_;  // some 600,000 bytes
  const std::shared_ptr<const FileView> view_;
  HeldTasks held_;
  const ReadAheadOptions options_{.window_bytes = 100'000, .stretch_bytes = 10'000};
};

TEST_F(ReadAheadTest, ReadsEveryPartOnceForWhoReadsOnePartBehindTheOther) {
  ReadAhead ahead(view_, held_, options_);
  size_t furthest = 0;
  for (uint64_t offset = 0; offset < view_->size(); offset += 4000) {
    ahead.Asked(offset, 4000);
    furthest = std::max(furthest, held_.tasks.size() * 10'000);
    ASSERT_LE(held_.tasks.size() * 10'000, offset + 4000 + 120'000);  // the window, and what is rounded
  }
  EXPECT_LE(held_.tasks.size(), view_->size() / 10'000 + 1);
  EXPECT_GE(held_.tasks.size(), view_->size() / 10'000 - 2);
}

TEST_F(ReadAheadTest, OneRequestIsNoDirection) {
  ReadAhead ahead(view_, held_, options_);
  ahead.Asked(0, 4000);
  EXPECT_TRUE(held_.tasks.empty());
}

TEST_F(ReadAheadTest, ReadsNothingForWhoReadsHereAndThere) {
  ReadAhead ahead(view_, held_, options_);
  for (uint64_t i = 0; i < 200; ++i) ahead.Asked(i * 7'919'000 % view_->size() / 50'000 * 50'000, 4000);
  EXPECT_LE(held_.tasks.size(), 40);
  ReadAhead none(view_, held_, {.window_bytes = 0, .stretch_bytes = 10'000});
  held_.tasks.clear();
  for (uint64_t i = 0; i < 50; ++i) none.Asked(i * 4000, 4000);
  EXPECT_TRUE(held_.tasks.empty());
}

TEST_F(ReadAheadTest, RequestsMayComeOutOfOrder) {
  ReadAhead ahead(view_, held_, options_);
  for (const uint64_t offset : {4000, 0, 12'000, 8000, 20'000, 16'000}) ahead.Asked(offset, 4000);
  EXPECT_GE(held_.tasks.size(), 4);
}

TEST_F(ReadAheadTest, WhatWasNotBegunIsLeftWhenTheFileIsClosed) {
  {
    ReadAhead ahead(view_, held_, options_);
    for (uint64_t i = 0; i < 10; ++i) ahead.Asked(i * 4000, 4000);
    ASSERT_GT(held_.tasks.size(), 2);
    const uint64_t reads = blobs_.reads();
    held_.tasks.front()();
    EXPECT_GT(blobs_.reads(), reads);
  }
  const uint64_t reads = blobs_.reads();
  for (const auto& task : held_.tasks) task();
  EXPECT_EQ(blobs_.reads(), reads);
}

}  // namespace
}  // namespace cairn::tree_test
