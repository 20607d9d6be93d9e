// A folder of a snapshot.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "frontends/browse/list_screen.h"
#include "frontends/browse/reading.h"

namespace cairn::browse {

// Of an entry what a list shows.
struct FolderEntry {
  Bytes name;
  NodeType type = NodeType::kFile;
  uint32_t mode = 0;
  std::string owner;
  WireTime modified;
  uint64_t size = 0;
  Bytes target;
  std::optional<Device> device;
};

class FolderScreen : public ListScreen {
 public:
  // The cursor on `selected`, where that is there.
  FolderScreen(ScreenHost& host, view::ShownSnapshot snapshot, TreePath path, std::string selected = "");
  std::string Title() const override;
  std::string Status() const override;
  std::string Keys() const override;
  void Poll() override;
  void Reload() override;

 protected:
  std::vector<ListColumn> Columns() const override;
  RowText TextOf(size_t row) const override;
  std::string Nothing() const override { return "the folder is empty"; }
  std::string Waiting() const override;
  std::string Counted() const override;
  bool OnListKey(const Key& key) override;

 private:
  // What comes in while it is read.
  struct Incoming {
    std::mutex mutex;
    std::vector<FolderEntry> entries;  // guarded by mutex
  };
  struct End {
    bool is_cut = false;          // there are more than are shown
    uint64_t unreadable = 0;      // entries of a later version
    std::optional<Error> damage;  // some of it could not be read
  };
  static Result<End> Read(const BrowseWorld& world, const LoadedSnapshot& snapshot, const TreePath& path,
                          Incoming& incoming, const std::stop_token& stop);
  void TakeIncoming();
  void TakeEnd(Result<End> end);
  TreePath PathOf(size_t row) const { return JoinPath(path_, entries_[row].name); }
  bool HasTables(const TreePath& path) const;
  void OpenCurrent();
  void MarkCurrent();
  void Restore();

  const view::ShownSnapshot snapshot_;
  const TreePath path_;
  std::string selected_;
  std::shared_ptr<Incoming> incoming_;
  Reading<End> reading_;
  std::vector<FolderEntry> entries_;
};

}  // namespace cairn::browse
