// A target to restore into, and what is beside it and must stay as it is.
#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "frontends/files/path_plan.h"
#include "tests/support/seeded_random.h"
#include "tests/unit/frontends/files/files_fixture.h"

namespace cairn::files_test {

class FileSinkTest : public testing::TestWithParam<bool> {
 protected:
  FileSinkTest() : base_(files::ResolvePath(temp_.path() + "/").value()), target_(base_ + "/target") {
    CHECK(::chmod(base_.c_str(), 0755) == 0);
    files_test::MakeFolder(base_ + "/outside");
    files_test::WriteFile(base_ + "/outside/file", "untouched");
    sink_ = MakeSink({});
  }
  ~FileSinkTest() override {
    EXPECT_EQ(ReadFile(base_ + "/outside/file"), "untouched");
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(base_ + "/outside")) names.push_back(entry.path());
    EXPECT_EQ(names.size(), 1u);
  }

  std::unique_ptr<FileSink> MakeSink(FileSinkOptions options) {
    if (options.target.empty()) options.target = target_;
    options.openat2 = GetParam();
    auto sink = FileSink::Make(std::move(options), random_);
    EXPECT_OK(sink);
    (*sink)->SetFindingSink([this](const Finding& finding) { findings_.push_back(finding); });
    return *std::move(sink);
  }

  std::string At(std::string_view name) const { return target_ + "/" + std::string(name); }
  Result<void> Write(std::string_view path, std::string_view bytes, bool in_place = false) {
    auto file = sink_->OpenFile(Text(path), bytes.size(), in_place);
    RETURN_IF_ERROR(file);
    RETURN_IF_ERROR((*file)->WriteAt(0, AsBytes(bytes)));
    return (*file)->Finish(bytes.size());
  }
  // A folder with all that is in it, as its user does it.
  Result<void> RemoveTree(const TreePath& path) {
    ASSIGN_OR_RETURN(const auto existing, sink_->Existing(path));
    if (existing && existing->type == NodeType::kFolder) {
      ASSIGN_OR_RETURN(const auto names, sink_->List(path));
      for (const Bytes& name : names) RETURN_IF_ERROR(RemoveTree(JoinPath(path, name)));
    }
    return sink_->Remove(path);
  }
  // No temporary name is left anywhere.
  std::vector<std::string> TargetNames() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(target_)) {
      names.push_back(entry.path().string().substr(target_.size() + 1));
    }
    std::ranges::sort(names);
    return names;
  }
  static Node Metadata(NodeType type, uint32_t mode) {
    Node node;
    node.type = type;
    node.mode = mode;
    node.uid = ::geteuid();
    node.gid = ::getegid();
    return node;
  }
  static Node Symlink(std::string_view target) {
    Node node = Metadata(NodeType::kSymlink, 0777);
    node.target = Text(target);
    return node;
  }

  TempFolder temp_;
  const std::string base_, target_;
  const SeededRandom random_;
  std::vector<Finding> findings_;
  std::unique_ptr<FileSink> sink_;
};

}  // namespace cairn::files_test
