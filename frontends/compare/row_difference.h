// Which rows of a table two sides do not share.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/crypto/hash.h"
#include "engine/env/record_sorter.h"
#include "frontends/query/rows.h"
#include "repo-format/base/units.h"

namespace cairn::compare {

enum class Side : uint8_t { kBefore = 0, kAfter = 1 };
enum class RowChange : uint8_t { kRemoved = 0, kChanged = 1, kAdded = 2 };

struct RowCounts {
  uint64_t removed = 0, changed = 0, added = 0;
  uint64_t before = 0, after = 0;  // that were given
  uint64_t of(RowChange change) const {
    return change == RowChange::kRemoved ? removed : change == RowChange::kChanged ? changed : added;
  }
  bool any() const { return removed + changed + added > 0; }
};

// Rows of both sides are added, in any order; then they are counted. A row is kept as keyed hashes of its key and of
// the rest, 128 bits each, sorted on disk. Rows of one key belong together; those of one key that are the same on both
// sides cancel out first, so that a key may also be that of several rows. A row without a key, or with a NULL in it, is
// its own key: it came or went, and never changed.
//
// One thread. Memory: `memory_bytes`, and 16 bytes for each of `rows_max`; the rest is in files of `folder` that have
// no name. Errors: kNoSpace, kIo, with the folder.
class RowDifference {
 public:
  struct Options {
    std::string folder;
    uint64_t memory_bytes = 16 * kMiB;
    std::array<uint8_t, 32> hash_key{};  // random, of this run
    size_t rows_max = 0;                 // of each change, whose numbers are kept
  };
  explicit RowDifference(const Options& options);

  // `key` may be empty; a value is its type and its bytes: 1, 1.0 and '1' are three, but in a key, where 1 and 1.0 are
  // one.
  Result<void> Add(Side side, std::span<const query::Cell> key, std::span<const query::Cell> rest);
  // Once; no row can be added any more.
  Result<RowCounts> Count();

  struct NumberedRow {
    uint64_t number = 0;  // as its side's rows were added, from 0
    RowChange change = RowChange::kRemoved;
  };
  // After Count: the first of each change, ascending. Removed rows are of kBefore, the others of kAfter.
  std::vector<NumberedRow> Rows(Side side) const;

 private:
  static constexpr size_t kHashBytes = 16;
  static constexpr size_t kRecordBytes = 2 * kHashBytes + 1 + 8;  // key, rest, side, number
  // Of rows that are of one key, and of those among them that are the same.
  struct Group {
    uint64_t count = 0;
    std::vector<uint64_t> numbers;  // the first of them
    void Take(uint64_t number, size_t numbers_max);
  };
  using Sides = std::array<Group, 2>;

  void HashOf(std::span<const query::Cell> cells, bool is_key, uint8_t label, uint8_t* target);
  void EndEqual(Sides& equal, Sides& key) const;
  void EndKey(Sides& key, RowCounts& counts);
  void Keep(RowChange change, std::span<const uint64_t> numbers);
  static void KeepLeast(std::vector<uint64_t>& numbers, size_t count);

  const Options options_;
  const HmacKey hash_;
  RecordSorter sorter_;
  std::array<uint64_t, 2> added_{};
  std::array<std::vector<uint64_t>, 3> kept_;  // by change
  Bytes text_;
};

}  // namespace cairn::compare
