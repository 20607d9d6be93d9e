#include "frontends/compare/row_difference.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace cairn::compare {
namespace {

using query::Cell;

// What is hashed begins with one: rows that are their own key are no key of another.
constexpr uint8_t kKey = 'k', kRest = 'r', kWhole = 'w';

template <class Number>
void AppendNumber(Bytes& bytes, Number number) {
  const size_t size = bytes.size();
  bytes.resize(size + sizeof number);
  std::memcpy(bytes.data() + size, &number, sizeof number);
}

// SQLite's unique keys hold a real and an integer for the same where they are.
bool IsInteger(double value) {
  constexpr double kBound = 9.2e18;
  return std::fabs(value) < kBound && value == std::floor(value);
}

void AppendCell(Bytes& bytes, const Cell& cell, bool is_key) {
  const bool is_whole = is_key && cell.kind == Cell::Kind::kReal && IsInteger(cell.real);
  const Cell::Kind kind = is_whole ? Cell::Kind::kInteger : cell.kind;
  bytes.push_back(static_cast<uint8_t>(kind));
  switch (kind) {
    case Cell::Kind::kNull:
      break;
    case Cell::Kind::kInteger:
      AppendNumber(bytes, is_whole ? static_cast<int64_t>(cell.real) : cell.integer);
      break;
    case Cell::Kind::kReal:
      AppendNumber(bytes, cell.real + 0.0);  // of the two zeros one
      break;
    default:
      AppendNumber(bytes, static_cast<uint64_t>(cell.bytes.size()));
      Append(bytes, cell.bytes);
  }
}

bool HasNull(std::span<const Cell> cells) {
  return std::ranges::any_of(cells, [](const Cell& cell) { return cell.kind == Cell::Kind::kNull; });
}

uint64_t ReadBigEndian(const uint8_t* bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) number = number << 8 | bytes[i];
  return number;
}

}  // namespace

RowDifference::RowDifference(const Options& options)
    : options_(options),
      hash_(options_.hash_key),
      sorter_({.folder = options_.folder, .record_bytes = kRecordBytes, .memory_bytes = options_.memory_bytes}) {}

void RowDifference::HashOf(std::span<const Cell> cells, bool is_key, uint8_t label, uint8_t* target) {
  text_.clear();
  text_.push_back(label);
  for (const Cell& cell : cells) AppendCell(text_, cell, is_key);
  const Digest digest = hash_.Compute(text_);
  std::memcpy(target, digest.bytes().data(), kHashBytes);
}

Result<void> RowDifference::Add(Side side, std::span<const Cell> key, std::span<const Cell> rest) {
  std::array<uint8_t, kRecordBytes> record{};
  if (key.empty() || HasNull(key)) {
    std::vector<Cell> whole(key.begin(), key.end());
    whole.insert(whole.end(), rest.begin(), rest.end());
    HashOf(whole, /*is_key=*/false, kWhole, record.data());
  } else {
    HashOf(key, /*is_key=*/true, kKey, record.data());
    HashOf(rest, /*is_key=*/false, kRest, record.data() + kHashBytes);
  }
  const size_t index = static_cast<size_t>(side);
  record[2 * kHashBytes] = static_cast<uint8_t>(side);
  const uint64_t number = added_[index]++;
  for (size_t i = 0; i < 8; ++i) record[kRecordBytes - 1 - i] = static_cast<uint8_t>(number >> (8 * i));
  return sorter_.Add(record);
}

void RowDifference::Group::Take(uint64_t number, size_t numbers_max) {
  ++count;
  if (numbers.size() < numbers_max) numbers.push_back(number);
}

// Of rows that are the same as many are on both sides as the side has that has fewer.
void RowDifference::EndEqual(Sides& equal, Sides& key) const {
  const uint64_t shared = std::min(equal[0].count, equal[1].count);
  for (size_t side = 0; side < 2; ++side) {
    const uint64_t extra = equal[side].count - shared;
    key[side].count += extra;
    for (size_t i = 0; i < std::min<uint64_t>(extra, equal[side].numbers.size()); ++i) {
      if (key[side].numbers.size() < options_.rows_max) key[side].numbers.push_back(equal[side].numbers[i]);
    }
    equal[side] = {};
  }
}

void RowDifference::EndKey(Sides& key, RowCounts& counts) {
  auto& [before, after] = key;
  const uint64_t changed = std::min(before.count, after.count);
  counts.changed += changed;
  counts.removed += before.count - changed;
  counts.added += after.count - changed;
  const auto from = [&](const Group& group, uint64_t first) {
    return std::span(group.numbers).subspan(std::min<uint64_t>(first, group.numbers.size()));
  };
  Keep(RowChange::kRemoved, from(before, changed));
  Keep(RowChange::kAdded, from(after, changed));
  Keep(RowChange::kChanged, std::span(after.numbers).first(std::min<uint64_t>(changed, after.numbers.size())));
  key = {};
}

void RowDifference::Keep(RowChange change, std::span<const uint64_t> numbers) {
  auto& kept = kept_[static_cast<size_t>(change)];
  kept.insert(kept.end(), numbers.begin(), numbers.end());
  if (kept.size() > 2 * options_.rows_max) KeepLeast(kept, options_.rows_max);
}

void RowDifference::KeepLeast(std::vector<uint64_t>& numbers, size_t count) {
  if (numbers.size() <= count) return;
  std::ranges::nth_element(numbers, numbers.begin() + static_cast<ptrdiff_t>(count));
  numbers.resize(count);
}

Result<RowCounts> RowDifference::Count() {
  RETURN_IF_ERROR(sorter_.EndAdding());
  ASSIGN_OR_RETURN(const auto reader, sorter_.Read({}, {}, options_.memory_bytes / 2));
  RowCounts counts{.before = added_[0], .after = added_[1]};
  Sides equal, key;
  Bytes last;  // key and rest of the row before
  for (;;) {
    ASSIGN_OR_RETURN(const ByteSpan record, reader->Next());
    const ByteSpan now = record.empty() ? record : record.first(2 * kHashBytes);
    if (!last.empty() && !Equal(now, last)) {
      EndEqual(equal, key);
      if (now.empty() || !Equal(now.first(kHashBytes), ByteSpan(last).first(kHashBytes))) EndKey(key, counts);
    }
    if (record.empty()) break;
    last = ToBytes(now);
    equal[record[2 * kHashBytes]].Take(ReadBigEndian(record.data() + 2 * kHashBytes + 1), options_.rows_max);
  }
  for (auto& kept : kept_) {
    KeepLeast(kept, options_.rows_max);
    std::ranges::sort(kept);
  }
  return counts;
}

std::vector<RowDifference::NumberedRow> RowDifference::Rows(Side side) const {
  std::vector<NumberedRow> rows;
  for (const RowChange change : {RowChange::kRemoved, RowChange::kChanged, RowChange::kAdded}) {
    if ((change == RowChange::kRemoved) != (side == Side::kBefore)) continue;
    for (const uint64_t number : kept_[static_cast<size_t>(change)]) rows.push_back({number, change});
  }
  std::ranges::sort(rows, {}, &NumberedRow::number);
  return rows;
}

}  // namespace cairn::compare
