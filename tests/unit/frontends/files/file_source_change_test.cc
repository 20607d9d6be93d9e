#include <sys/resource.h>

#include <atomic>
#include <thread>

#include "tests/unit/frontends/files/file_source_fixture.h"
#include "tests/unit/frontends/files/odd_tree.h"

namespace cairn::files_test {
namespace {

using testing::IsEmpty;

// --- what changes, vanishes or refuses ---

TEST_F(FileSourceTest, WhatMayNotBeReadIsToldAndTheRestIsRead) {
  if (!IsRoot()) GTEST_SKIP() << "needs root, to become nobody";
  WriteFile(At("closed"), "secret", 0600);
  WriteFile(At("open"), "1");
  MakeFolder(At("closed-folder"), 0700);
  MakeFolder(At("pass"), 0711);
  WriteFile(At("pass/named"), "2");
  EXPECT_EQ(AsNobody([&] {
              const SeenTree tree = Read({.paths = {base_, At("pass/named")}});
              if (tree.at("open").bytes != "1" || tree.at("closed").unread.empty()) return 1;
              if (!tree.has("closed-folder") || tree.findings.size() != 2) return 2;
              for (const Finding& finding : tree.findings) {
                if (finding.code != ErrorCode::kPermission) return 3;
              }
              // Through a folder that cannot be listed, where it is only on the way.
              const SeenTree named = Read({.paths = {At("pass/named")}});
              return named.at("pass/named").bytes == "2" && named.findings.empty() ? 0 : 4;
            }),
            0);
}

TEST_F(FileSourceTest, AFileThatVanishedIsNotFound) {
  WriteFile(At("file"), "1");
  auto source = FileSource::Make({.paths = {base_}}).value();
  const auto folder = OpenBase(*source);
  const SourceEntry entry = EntryIn(*folder, "file");
  ASSERT_EQ(::unlink(At("file").c_str()), 0);
  EXPECT_THAT(folder->OpenFile(entry), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_THAT(folder->ReadMetadata(entry), ErrorCodeIs(ErrorCode::kNotFound));
}

TEST_F(FileSourceTest, AFifoInPlaceOfAFileDoesNotBlock) {
  WriteFile(At("file"), "1");
  auto source = FileSource::Make({.paths = {base_}}).value();
  const auto folder = OpenBase(*source);
  const SourceEntry entry = EntryIn(*folder, "file");
  ASSERT_EQ(::unlink(At("file").c_str()), 0);
  ASSERT_EQ(::mkfifo(At("file").c_str(), 0600), 0);
  EXPECT_THAT(folder->OpenFile(entry), ErrorCodeIs(ErrorCode::kBusy));
  EXPECT_THAT(folder->ReadMetadata(entry), ErrorCodeIs(ErrorCode::kBusy));
}

TEST_F(FileSourceTest, ALinkInPlaceOfAFileOrFolderIsNotFollowed) {
  WriteFile(At("file"), "1");
  MakeFolder(At("folder"));
  auto source = FileSource::Make({.paths = {base_}}).value();
  const auto folder = OpenBase(*source);
  const SourceEntry file = EntryIn(*folder, "file"), inner = EntryIn(*folder, "folder");
  ASSERT_EQ(::unlink(At("file").c_str()), 0);
  ASSERT_EQ(::rmdir(At("folder").c_str()), 0);
  MakeLink("/etc/passwd", At("file"));
  MakeLink("/etc", At("folder"));
  EXPECT_FALSE(folder->OpenFile(file).has_value());
  EXPECT_FALSE(folder->OpenFolder(inner).has_value());
}

TEST_F(FileSourceTest, AnotherFolderInItsPlaceIsTold) {
  MakeFolder(At("folder"));
  MakeFolder(At("other"));
  auto source = FileSource::Make({.paths = {base_}}).value();
  const auto folder = OpenBase(*source);
  const SourceEntry inner = EntryIn(*folder, "folder");
  ASSERT_EQ(::rename(At("other").c_str(), At("folder").c_str()), 0);
  EXPECT_THAT(folder->OpenFolder(inner), ErrorCodeIs(ErrorCode::kBusy));
}

TEST_F(FileSourceTest, AnotherFileInItsPlaceIsReadAndItsMarkTells) {
  WriteFile(At("file"), "1");
  WriteFile(At("other"), "22");
  auto source = FileSource::Make({.paths = {base_}}).value();
  const auto folder = OpenBase(*source);
  const SourceEntry entry = EntryIn(*folder, "file");
  ASSERT_EQ(::rename(At("other").c_str(), At("file").c_str()), 0);
  auto file = folder->OpenFile(entry);
  ASSERT_OK(file);
  EXPECT_THAT((*file)->Mark(), IsOk());
  EXPECT_NE((*file)->Mark().value(), entry.mark);
}

TEST_F(FileSourceTest, AFileThatGrowsIsReadToWhereItEnded) {
  WriteFile(At("file"), "12345");
  auto source = FileSource::Make({.paths = {base_}}).value();
  const auto folder = OpenBase(*source);
  const SourceEntry entry = EntryIn(*folder, "file");
  auto file = folder->OpenFile(entry).value();
  EXPECT_EQ(file->Mark().value(), entry.mark);
  WriteFile(At("file"), "1234567890");
  Bytes buffer(100);
  EXPECT_EQ(file->NextExtent().value().length, 5u);
  EXPECT_EQ(file->Read(buffer).value(), 5u);
  EXPECT_EQ(file->Read(buffer).value(), 0u);
  EXPECT_EQ(file->NextExtent().value().length, 0u);
  EXPECT_NE(file->Mark().value(), entry.mark);
}

TEST_F(FileSourceTest, AFileThatShrinksEndsEarlier) {
  for (const bool sparse : {false, true}) {
    SCOPED_TRACE(sparse);
    if (sparse) {
      MakeSparse(At("file"), 1 << 20, {0, 1 << 19});
    } else {
      WriteFile(At("file"), std::string(1 << 20, 'x'));
    }
    auto source = FileSource::Make({.paths = {base_}}).value();
    const auto folder = OpenBase(*source);
    auto file = folder->OpenFile(EntryIn(*folder, "file")).value();
    Bytes buffer(1000);
    ASSERT_GT(file->NextExtent().value().length, 0u);
    EXPECT_EQ(file->Read(buffer).value(), 1000u);
    ASSERT_EQ(::truncate(At("file").c_str(), 1500), 0);
    EXPECT_EQ(file->Read(buffer).value(), 500u);
    EXPECT_EQ(file->Read(buffer).value(), 0u);
    EXPECT_EQ(file->NextExtent().value().length, 0u);
  }
}

TEST_F(FileSourceTest, AFileCutInItsLastHoleEndsThere) {
  MakeSparse(At("file"), 1 << 20, {0});
  auto source = FileSource::Make({.paths = {base_}}).value();
  const auto folder = OpenBase(*source);
  auto file = folder->OpenFile(EntryIn(*folder, "file")).value();
  Bytes buffer(65536);
  ASSERT_GT(file->NextExtent().value().length, 0u);
  ASSERT_EQ(file->Read(buffer).value(), 65536u);
  ASSERT_EQ(::truncate(At("file").c_str(), 100'000), 0);
  const auto rest = file->NextExtent().value();
  EXPECT_TRUE(!rest.hole || rest.length == 100'000u - 65536);
}

// --- many and deep ---

class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t count) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit few{count, before_.rlim_max};
    CHECK(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(FileSourceTest, DeepFoldersDoNotUseUpTheDescriptors) {
  constexpr size_t kDepth = 1500;  // longer than a path may be
  int folder = ::open(base_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (size_t i = 0; i < kDepth; ++i) {
    ASSERT_EQ(::mkdirat(folder, "deep-folder", 0755), 0);
    const int inner = ::openat(folder, "deep-folder", O_PATH | O_DIRECTORY | O_CLOEXEC);
    ::close(folder);
    folder = inner;
  }
  const int fd = ::openat(folder, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  ASSERT_EQ(::write(fd, "deep", 4), 4);
  ::close(fd);
  ::close(folder);
  {
    const FewDescriptors few(64);
    const SeenTree tree = Read({.open_folders_max = 8});
    EXPECT_EQ(tree.entries.size(), kDepth + 2);
    EXPECT_THAT(tree.FindingLines(), IsEmpty());
    size_t with_bytes = 0;
    for (const auto& [path, seen] : tree.entries) with_bytes += seen.bytes == "deep" ? 1 : 0;
    EXPECT_EQ(with_bytes, 1u);
  }
  ASSERT_EQ(std::system(("rm -rf '" + At("deep-folder") + "'").c_str()), 0);
  EXPECT_FALSE(Exists(At("deep-folder")));
}

TEST_F(FileSourceTest, FilesOfManyFoldersAreReadByManyThreadsWithOneOpenFolder) {
  constexpr int kFolders = 8, kFiles = 10;
  for (int i = 0; i < kFolders; ++i) {
    MakeFolder(At(fmt::format("f{}", i)));
    for (int j = 0; j < kFiles; ++j) WriteFile(At(fmt::format("f{}/{}", i, j)), fmt::format("{} {}", i, j));
  }
  auto source = FileSource::Make({.paths = {base_}, .open_folders_max = 1}).value();
  const auto base = OpenBase(*source);
  std::vector<std::shared_ptr<SourceFolder>> folders;
  const auto listed = base->List().value();
  for (const SourceEntry& entry : listed) folders.push_back(base->OpenFolder(entry).value());
  std::vector<std::vector<SourceEntry>> entries;
  for (const auto& folder : folders) entries.push_back(folder->List().value());
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int n = 0; n < kFolders * kFiles; ++n) {
        const int i = (n + t * 3) % kFolders, j = (n / kFolders) % kFiles;
        auto file = folders[static_cast<size_t>(i)]->OpenFile(entries[static_cast<size_t>(i)][static_cast<size_t>(j)]);
        Bytes buffer(100);
        if (!file || !(*file)->NextExtent()) continue;
        const auto got = (*file)->Read(buffer);
        if (got && AsText(ByteSpan(buffer).first(*got)) == fmt::format("{} {}", i, j)) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 4 * kFolders * kFiles);
}

TEST_F(FileSourceTest, AHugeFolderIsListedWhole) {
  for (int i = 0; i < 5000; ++i) WriteFile(At(fmt::format("{:05}", i)), "");
  EXPECT_EQ(Read().entries.size(), 5001u);
}

}  // namespace
}  // namespace cairn::files_test
