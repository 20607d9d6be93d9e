#include "frontends/files/file_sink.h"

#include <sys/sysmacros.h>

#include "tests/unit/frontends/files/file_sink_fixture.h"
#include "tests/unit/frontends/files/odd_tree.h"

namespace cairn::files_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

INSTANTIATE_TEST_SUITE_P(Ways, FileSinkTest, testing::Bool(),
                         [](const auto& way) { return std::string(way.param ? "Openat2" : "NameByName"); });

// --- everything there and back ---

TEST_P(FileSinkTest, RestoresOneOfEverything) {
  const std::string source = base_ + "/source";
  files_test::MakeFolder(source);
  MakeOddTree(source);
  const SeenTree before = ReadTree(source);
  ASSERT_THAT(before.findings, IsEmpty());
  CopyTo(before, *sink_);
  const SeenTree after = ReadTree(target_);
  EXPECT_THAT(Differences(before, after), IsEmpty());
  EXPECT_EQ(after.at("links/hard-1").entry.inode, after.at("hard-3").entry.inode);
  if (IsRoot()) {
    for (const Finding& finding : findings_) ADD_FAILURE() << finding.object << ": " << finding.detail;
    // Once more over what is there: immutable files do not hinder.
    CopyTo(before, *sink_);
    EXPECT_THAT(Differences(before, ReadTree(target_)), IsEmpty());
  }
  FreeOddTree(source);
  FreeOddTree(target_);
}

TEST_P(FileSinkTest, RemovesOneOfEverything) {
  MakeOddTree(target_);
  const auto names = sink_->List(Bytes()).value();
  EXPECT_GT(names.size(), 10u);
  for (const Bytes& name : names) EXPECT_OK(RemoveTree(name));
  EXPECT_THAT(sink_->List(Bytes()).value(), IsEmpty());
}

// --- files ---

TEST_P(FileSinkTest, MakesTheTargetAndFoldersAboveIt) {
  sink_ = MakeSink({.target = base_ + "/new/deep/target"});
  EXPECT_OK(Write("file", "1"));
  EXPECT_EQ(ReadFile(base_ + "/new/deep/target/file"), "1");
}

TEST_P(FileSinkTest, ATargetThatIsAFileIsRefused) {
  files_test::WriteFile(base_ + "/file", "");
  EXPECT_FALSE(FileSink::Make({.target = base_ + "/file"}).has_value());
  EXPECT_THAT(FileSink::Make({}), ErrorCodeIs(ErrorCode::kInvalidArgument));
}

TEST_P(FileSinkTest, WritesAFileInAnyOrderAndReplacesWhatIsThereAtTheEnd) {
  ASSERT_OK(Write("file", "what was there"));
  auto file = sink_->OpenFile(Text("file"), 6, false).value();
  EXPECT_OK(file->WriteAt(3, AsBytes("def")));
  EXPECT_EQ(ReadFile(At("file")), "what was there");
  EXPECT_OK(file->WriteAt(0, AsBytes("abc")));
  EXPECT_OK(file->Finish(6));
  EXPECT_EQ(ReadFile(At("file")), "abcdef");
  EXPECT_THAT(TargetNames(), ElementsAre("file"));
}

TEST_P(FileSinkTest, AFileThatIsNotFinishedLeavesNothing) {
  ASSERT_OK(Write("file", "what was there"));
  auto file = sink_->OpenFile(Text("file"), 3, false).value();
  EXPECT_OK(file->WriteAt(0, AsBytes("new")));
  file.reset();
  EXPECT_EQ(ReadFile(At("file")), "what was there");
  EXPECT_THAT(TargetNames(), ElementsAre("file"));
}

TEST_P(FileSinkTest, InPlaceKeepsTheFileAndWhatIsNotWritten) {
  ASSERT_OK(Write("file", "0123456789"));
  const auto inode = StatOf(At("file")).st_ino;
  auto file = sink_->OpenFile(Text("file"), 8, true).value();
  Bytes buffer(20);
  EXPECT_EQ(file->ReadAt(0, buffer).value(), 10u);
  EXPECT_EQ(file->ReadAt(8, buffer).value(), 2u);
  EXPECT_EQ(file->ReadAt(10, buffer).value(), 0u);
  EXPECT_OK(file->WriteAt(2, AsBytes("xx")));
  EXPECT_OK(file->Finish(8));
  EXPECT_EQ(ReadFile(At("file")), "01xx4567");
  EXPECT_EQ(StatOf(At("file")).st_ino, inode);
  EXPECT_THAT(TargetNames(), ElementsAre("file"));
}

TEST_P(FileSinkTest, AFileWithFurtherNamesIsNotWrittenInPlace) {
  ASSERT_EQ(::link((base_ + "/outside/file").c_str(), At("file").c_str()), 0);
  EXPECT_OK(Write("file", "new", true));
  EXPECT_EQ(ReadFile(At("file")), "new");
}

TEST_P(FileSinkTest, AFifoOrDeviceInPlaceOfAFileDoesNotBlock) {
  ASSERT_EQ(::mkfifo(At("fifo").c_str(), 0600), 0);
  EXPECT_OK(Write("fifo", "1", true));
  EXPECT_EQ(ReadFile(At("fifo")), "1");
  ASSERT_EQ(::mkfifo(At("fifo2").c_str(), 0600), 0);
  EXPECT_OK(Write("fifo2", "1", false));
  if (IsRoot() && ::mknod(At("device").c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0) {
    EXPECT_OK(Write("device", "1", true));
    EXPECT_EQ(ReadFile(At("device")), "1");
  }
}

TEST_P(FileSinkTest, HolesTakeNoRoom) {
  constexpr uint64_t kMiB = 1 << 20;
  for (const bool in_place : {false, true}) {
    auto file = sink_->OpenFile(Text("file"), 8 * kMiB, in_place).value();
    EXPECT_OK(file->WriteAt(4 * kMiB, AsBytes(std::string(4096, 'x'))));
    EXPECT_OK(file->MakeHole(0, 4 * kMiB));
    EXPECT_OK(file->MakeHole(4 * kMiB + 4096, 4 * kMiB - 4096));
    EXPECT_OK(file->MakeHole(0, 0));
    EXPECT_OK(file->Finish(8 * kMiB));
    const struct stat status = StatOf(At("file"));
    EXPECT_EQ(static_cast<uint64_t>(status.st_size), 8 * kMiB);
    EXPECT_LE(status.st_blocks * 512, 64 * 1024);
    const std::string bytes = ReadFile(At("file"));
    EXPECT_EQ(static_cast<uint64_t>(std::ranges::count(bytes, 'x')), 4096u);
    EXPECT_EQ(bytes.find('x'), 4 * kMiB);
    ASSERT_OK(Write("file", std::string(8 * kMiB, 'y')));  // for the second time round: data where holes will be
  }
}

TEST_P(FileSinkTest, WithoutSparseHolesAreZerosThatTakeRoom) {
  auto sink = MakeSink({.sparse = false});
  auto file = sink->OpenFile(Text("file"), 1 << 20, false).value();
  EXPECT_OK(file->MakeHole(0, 1 << 20));
  EXPECT_OK(file->Finish(1 << 20));
  EXPECT_GE(StatOf(At("file")).st_blocks * 512, 1 << 20);
  EXPECT_EQ(ReadFile(At("file")), std::string(1 << 20, '\0'));
}

TEST_P(FileSinkTest, AHugeSparseFileNeedsNoRoom) {
  constexpr uint64_t kSize = uint64_t{8} << 40;
  auto opened = sink_->OpenFile(Text("file"), kSize, false);
  ASSERT_OK(opened);
  auto file = *std::move(opened);
  EXPECT_OK(file->WriteAt(5, AsBytes("x")));
  EXPECT_OK(file->MakeHole(4096, kSize - 4096));
  EXPECT_OK(file->Finish(kSize));
  EXPECT_EQ(static_cast<uint64_t>(StatOf(At("file")).st_size), kSize);
}

TEST_P(FileSinkTest, ManyMoreFilesThanDescriptors) {
  constexpr size_t kFiles = 300;
  auto sink = MakeSink({.open_files_max = 4});
  std::vector<std::unique_ptr<SinkFile>> open;
  for (size_t i = 0; i < kFiles; ++i) open.push_back(sink->OpenFile(Text(fmt::format("{}", i)), 8, false).value());
  for (size_t i = 0; i < kFiles; ++i) EXPECT_OK(open[i]->WriteAt(4, AsBytes(fmt::format("{:04}", i))));
  for (size_t i = kFiles; i-- > 0;) EXPECT_OK(open[i]->WriteAt(0, AsBytes(fmt::format("{:04}", i))));
  EXPECT_LE(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator()),
            60);
  for (size_t i = 0; i < kFiles; ++i) EXPECT_OK(open[i]->Finish(8));
  for (size_t i = 0; i < kFiles; ++i) EXPECT_EQ(ReadFile(At(fmt::format("{}", i))), fmt::format("{:04}{:04}", i, i));
}

}  // namespace
}  // namespace cairn::files_test
