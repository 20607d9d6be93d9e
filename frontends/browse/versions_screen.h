// One path in all snapshots.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "frontends/browse/list_screen.h"
#include "frontends/browse/reading.h"

namespace cairn::browse {

class VersionsScreen : public ListScreen {
 public:
  VersionsScreen(ScreenHost& host, view::ShownSnapshot snapshot, TreePath path);
  std::string Title() const override;
  std::string Keys() const override;
  void Poll() override;
  void Reload() override;

 protected:
  std::vector<ListColumn> Columns() const override;
  RowText TextOf(size_t row) const override;
  std::string Nothing() const override { return "no snapshot has it"; }
  std::string Waiting() const override;
  std::string Counted() const override;
  bool OnListKey(const Key& key) override;
  bool can_sort() const override { return false; }

 private:
  struct Version {
    view::ShownSnapshot snapshot;
    TreePath path;  // in it
    NodeType type = NodeType::kFile;
    uint64_t size = 0;
    WireTime modified;
    std::string mark;   // of its content; empty: it is not there
    std::string error;  // it could not be looked for
  };
  struct Incoming {
    std::mutex mutex;
    std::vector<Version> versions;  // guarded by mutex
  };
  static Result<void> Read(const BrowseWorld& world, const LoadedSnapshot& origin, const TreePath& path,
                           Incoming& incoming, const std::stop_token& stop);
  static std::optional<Version> Look(const BrowseWorld& world, const LoadedSnapshot& origin, const TreePath& path,
                                     const view::ShownSnapshot& snapshot);

  const view::ShownSnapshot snapshot_;
  const TreePath path_;
  std::shared_ptr<Incoming> incoming_;
  Reading<void> reading_;
  std::vector<Version> versions_;
  std::map<std::string, size_t> numbers_;  // of contents, as they came
  std::string own_mark_;                   // of the one that it was opened from
};

}  // namespace cairn::browse
