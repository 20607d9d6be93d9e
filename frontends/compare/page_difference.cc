#include "frontends/compare/page_difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/tree/list_reader.h"
#include "frontends/compare/btree_walk.h"

namespace cairn::compare {
namespace {

using Pages = std::vector<bool>;  // by number

constexpr uint64_t kWindowPages = 16'384;          // of a file, whose blobs are held at once
constexpr uint64_t kPagesMax = uint64_t{1} << 26;  // of which some bits each are held
// Of a smaller table all is read, so that it can be told how many rows it has.
constexpr uint64_t kLeavesMin = 512;
constexpr size_t kRangesMax = 20'000;

class AllRows final : public query::RowSink {
 public:
  using Take = std::function<void(std::span<const query::Cell>)>;
  explicit AllRows(Take take) : take_(std::move(take)) {}
  Result<void> Begin(const std::vector<std::string>&) override { return {}; }
  Result<void> Row(std::span<const query::Cell> cells) override {
    take_(cells);
    return {};
  }
  Result<void> End() override { return {}; }

 private:
  const Take take_;
};

// One of the two.
struct State {
  StoredDatabase stored;
  SqliteHeader header;
  std::unique_ptr<BtreeWalk> walk;
  std::map<std::string, uint64_t> tables;  // their first pages
  Pages known;                             // not of long values, nor of nobody knows what
};

class PageDifference {
 public:
  PageDifference(const StoredDatabase& before, const StoredDatabase& after,
                 std::function<void(const std::string&)> tell)
      : states_{State{.stored = before}, State{.stored = after}}, tell_(std::move(tell)) {}

  Result<NarrowedTables> Narrow(const TableShape& before, const TableShape& after) {
    if (!is_made_) {
      is_made_ = true;
      auto made = Make();
      // What is no b-tree SQLite itself shall say, and what is damaged who reads it.
      if (!made && (EndsJob(made.error().code()))) return std::move(made).error();
      is_usable_ = made.has_value() && *made;
    }
    if (!is_usable_ || before.definition != after.definition || before.definition.empty()) return NarrowedTables();
    auto narrowed = OfTable(before.base);
    if (!narrowed && EndsJob(narrowed.error().code())) return narrowed;
    return narrowed ? std::move(narrowed) : NarrowedTables();
  }

 private:
  Result<bool> Make() {
    for (State& state : states_) {
      ASSIGN_OR_RETURN(state.header, ReadSqliteHeader(*state.stored.view));
      state.walk = std::make_unique<BtreeWalk>(*state.stored.view, state.header);
    }
    const auto form = [](const SqliteHeader& header) {
      return std::tuple(header.page_bytes, header.reserved_bytes, header.text_encoding);
    };
    if (form(states_[0].header) != form(states_[1].header)) return false;
    pages_ = std::max(states_[0].walk->pages(), states_[1].walk->pages());
    if (pages_ > kPagesMax) return false;
    RETURN_IF_ERROR(FindDifferent());
    const auto count = static_cast<uint64_t>(std::ranges::count(differs_, true));
    if (count > pages_ / 2) return false;  // to look for what is left would only cost more
    for (State& state : states_) RETURN_IF_ERROR(MarkKnown(state));
    for (uint64_t page = 1; page <= pages_; ++page) {
      // A long value of a row whose own page is the same may be another.
      if (differs_[page] && !states_[0].known[page] && !states_[1].known[page]) {
        Tell(fmt::format("page {} holds long values, or is unknown, and differs: all rows are read", page));
        return false;
      }
    }
    Tell(fmt::format("{} of {} pages differ", count, pages_));
    return true;
  }

  // Blobs that both have at the same place are the same bytes.
  Result<void> FindDifferent() {
    differs_.assign(pages_ + 1, false);
    const uint64_t bytes = std::max(states_[0].stored.file->size, states_[1].stored.file->size);
    const uint64_t window = kWindowPages * states_[0].header.page_bytes;
    for (uint64_t begin = 0; begin < bytes; begin += window) {
      const uint64_t end = std::min(begin + window, bytes);
      ASSIGN_OR_RETURN(const Blobs before, BlobsOf(states_[0].stored, begin, end));
      ASSIGN_OR_RETURN(const Blobs after, BlobsOf(states_[1].stored, begin, end));
      MarkOthers(before, after);
      MarkOthers(after, before);
    }
    return {};
  }

  struct Blob {
    uint64_t length = 0;
    BlobId id;  // zero for holes
    friend bool operator==(const Blob&, const Blob&) = default;
  };
  using Blobs = std::map<uint64_t, Blob>;  // by where they begin

  static Result<Blobs> BlobsOf(const StoredDatabase& stored, uint64_t begin, uint64_t end) {
    Blobs blobs;
    if (begin >= stored.file->size) return blobs;
    RETURN_IF_ERROR(ForEachEntry(stored.blobs, *stored.file->content, begin, std::min(end, stored.file->size),
                                 [&](uint64_t offset, const ListEntry& entry) -> Result<void> {
                                   if (entry.length == 0) return {};
                                   const uint64_t first = offset < begin ? (begin - offset) / entry.length : 0;
                                   uint64_t at = offset + first * entry.length;
                                   for (uint64_t i = first; i < entry.count && at < end; ++i, at += entry.length) {
                                     blobs[at] = {entry.length, entry.id};
                                   }
                                   return {};
                                 }));
    return blobs;
  }

  void MarkOthers(const Blobs& blobs, const Blobs& others) {
    const uint64_t page_bytes = states_[0].header.page_bytes;
    for (const auto& [offset, blob] : blobs) {
      const auto other = others.find(offset);
      if (other != others.end() && other->second == blob) continue;
      const uint64_t last = (offset + blob.length - 1) / page_bytes + 1;
      for (uint64_t page = offset / page_bytes + 1; page <= std::min(last, pages_); ++page) differs_[page] = true;
    }
  }

  Result<void> MarkKnown(State& state) {
    state.known.assign(pages_ + 1, false);
    const auto mark = [&](uint64_t page) -> Result<void> {
      if (page == 0 || page > pages_ || state.known[page]) return Corrupt("page {} is of two b-trees", page);
      state.known[page] = true;
      return {};
    };
    std::vector<uint64_t> roots = {1};
    AllRows rows([&](std::span<const query::Cell> cells) {
      const auto root = static_cast<uint64_t>(cells[2].integer);
      roots.push_back(root);
      if (AsText(cells[0].bytes) == "table") state.tables[ToString(cells[1].bytes)] = root;
    });
    RETURN_IF_ERROR(
        state.stored.database.Run("SELECT type, name, rootpage FROM main.sqlite_schema WHERE rootpage > 0", rows));
    for (const uint64_t root : roots) {
      RETURN_IF_ERROR(state.walk->Walk(root, [&](const BtreePage& page) -> Result<bool> {
        RETURN_IF_ERROR(mark(page.number));
        return true;
      }));
    }
    return state.walk->ForEachOther(mark);
  }

  Result<NarrowedTables> OfTable(const std::string& name) {
    const auto before = states_[0].tables.find(name), after = states_[1].tables.find(name);
    if (before == states_[0].tables.end() || after == states_[1].tables.end()) return NarrowedTables();
    const uint64_t roots[] = {before->second, after->second};
    ASSIGN_OR_RETURN(const bool has_rowids, states_[0].walk->HasRowids(roots[0]));
    if (!has_rowids) return OfIndex(roots[0], roots[1]);
    std::array<Pages, 2> leaves;
    uint64_t count = 0;
    for (size_t i = 0; i < 2; ++i) {
      leaves[i].assign(pages_ + 1, false);
      RETURN_IF_ERROR(states_[i].walk->Walk(roots[i], [&](const BtreePage& page) -> Result<bool> {
        leaves[i][page.number] = page.is_leaf;
        count += page.is_leaf ? 1 : 0;
        return true;
      }));
    }
    NarrowedTables narrowed;
    std::array<std::vector<RowidRange>, 2> ranges;
    uint64_t read = 0;
    for (size_t i = 0; i < 2; ++i) {
      RETURN_IF_ERROR(states_[i].walk->Walk(roots[i], [&](const BtreePage& page) -> Result<bool> {
        if (!page.is_leaf || (leaves[1 - i][page.number] && !differs_[page.number])) return true;
        ++read;
        AddRange(ranges[i], page.rows);
        return ranges[i].size() <= kRangesMax;
      }));
    }
    narrowed.is_same = read == 0;
    if (narrowed.is_same || count < 2 * kLeavesMin || ranges[0].size() + ranges[1].size() > kRangesMax) return narrowed;
    Tell(fmt::format("of {} {} of {} leaf pages are read", name, read, count));
    narrowed.before = std::move(ranges[0]);
    narrowed.after = std::move(ranges[1]);
    return narrowed;
  }

  static void AddRange(std::vector<RowidRange>& ranges, const RowidRange& range) {
    if (!ranges.empty() && ranges.back().last + 1 == range.first) {
      ranges.back().last = range.last;
    } else {
      ranges.push_back(range);
    }
  }

  // Of a table without rowids, whose rows are on all its pages: the same where all of them are.
  Result<NarrowedTables> OfIndex(uint64_t root_before, uint64_t root_after) {
    NarrowedTables narrowed;
    if (root_before != root_after) return narrowed;
    narrowed.is_same = true;
    RETURN_IF_ERROR(states_[0].walk->Walk(root_before, [&](const BtreePage& page) -> Result<bool> {
      narrowed.is_same = narrowed.is_same && !differs_[page.number];
      return narrowed.is_same;
    }));
    return narrowed;
  }

  void Tell(const std::string& text) const {
    if (tell_) tell_(text);
  }

  std::array<State, 2> states_;
  const std::function<void(const std::string&)> tell_;
  bool is_made_ = false, is_usable_ = false;
  uint64_t pages_ = 0;
  Pages differs_;
};

}  // namespace

std::function<Result<NarrowedTables>(const TableShape& before, const TableShape& after)> NarrowByPages(
    const StoredDatabase& before, const StoredDatabase& after, std::function<void(const std::string&)> tell) {
  const auto difference = std::make_shared<PageDifference>(before, after, std::move(tell));
  return [difference](const TableShape& one, const TableShape& other) { return difference->Narrow(one, other); };
}

}  // namespace cairn::compare
