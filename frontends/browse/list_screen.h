// A screen with a list: walking, filtering and sorting, which all of them share.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "frontends/browse/line_input.h"
#include "frontends/browse/list_pane.h"
#include "frontends/browse/screen.h"

namespace cairn::browse {

class ListScreen : public Screen {
 public:
  explicit ListScreen(ScreenHost& host) : Screen(host) {}
  void Draw(Canvas& canvas, const ScreenLines& lines) override;
  std::string Status() const override;
  bool OnKey(const Key& key) override;
  bool is_typing() const override { return is_filtering_; }

 protected:
  ListPane& list() { return list_; }
  const ListPane& list() const { return list_; }
  virtual std::vector<ListColumn> Columns() const = 0;
  virtual RowText TextOf(size_t row) const = 0;
  // Before all of it is read anew.
  void Restart() {
    list_.Clear();
    failure_.clear();
  }
  // What could not be read: a line above the list, until it is empty again.
  void Fail(std::string why) { failure_ = std::move(why); }
  bool has_failed() const { return !failure_.empty(); }
  // What is said where there is no row; what is still read.
  virtual std::string Nothing() const = 0;
  virtual std::string Waiting() const = 0;
  // "12 files"
  virtual std::string Counted() const = 0;
  virtual bool OnListKey(const Key& key) = 0;
  virtual bool can_sort() const { return true; }

 private:
  void OnFilterKey(const Key& key);

  ListPane list_;
  LineInput filter_;
  bool is_filtering_ = false;
  std::string failure_;
};

}  // namespace cairn::browse
