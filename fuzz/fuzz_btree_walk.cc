// Pages of a SQLite database: whatever they say, each walk ends, and stays in the file.
#include <algorithm>

#include "frontends/compare/btree_walk.h"

namespace {

class View final : public cairn::FileView {
 public:
  explicit View(cairn::ByteSpan bytes) : bytes_(bytes) {}
  uint64_t size() const override { return bytes_.size(); }
  cairn::Result<size_t> Read(uint64_t offset, cairn::MutableByteSpan target) const override {
    CHECK(offset <= bytes_.size());
    const size_t size = std::min<size_t>(target.size(), bytes_.size() - offset);
    std::ranges::copy(bytes_.subspan(offset, size), target.begin());
    return size;
  }
  cairn::Result<void> Touch(uint64_t, uint64_t) const override { return {}; }
  cairn::Result<std::optional<uint64_t>> NextData(uint64_t offset) const override { return std::optional(offset); }
  cairn::Result<std::optional<uint64_t>> NextHole(uint64_t) const override { return std::optional(size()); }

 private:
  const cairn::ByteSpan bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const View view({data, size});
  const auto header = cairn::compare::ReadSqliteHeader(view);
  if (!header) return 0;
  cairn::compare::BtreeWalk walk(view, *header);
  for (uint64_t root = 1; root <= std::min<uint64_t>(walk.pages(), 4); ++root) {
    uint64_t count = 0;
    const auto done = walk.Walk(root, [&](const cairn::compare::BtreePage& page) -> cairn::Result<bool> {
      CHECK(page.number >= 1 && page.number <= walk.pages() && ++count <= walk.pages());
      CHECK(page.rows.first <= page.rows.last);
      return true;
    });
    cairn::IgnoreError(done, "what is no tree is told");
  }
  cairn::IgnoreError(walk.ForEachOther([](uint64_t) -> cairn::Result<void> { return {}; }), "the same");
  return 0;
}
