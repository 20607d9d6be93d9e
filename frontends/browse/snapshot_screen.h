// The snapshots of the repository, newest first.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "frontends/browse/list_screen.h"
#include "frontends/browse/reading.h"

namespace cairn::browse {

class SnapshotScreen : public ListScreen {
 public:
  explicit SnapshotScreen(ScreenHost& host);
  std::string Title() const override { return "snapshots"; }
  std::string Keys() const override;
  void Draw(Canvas& canvas, const ScreenLines& lines) override;
  // Every few seconds it looks whether there are others, as long as it is there.
  void Poll() override;
  void Reload() override;

 protected:
  std::vector<ListColumn> Columns() const override;
  RowText TextOf(size_t row) const override;
  std::string Nothing() const override { return "there are no snapshots"; }
  std::string Waiting() const override;
  std::string Counted() const override;
  bool OnListKey(const Key& key) override;

 private:
  using Folders = std::shared_ptr<const view::SnapshotFolders>;
  void Show(const Folders& folders);

  Reading<Folders> looking_;
  std::chrono::nanoseconds looked_at_{0};  // steady clock
  Folders shown_;
  std::vector<view::ShownSnapshot> snapshots_;
  size_t host_width_ = 4, tags_width_ = 0, columns_ = 80;
};

}  // namespace cairn::browse
