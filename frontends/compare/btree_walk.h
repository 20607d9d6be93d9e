// The pages of a b-tree of a SQLite database, without what is on its leaves.
#pragma once

#include <functional>
#include <vector>

#include "engine/tree/file_view.h"
#include "frontends/compare/rows_side.h"

namespace cairn::compare {

// What the header says. https://www.sqlite.org/fileformat.html, 1.3.
struct SqliteHeader {
  uint32_t page_bytes = 0;
  uint8_t reserved_bytes = 0;  // at the end of each page
  uint32_t text_encoding = 0;
  uint32_t free_trunk = 0, free_pages = 0;
  bool has_pointer_map = false;  // auto_vacuum
  friend bool operator==(const SqliteHeader&, const SqliteHeader&) = default;
};
Result<SqliteHeader> ReadSqliteHeader(const FileView& file);

// Numbers of pages, from 1.
struct BtreePage {
  uint64_t number = 0;
  bool is_leaf = false;
  RowidRange rows;  // of a table with rowids, those that can be on the page or below it
};

// One thread. Reads the pages that are no leaves, each once; a leaf is known by its depth, for all are equally deep.
class BtreeWalk {
 public:
  BtreeWalk(const FileView& file, const SqliteHeader& header);

  uint64_t pages() const { return pages_; }
  // All pages below and with `root`, in the order of their rows. False from `each`: it is enough. kCorrupt: it is no
  // b-tree, or has more pages than the file.
  using Each = std::function<Result<bool>(const BtreePage& page)>;
  Result<void> Walk(uint64_t root, const Each& each);
  // Whether it is of a table with rowids.
  Result<bool> HasRowids(uint64_t root);
  // The pages that are free, or tell where others belong to.
  Result<void> ForEachOther(const std::function<Result<void>(uint64_t page)>& each);

 private:
  static constexpr unsigned kDepthMax = 40;
  Result<void> Load(uint64_t number, Bytes& page) const;
  size_t HeadOf(uint64_t number) const { return number == 1 ? 100 : 0; }
  uint32_t U32(const Bytes& page, size_t at) const;
  Result<unsigned> DepthOf(uint64_t root);
  Result<bool> WalkPage(const BtreePage& page, unsigned levels, const Each& each);
  Result<std::vector<BtreePage>> ChildrenOf(const BtreePage& page, bool are_leaves) const;

  const FileView& file_;
  const SqliteHeader header_;
  const uint64_t pages_;
  uint64_t walked_ = 0;  // of the tree that is being walked
};

}  // namespace cairn::compare
