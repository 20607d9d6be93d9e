// A screen with a list: walking, filtering and sorting, which all of them share.
#pragma once

#include <string>
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
  // What is said where there is no row; what is still read; what could not be.
  virtual std::string Nothing() const = 0;
  virtual std::string Waiting() const = 0;
  virtual std::string Failure() const = 0;
  // "12 files"
  virtual std::string Counted() const = 0;
  virtual bool OnListKey(const Key& key) = 0;
  virtual bool can_sort() const { return true; }

 private:
  void OnFilterKey(const Key& key);

  ListPane list_;
  LineInput filter_;
  bool is_filtering_ = false;
};

}  // namespace cairn::browse
