#include "frontends/compare/btree_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace cairn::compare {
namespace {

constexpr size_t kHeaderBytes = 100;
constexpr uint8_t kInnerIndex = 0x02, kInnerTable = 0x05, kLeafIndex = 0x0a, kLeafTable = 0x0d;
constexpr uint64_t kLockByte = uint64_t{1} << 30;  // on a page that nothing is ever on

bool IsInner(uint8_t type) { return type == kInnerIndex || type == kInnerTable; }

uint32_t BigEndian(ByteSpan bytes, size_t at, size_t size) {
  uint32_t number = 0;
  for (size_t i = 0; i < size; ++i) number = number << 8 | bytes[at + i];
  return number;
}

// Of at most nine bytes, each with seven bits and whether there is another, the ninth with eight.
std::optional<int64_t> Varint(ByteSpan bytes, size_t at) {
  uint64_t number = 0;
  for (size_t i = 0; i < 9; ++i) {
    if (at + i >= bytes.size()) return std::nullopt;
    const uint8_t byte = bytes[at + i];
    if (i == 8) return static_cast<int64_t>(number << 8 | byte);
    number = number << 7 | (byte & 0x7f);
    if ((byte & 0x80) == 0) return static_cast<int64_t>(number);
  }
  return std::nullopt;
}

}  // namespace

Result<SqliteHeader> ReadSqliteHeader(const FileView& file) {
  Bytes bytes(kHeaderBytes);
  ASSIGN_OR_RETURN(const size_t got, file.Read(0, bytes));
  if (got < kHeaderBytes || std::memcmp(bytes.data(), "SQLite format 3", 16) != 0) {
    return Error(ErrorCode::kInvalidArgument, "it is no SQLite database");
  }
  SqliteHeader header;
  header.page_bytes = BigEndian(bytes, 16, 2);
  if (header.page_bytes == 1) header.page_bytes = 65'536;
  header.reserved_bytes = bytes[20];
  header.free_trunk = BigEndian(bytes, 32, 4);
  header.free_pages = BigEndian(bytes, 36, 4);
  header.has_pointer_map = BigEndian(bytes, 52, 4) != 0;
  header.text_encoding = BigEndian(bytes, 56, 4);
  const bool is_power = (header.page_bytes & (header.page_bytes - 1)) == 0;
  if (header.page_bytes < 512 || !is_power) return Corrupt("pages of {} bytes", header.page_bytes);
  return header;
}

BtreeWalk::BtreeWalk(const FileView& file, const SqliteHeader& header)
    : file_(file), header_(header), pages_(file.size() / header.page_bytes) {}

uint32_t BtreeWalk::U32(const Bytes& page, size_t at) const { return BigEndian(page, at, 4); }

Result<void> BtreeWalk::Load(uint64_t number, Bytes& page) const {
  if (number == 0 || number > pages_) return Corrupt("page {} of {}", number, pages_);
  page.resize(header_.page_bytes);
  ASSIGN_OR_RETURN(const size_t got, file_.Read((number - 1) * header_.page_bytes, page));
  return got == page.size() ? Result<void>() : Corrupt("page {} is cut off", number);
}

// Levels below the root.
Result<unsigned> BtreeWalk::DepthOf(uint64_t root) {
  Bytes page;
  uint64_t number = root;
  for (unsigned depth = 0; depth < kDepthMax; ++depth) {
    RETURN_IF_ERROR(Load(number, page));
    const size_t head = HeadOf(number);
    const uint8_t type = page[head];
    if (type == kLeafIndex || type == kLeafTable) return depth;
    if (!IsInner(type)) return Corrupt("page {} is of no b-tree", number);
    number = U32(page, head + 8);
  }
  return Corrupt("the b-tree of page {} has no end", root);
}

Result<bool> BtreeWalk::HasRowids(uint64_t root) {
  Bytes page;
  RETURN_IF_ERROR(Load(root, page));
  const uint8_t type = page[HeadOf(root)];
  return type == kInnerTable || type == kLeafTable;
}

Result<void> BtreeWalk::Walk(uint64_t root, const Each& each) {
  ASSIGN_OR_RETURN(const unsigned levels, DepthOf(root));
  BtreePage page{.number = root, .is_leaf = levels == 0};
  page.rows = {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()};
  walked_ = 0;
  RETURN_IF_ERROR(WalkPage(page, levels, each));
  return {};
}

Result<bool> BtreeWalk::WalkPage(const BtreePage& page, unsigned levels, const Each& each) {
  if (page.number == 0 || page.number > pages_) return Corrupt("page {} of {}", page.number, pages_);
  if (++walked_ > pages_) return Corrupt("a b-tree has more than the {} pages of the file", pages_);
  ASSIGN_OR_RETURN(const bool goes_on, each(page));
  if (!goes_on || page.is_leaf) return goes_on;
  ASSIGN_OR_RETURN(const auto children, ChildrenOf(page, levels == 1));
  for (const BtreePage& child : children) {
    ASSIGN_OR_RETURN(const bool is_wanted, WalkPage(child, levels - 1, each));
    if (!is_wanted) return false;
  }
  return true;
}

Result<std::vector<BtreePage>> BtreeWalk::ChildrenOf(const BtreePage& parent, bool are_leaves) const {
  constexpr size_t kInnerHead = 12;
  Bytes page;
  RETURN_IF_ERROR(Load(parent.number, page));
  const size_t head = HeadOf(parent.number);
  const uint8_t type = page[head];
  if (!IsInner(type)) return Corrupt("page {} has nothing below it", parent.number);
  const size_t cells = BigEndian(page, head + 3, 2);
  if (head + kInnerHead + 2 * cells > page.size()) return Corrupt("page {} has {} cells", parent.number, cells);
  std::vector<BtreePage> children;
  int64_t first = parent.rows.first;
  for (size_t i = 0; i < cells; ++i) {
    const size_t at = BigEndian(page, head + kInnerHead + 2 * i, 2);
    if (at + 4 > page.size()) return Corrupt("page {} has a cell at {}", parent.number, at);
    BtreePage child{.number = U32(page, at), .is_leaf = are_leaves, .rows = parent.rows};
    if (type == kInnerTable) {
      const auto last = Varint(page, at + 4);
      if (!last || *last < first || *last >= parent.rows.last) {
        return Corrupt("page {} has rows in no order", parent.number);
      }
      child.rows = {first, *last};
      first = *last + 1;
    }
    children.push_back(child);
  }
  children.push_back({.number = U32(page, head + 8), .is_leaf = are_leaves, .rows = {first, parent.rows.last}});
  return children;
}

Result<void> BtreeWalk::ForEachOther(const std::function<Result<void>(uint64_t page)>& each) {
  Bytes page;
  uint64_t left = std::min<uint64_t>(header_.free_pages, pages_);
  for (uint64_t trunk = header_.free_trunk; trunk != 0 && left > 0;) {
    RETURN_IF_ERROR(Load(trunk, page));
    RETURN_IF_ERROR(each(trunk));
    --left;
    const uint64_t count = U32(page, 4);
    if (8 + 4 * count > page.size() || count > left) return Corrupt("the free page {} names {} others", trunk, count);
    for (uint64_t i = 0; i < count; ++i) RETURN_IF_ERROR(each(U32(page, 8 + 4 * i)));
    left -= count;
    trunk = U32(page, 0);
  }
  if (!header_.has_pointer_map) return {};
  const uint64_t lock_page = kLockByte / header_.page_bytes + 1;
  const uint64_t step = (header_.page_bytes - header_.reserved_bytes) / 5 + 1;
  for (uint64_t map = 2; map <= pages_; map += step) {
    const uint64_t number = map == lock_page ? map + 1 : map;
    if (number <= pages_) RETURN_IF_ERROR(each(number));
  }
  return {};
}

}  // namespace cairn::compare
