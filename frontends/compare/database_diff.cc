#include "frontends/compare/database_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "repo-format/tree_path.h"

namespace cairn::compare {
namespace {

using query::Cell;
using Kind = TableDifference::Kind;

class DatabaseDiff {
 public:
  DatabaseDiff(RowsSide& before, RowsSide& after, const DatabaseDiffOptions& options, DifferenceSink& sink)
      : sides_{&before, &after}, options_(options), sink_(sink) {}

  Result<void> Run() {
    ASSIGN_OR_RETURN(std::vector<TableShape> before, sides_[0]->Tables());
    ASSIGN_OR_RETURN(std::vector<TableShape> after, sides_[1]->Tables());
    RETURN_IF_ERROR(NeedKeys(before, after));
    const auto is_left_out = [&](const TableShape& table) { return !options_.takes(table); };
    std::erase_if(before, is_left_out);
    std::erase_if(after, is_left_out);
    const auto place = [](const TableShape& table) { return std::tie(table.schema, table.base); };
    auto a = before.begin();
    for (auto b = after.begin(); a != before.end() || b != after.end();) {
      const bool is_before = b == after.end() || (a != before.end() && place(*a) <= place(*b));
      const bool is_after = a == before.end() || (b != after.end() && place(*b) <= place(*a));
      RETURN_IF_ERROR(One(is_before ? &*a : nullptr, is_after ? &*b : nullptr));
      if (is_before) ++a;
      if (is_after) ++b;
    }
    return {};
  }

 private:
  const std::vector<std::string>& KeyOf(const TableShape& table) const {
    static const std::vector<std::string> none;
    const auto named = options_.keys.find(table.name);
    if (named != options_.keys.end()) return named->second;
    const auto base = options_.keys.find(table.base);
    return base == options_.keys.end() ? none : base->second;
  }

  // Each key that is given is one of a table that both have, of columns that both have.
  Result<void> NeedKeys(const std::vector<TableShape>& before, const std::vector<TableShape>& after) const {
    for (const auto& [name, columns] : options_.keys) {
      for (const auto* tables : {&before, &after}) {
        const auto found = std::ranges::find_if(
            *tables, [&name](const TableShape& table) { return table.name == name || table.base == name; });
        if (found == tables->end()) {
          return MakeError(ErrorCode::kNotFound, "--key names the table {}, which the {} side has not",
                           PathForPeople(AsBytes(name)), tables == &before ? "first" : "second");
        }
        for (const std::string& column : columns) {
          if (std::ranges::find(found->columns, column, &ColumnShape::name) != found->columns.end()) continue;
          return MakeError(ErrorCode::kNotFound, "--key names the column {} of {}, which the {} side has not",
                           PathForPeople(AsBytes(column)), PathForPeople(AsBytes(name)),
                           tables == &before ? "first" : "second");
        }
      }
    }
    return {};
  }

  // What is wrong with one table is no reason not to compare the others.
  Result<void> One(const TableShape* before, const TableShape* after) {
    if (options_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    is_told_ = Result<void>();
    auto done = before == nullptr || after == nullptr ? Alone(before, after) : Both(*before, *after);
    if (done) return {};
    const ErrorCode code = done.error().code();
    const bool is_of_all = !is_told_ || EndsJob(code) || code == ErrorCode::kNoSpace;
    if (is_of_all) return done;
    return sink_.Failed(before == nullptr ? after->name : before->name, done.error());
  }

  Result<void> Alone(const TableShape* before, const TableShape* after) {
    const TableShape& table = before == nullptr ? *after : *before;
    TableDifference difference{.kind = before == nullptr ? Kind::kAdded : Kind::kRemoved, .name = table.name};
    difference.no_rows = table.no_rows;
    difference.are_elsewhere = table.are_elsewhere;
    if (table.no_rows.empty()) {
      ASSIGN_OR_RETURN(const uint64_t rows, sides_[before == nullptr ? 1 : 0]->Count(table));
      (before == nullptr ? difference.rows_after : difference.rows_before) = rows;
    }
    return Told(sink_.Table(difference));
  }

  Result<void> Both(const TableShape& before, const TableShape& after) {
    TableDifference difference{.name = before.name};
    difference.match = MatchTables(before, after, KeyOf(before));
    difference.no_rows = before.no_rows.empty() ? after.no_rows : before.no_rows;
    difference.are_elsewhere = before.are_elsewhere && after.are_elsewhere;
    difference.rows_before = before.rows;
    difference.rows_after = after.rows;
    if (!difference.no_rows.empty()) return Tell(difference);
    NarrowedTables narrowed;
    if (options_.narrow) {
      ASSIGN_OR_RETURN(narrowed, options_.narrow(before, after));
      if (narrowed.is_same) return Tell(difference);
    }
    RowDifference rows(options_.rows);
    RETURN_IF_ERROR(AddAll(Side::kBefore, before, difference.match, narrowed.before, rows));
    RETURN_IF_ERROR(AddAll(Side::kAfter, after, difference.match, narrowed.after, rows));
    ASSIGN_OR_RETURN(difference.counts, rows.Count());
    if (!narrowed.before) difference.rows_before = difference.counts.before;
    if (!narrowed.after) difference.rows_after = difference.counts.after;
    RETURN_IF_ERROR(Tell(difference));
    if (!options_.tells_rows || !difference.counts.any()) return {};
    uint64_t told = 0;
    RETURN_IF_ERROR(TellRows(Side::kBefore, before, narrowed.before, rows, difference, told));
    RETURN_IF_ERROR(TellRows(Side::kAfter, after, narrowed.after, rows, difference, told));
    return Told(sink_.RowsEnd(difference, told));
  }

  Result<void> AddAll(Side side, const TableShape& table, const TableMatch& match, const TablePart& part,
                      RowDifference& rows) {
    const size_t key_size = match.key.size();
    return sides_[static_cast<size_t>(side)]->Read(
        table, match.columns(), part, [&](std::span<const Cell> cells) -> Result<bool> {
          if (options_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
          RETURN_IF_ERROR(rows.Add(side, cells.first(key_size), cells.subspan(key_size)));
          return true;
        });
  }

  // Reads the side again, up to the last of the rows that are to be told.
  Result<void> TellRows(Side side, const TableShape& table, const TablePart& part, const RowDifference& rows,
                        const TableDifference& difference, uint64_t& told) {
    const auto wanted = rows.Rows(side);
    const std::vector<std::string> columns = difference.match.columns();
    uint64_t number = 0;
    auto next = wanted.begin();
    if (next == wanted.end() || told >= options_.rows.rows_max) return {};
    return sides_[static_cast<size_t>(side)]->Read(
        table, columns, part, [&](std::span<const Cell> cells) -> Result<bool> {
          if (number++ != next->number) return true;
          const auto key = cells.first(difference.match.key.size());
          const bool is_by_key = !key.empty() && std::ranges::none_of(key, [](const Cell& cell) {
            return cell.kind == Cell::Kind::kNull;
          });
          RETURN_IF_ERROR(Told(sink_.Row(difference, next->change, is_by_key ? difference.match.key : columns,
                                         is_by_key ? key : cells)));
          ++told;
          return ++next != wanted.end() && told < options_.rows.rows_max;
        });
  }

  Result<void> Tell(TableDifference& difference) {
    const bool is_same = difference.match.is_same_shape() && !difference.counts.any();
    difference.kind = is_same ? Kind::kSame : Kind::kDiffers;
    return Told(sink_.Table(difference));
  }
  Result<void> Told(Result<void> result) {
    is_told_ = result;
    return result;
  }

  RowsSide* const sides_[2];
  const DatabaseDiffOptions& options_;
  DifferenceSink& sink_;
  Result<void> is_told_;  // what the sink said last
};

}  // namespace

Result<void> DiffDatabases(RowsSide& before, RowsSide& after, const DatabaseDiffOptions& options,
                           DifferenceSink& sink) {
  return DatabaseDiff(before, after, options, sink).Run();
}

}  // namespace cairn::compare
