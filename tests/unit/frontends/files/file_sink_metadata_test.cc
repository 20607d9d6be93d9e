#include <linux/fs.h>

#include "tests/unit/frontends/files/file_sink_fixture.h"
#include "tests/unit/frontends/files/odd_tree.h"

namespace cairn::files_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_P(FileSinkTest, TellsWhatExists) {
  ASSERT_OK(Write("file", "12345"));
  SetTime(At("file"), 1'000'000'000, 7);
  const auto existing = sink_->Existing(Text("file")).value();
  ASSERT_TRUE(existing.has_value());
  EXPECT_EQ(existing->type, NodeType::kFile);
  EXPECT_EQ(existing->size, 5u);
  EXPECT_EQ(existing->modified, (WireTime{1'000'000'000, 7}));
  EXPECT_FALSE(sink_->Existing(Text("gone")).value().has_value());
  EXPECT_FALSE(sink_->Existing(Text("file/below")).value().has_value());
  EXPECT_EQ(sink_->Existing(Bytes()).value()->type, NodeType::kFolder);
}

TEST_P(FileSinkTest, MetadataOfAnotherTypeIsRefused) {
  ASSERT_OK(Write("file", "1"));
  EXPECT_THAT(sink_->SetMetadata(Text("file"), Metadata(NodeType::kFolder, 0), {}), ErrorCodeIs(ErrorCode::kBusy));
  EXPECT_THAT(sink_->SetMetadata(Text("gone"), Metadata(NodeType::kFile, 0), {}), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_OK(sink_->SetMetadata(Bytes(), Metadata(NodeType::kFolder, 0711), {}));
  EXPECT_EQ(StatOf(target_).st_mode & 07777, 0711u);
}

TEST_P(FileSinkTest, AttributesThatTheSnapshotDoesNotHaveGo) {
  ASSERT_OK(Write("file", "1"));
  if (!TrySetAttribute(At("file"), "user.old", "1") || !TrySetAttribute(At("file"), "user.kept", "1")) {
    GTEST_SKIP() << "no extended attributes here";
  }
  EXPECT_OK(sink_->SetMetadata(Text("file"), Metadata(NodeType::kFile, 0600), {{Text("user.kept"), Text("2")}}));
  EXPECT_THAT(ReadTree(target_).at("file").metadata.attributes, ElementsAre(std::pair(Text("user.kept"), Text("2"))));
}

TEST_P(FileSinkTest, ADefaultAclOfTheTargetIsNotInherited) {
  if (!TrySetAttribute(target_, "system.posix_acl_default", AclBytes(1))) GTEST_SKIP() << "no ACLs here";
  ASSERT_OK(Write("file", "1"));
  ASSERT_OK(sink_->MakeFolder(Text("folder")));
  EXPECT_OK(sink_->SetMetadata(Text("file"), Metadata(NodeType::kFile, 0640), {}));
  EXPECT_OK(sink_->SetMetadata(Text("folder"), Metadata(NodeType::kFolder, 0750), {}));
  const SeenTree tree = ReadTree(target_);
  EXPECT_THAT(tree.at("file").metadata.attributes, IsEmpty());
  EXPECT_THAT(tree.at("folder").metadata.attributes, IsEmpty());
  EXPECT_EQ(tree.at("file").entry.mode, 0640u);
}

TEST_P(FileSinkTest, OwnersGoByNameUnlessNumbersAreAskedFor) {
  if (!IsRoot()) GTEST_SKIP() << "needs root, to give files away";
  ASSERT_OK(Write("file", "1"));
  Node node = Metadata(NodeType::kFile, 04750);
  node.uid = node.gid = 54321;
  node.user = Text("daemon");
  node.group = Text("no-such-group-here");
  EXPECT_OK(sink_->SetMetadata(Text("file"), node, {}));
  EXPECT_EQ(StatOf(At("file")).st_uid, 1u);
  EXPECT_EQ(StatOf(At("file")).st_gid, 54321u);
  EXPECT_EQ(StatOf(At("file")).st_mode & 07777, 04750u);
  EXPECT_OK(MakeSink({.numeric_ids = true})->SetMetadata(Text("file"), node, {}));
  EXPECT_EQ(StatOf(At("file")).st_uid, 54321u);
}

TEST_P(FileSinkTest, WhatAUserMayNotSetIsToldOnceAKind) {
  if (!IsRoot()) GTEST_SKIP() << "needs root, to become nobody";
  ASSERT_EQ(::chmod(target_.c_str(), 0777), 0);
  EXPECT_EQ(AsNobody([&] {
              for (const char* name : {"a", "b", "c"}) {
                if (!Write(name, "1")) return 1;
                Node node = Metadata(NodeType::kFile, 06755);
                node.uid = node.gid = 0;
                node.flags = 0x10;
                if (!sink_->SetMetadata(Text(name), node,
                                        {{Text("trusted.t"), Text("1")}, {Text("security.s"), Text("1")}})) {
                  return 2;
                }
                // The right to act as root is not given to what belongs to nobody.
                if ((StatOf(At(name)).st_mode & 07777) != 0755) return 3;
              }
              if (findings_.size() != 5) return 10 + static_cast<int>(findings_.size());
              for (const Finding& finding : findings_) {
                if (finding.object != "a" || finding.severity != Finding::Severity::kWarning) return 4;
              }
              const auto device = [] {
                Node node = Metadata(NodeType::kBlockDevice, 0600);
                node.device = Device{1, 1};
                return node;
              }();
              const auto made = sink_->MakeSpecial(Text("device"), device);
              return !made && made.error().code() == ErrorCode::kPermission ? 0 : 5;
            }),
            0);
}

TEST_P(FileSinkTest, AUserRestoresClosedFoldersOverThemselves) {
  if (!IsRoot()) GTEST_SKIP() << "needs root, to become nobody";
  ASSERT_EQ(::chmod(target_.c_str(), 0777), 0);
  EXPECT_EQ(AsNobody([&] {
              for (int round = 0; round < 2; ++round) {
                if (!sink_->MakeFolder(Text("closed"))) return 1;
                if (!sink_->MakeFolder(Text("closed/in"))) return 2;
                if (!Write("closed/in/file", "1", round == 1)) return 3;
                if (!sink_->SetMetadata(Text("closed/in/file"), Metadata(NodeType::kFile, 0), {})) return 4;
                if (!sink_->SetMetadata(Text("closed/in"), Metadata(NodeType::kFolder, 0), {})) return 5;
                if (!sink_->SetMetadata(Text("closed"), Metadata(NodeType::kFolder, 0100), {})) return 6;
              }
              const auto removed = RemoveTree(Text("closed"));
              return removed && !Exists(At("closed")) && findings_.empty() ? 0 : 7;
            }),
            0);
}

TEST_P(FileSinkTest, FoldersThatGetNoMetadataAreClosedAgain) {
  if (!IsRoot()) GTEST_SKIP() << "needs root, to become nobody";
  ASSERT_EQ(::chmod(target_.c_str(), 0777), 0);
  EXPECT_EQ(AsNobody([&] {
              const auto mode = [&](const char* name) { return StatOf(At(name)).st_mode & 07777; };
              const auto close = [&](const char* name, mode_t rights) {
                return ::chmod(At(name).c_str(), rights) == 0;
              };
              for (const char* name : {"way", "way/in", "way/taken", "way/gone"}) {
                if (!sink_->MakeFolder(Text(name))) return 1;
              }
              for (const bool is_closed : {true, false}) {
                if (!close("way/in", 0) || !close("way/taken", 0500) || !close("way", 0500)) return 2;
                for (const char* name : {"way", "way/in", "way/taken"}) {
                  if (!sink_->MakeFolder(Text(name))) return 3;
                }
                if (!Write("way/in/file", "1") || !Write("way/taken/file", "1")) return 4;
                if (!sink_->SetMetadata(Text("way/taken"), Metadata(NodeType::kFolder, 0711), {})) return 5;
                // Another folder of the same name, and perhaps number, is not closed.
                if (!close("way/gone", 0) || !sink_->List(Text("way/gone")) || !sink_->Remove(Text("way/gone"))) {
                  return 6;
                }
                if (!sink_->MakeFolder(Text("way/gone"))) return 7;
                if (is_closed ? !sink_->Close() : (sink_.reset(), false)) return 8;
                if (mode("way") != 0500 || mode("way/taken") != 0711 || mode("way/gone") != 0700) return 9;
                if (mode("way/in") != 0) return 10;
              }
              sink_ = MakeSink({});
              return RemoveTree(Text("way")) && findings_.empty() ? 0 : 11;
            }),
            0);
}

TEST_P(FileSinkTest, ImmutableFoldersThatGetNoMetadataAreSoAgain) {
  ASSERT_OK(sink_->MakeFolder(Text("way")));
  ASSERT_OK(sink_->MakeFolder(Text("way/in")));
  const bool can = TrySetFlags(At("way/in"), FS_IMMUTABLE_FL) && TrySetFlags(At("way"), FS_APPEND_FL);
  if (!can) GTEST_SKIP() << "no immutable folders here";
  EXPECT_OK(Write("way/in/file", "1"));
  EXPECT_OK(Write("way/file", "1"));
  EXPECT_OK(sink_->Close());
  EXPECT_EQ(FlagsOf(At("way/in")), FS_IMMUTABLE_FL);
  EXPECT_EQ(FlagsOf(At("way")), FS_APPEND_FL);
  EXPECT_OK(RemoveTree(Text("way")));
}

TEST_P(FileSinkTest, ATimeThatTheFileSystemCannotKeepIsTold) {
  ASSERT_OK(Write("file", "1"));
  Node node = Metadata(NodeType::kFile, 0600);
  node.modified = {INT64_MAX / 4, 0};
  EXPECT_OK(sink_->SetMetadata(Text("file"), node, {}));
  if (StatOf(At("file")).st_mtim.tv_sec == node.modified.seconds) GTEST_SKIP() << "this file system keeps any time";
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_THAT(findings_[0].detail, HasSubstr("times"));
}

}  // namespace
}  // namespace cairn::files_test
