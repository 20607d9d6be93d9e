// A folder to back up, and looks into it.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "frontends/files/path_plan.h"
#include "tests/unit/frontends/files/files_fixture.h"

namespace cairn::files_test {

class FileSourceTest : public testing::Test {
 protected:
  FileSourceTest() : base_(files::ResolvePath(temp_.path() + "/").value()) { CHECK(::chmod(base_.c_str(), 0755) == 0); }

  std::string At(std::string_view name) const { return base_ + "/" + std::string(name); }
  SeenTree Read(FileSourceOptions options = {}) {
    if (options.paths.empty()) options.paths = {base_};
    return ReadTree(std::move(options), base_);
  }

  // The folder `base_` of a source, opened as the walk does it.
  std::shared_ptr<SourceFolder> OpenBase(Source& source) {
    auto folder = source.OpenRoot({}).value();
    std::string rest = base_.substr(1) + "/";
    while (!rest.empty()) {
      const std::string name = rest.substr(0, rest.find('/'));
      rest.erase(0, name.size() + 1);
      folder = folder->OpenFolder(EntryIn(*folder, name)).value();
    }
    return folder;
  }
  static SourceEntry EntryIn(SourceFolder& folder, std::string_view name) {
    const auto entries = folder.List().value();
    const auto found = std::ranges::find(entries, Text(name), &SourceEntry::name);
    CHECK(found != entries.end());
    return *found;
  }

  TempFolder temp_;
  const std::string base_;
};

}  // namespace cairn::files_test
