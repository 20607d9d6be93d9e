#include "frontends/cli/table_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "frontends/cli/cell_text.h"
#include "frontends/cli/row_output.h"
#include "frontends/cli/snapshot_json.h"
#include "frontends/cli/text.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

using compare::RowChange;
using compare::TableDifference;
using query::Cell;
using Kind = TableDifference::Kind;

constexpr size_t kShownBytesMax = 200;  // of a value, for people

std::string Shown(const std::string& name) { return PathForPeople(AsBytes(name)); }

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + Shown(name);
  return text;
}

const char* Word(RowChange change) {
  return change == RowChange::kRemoved ? "removed" : change == RowChange::kChanged ? "changed" : "added";
}

char Letter(RowChange change) {
  return change == RowChange::kRemoved ? '-' : change == RowChange::kChanged ? '~' : '+';
}

// A word or a number, that needs no quotes to be seen as one.
bool IsPlain(const std::string& text) {
  constexpr std::string_view kPlain = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.:@+";
  return !text.empty() && text != "NULL" && text.find_first_not_of(kPlain) == std::string::npos;
}

std::string ValueText(const Cell& cell) {
  std::string line;
  for (const char c : CellText(cell)) line += c == '\n' ? std::string("\\n") : std::string(1, c);
  if (cell.kind == Cell::Kind::kText && !IsPlain(line)) line = "'" + line + "'";
  if (line.size() <= kShownBytesMax) return Printable(line);
  size_t end = kShownBytesMax;
  while (end > 0 && (line[end] & 0xc0) == 0x80) --end;  // no half characters
  return Printable(line.substr(0, end)) + "...";
}

nlohmann::json ValueJson(const Cell& cell) {
  switch (cell.kind) {
    case Cell::Kind::kInteger:
      return cell.integer;
    case Cell::Kind::kReal:
      return std::isinf(cell.real) ? nlohmann::json(CellText(cell)) : nlohmann::json(cell.real);
    case Cell::Kind::kText:
      return JsonText(cell.bytes);
    case Cell::Kind::kBlob:
      return {{"hex", ToHex(cell.bytes)}};
    default:
      return nullptr;
  }
}

// What is to be said behind the counts.
std::string RestOf(const TableDifference& table) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
  const bool is_alone = table.kind == Kind::kAdded || table.kind == Kind::kRemoved;
  const auto rows = table.kind == Kind::kRemoved ? table.rows_before : table.rows_after;
  if (rows) add((is_alone ? "" : "of ") + HumanCount(*rows) + (*rows == 1 ? " row" : " rows"));
  if (!table.no_rows.empty()) add(table.no_rows);
  if (is_alone) return text;
  if (!table.match.columns_added.empty()) add("new columns: " + Joined(table.match.columns_added));
  if (!table.match.columns_removed.empty()) add("columns gone: " + Joined(table.match.columns_removed));
  for (const compare::ChangedColumn& column : table.match.columns_changed) {
    add(fmt::format("{} is {}, was {}", Shown(column.name), column.after.empty() ? "of no type" : Shown(column.after),
                    column.before.empty() ? "of no type" : Shown(column.before)));
  }
  if (table.match.is_other_key) add("another primary key");
  if (table.match.key.empty() && table.counts.any()) add("no key: whole rows");
  return text;
}

}  // namespace

TableReport::Line TableReport::LineOf(const TableDifference& table) {
  Line line{.letter = table.kind == Kind::kAdded     ? '+'
                      : table.kind == Kind::kRemoved ? '-'
                                                     : 'M',
            .name = Shown(table.name)};
  const bool has_counts = table.kind == Kind::kDiffers && table.no_rows.empty();
  if (has_counts) {
    line.added = "+" + HumanCount(table.counts.added);
    line.removed = "-" + HumanCount(table.counts.removed);
    if (!table.match.key.empty() || table.counts.changed > 0) line.changed = "~" + HumanCount(table.counts.changed);
  }
  line.rest = RestOf(table);
  return line;
}

Result<void> TableReport::Table(const TableDifference& table) {
  totals_.added += table.kind == Kind::kAdded ? 1 : 0;
  totals_.removed += table.kind == Kind::kRemoved ? 1 : 0;
  totals_.differ += table.kind == Kind::kDiffers ? 1 : 0;
  totals_.same += table.kind == Kind::kSame && table.no_rows.empty() ? 1 : 0;
  totals_.rows.added += table.counts.added;
  totals_.rows.removed += table.counts.removed;
  totals_.rows.changed += table.counts.changed;
  if (!table.no_rows.empty() && !table.are_elsewhere) ++without_rows_[table.no_rows];
  if (table.kind == Kind::kSame) return {};
  if (cli_.json()) {
    TellJson(table);
  } else if (tells_rows_) {
    Print({LineOf(table)});
  } else {
    lines_.push_back(LineOf(table));
  }
  if (cli_.output_closed()) return Error(ErrorCode::kInterrupted, "nobody reads the output any more");
  return {};
}

void TableReport::TellJson(const TableDifference& table) {
  const char* const word = table.kind == Kind::kAdded ? "added" : table.kind == Kind::kRemoved ? "removed" : "content";
  nlohmann::json json = {{"message_type", "table"}, {"change", word}, {"table", table.name}};
  if (!item_.empty()) json["item"] = item_;
  if (table.rows_before) json["rows_before"] = *table.rows_before;
  if (table.rows_after) json["rows_after"] = *table.rows_after;
  if (!table.no_rows.empty()) json["rows_not_compared"] = table.no_rows;
  if (table.kind == Kind::kDiffers) {
    if (table.no_rows.empty()) {
      json["rows_added"] = table.counts.added;
      json["rows_removed"] = table.counts.removed;
      json["rows_changed"] = table.counts.changed;
      json["key"] = table.match.key;
    }
    json["columns_added"] = table.match.columns_added;
    json["columns_removed"] = table.match.columns_removed;
    json["columns_changed"] = nlohmann::json::array();
    for (const compare::ChangedColumn& column : table.match.columns_changed) {
      json["columns_changed"].push_back({{"name", column.name}, {"before", column.before}, {"after", column.after}});
    }
    json["primary_key_changed"] = table.match.is_other_key;
  }
  cli_.PrintJson(json);
}

Result<void> TableReport::Row(const TableDifference& table, RowChange change, const std::vector<std::string>& columns,
                              std::span<const Cell> cells) {
  if (cli_.json()) {
    nlohmann::json values = nlohmann::json::object();
    for (size_t i = 0; i < cells.size(); ++i) values[columns[i]] = ValueJson(cells[i]);
    nlohmann::json json = {
        {"message_type", "row"}, {"table", table.name}, {"change", Word(change)}, {"values", std::move(values)}};
    if (!item_.empty()) json["item"] = item_;
    cli_.PrintJson(json);
  } else {
    std::string text = fmt::format("    {}", Letter(change));
    for (size_t i = 0; i < cells.size(); ++i) {
      text += fmt::format(" {}={}", Shown(columns[i]), ValueText(cells[i]));
    }
    cli_.Print(text + "\n");
  }
  if (cli_.output_closed()) return Error(ErrorCode::kInterrupted, "nobody reads the output any more");
  return {};
}

Result<void> TableReport::RowsEnd(const TableDifference& table, uint64_t told) {
  const uint64_t all = table.counts.added + table.counts.removed + table.counts.changed;
  if (!cli_.json() && told < all) cli_.Print(fmt::format("    ... and {} more (--limit)\n", HumanCount(all - told)));
  return {};
}

Result<void> TableReport::Failed(const std::string& table, const Error& error) {
  ++totals_.failed;
  cli_.Findings()({SeverityOf(error), error.code(), item_.empty() ? table : item_ + ": " + table, error.message()});
  return {};
}

void TableReport::End() {
  Print(lines_);
  lines_.clear();
  for (const auto& [why, count] : without_rows_) {
    cli_.Findings()(
        {Finding::Severity::kNote, ErrorCode::kUnsupported, item_.empty() ? std::string("tables") : item_,
         fmt::format("rows of {} {} are not compared: {}", HumanCount(count), count == 1 ? "table" : "tables", why)});
  }
  without_rows_.clear();
}

void TableReport::Print(const std::vector<Line>& lines) {
  const auto widest = [&lines](std::string Line::* field) {
    size_t widest_one = 0;
    for (const Line& line : lines) widest_one = std::max(widest_one, WidthOf(line.*field));
    return widest_one;
  };
  const size_t added = widest(&Line::added), removed = widest(&Line::removed), changed = widest(&Line::changed);
  // A long name shall not push all others aside.
  constexpr size_t kNameWidthMax = 40;
  const size_t name = std::min(widest(&Line::name), kNameWidthMax);
  const auto padded = [](const std::string& text, size_t width) {
    return text + std::string(width - std::min(width, WidthOf(text)), ' ');
  };
  const std::string place = item_.empty() ? "" : Shown(item_) + ": ";
  for (const Line& line : lines) {
    std::string text = fmt::format("{} {}{}", line.letter, place, padded(line.name, name));
    if (added > 0) {
      text += "  " + padded(line.added, added) + "  " + padded(line.removed, removed);
      if (changed > 0) text += "  " + padded(line.changed, changed);
    }
    text += "  " + line.rest;
    text.erase(text.find_last_not_of(' ') + 1);
    cli_.Print(text + "\n");
  }
}

std::string TotalsText(const TableTotals& totals) {
  std::string text = fmt::format("tables: {} added, {} removed, {} with other rows or columns, {} the same",
                                 totals.added, totals.removed, totals.differ, totals.same);
  if (totals.differ > 0) {
    text += fmt::format("; rows: +{} -{} ~{}", HumanCount(totals.rows.added), HumanCount(totals.rows.removed),
                        HumanCount(totals.rows.changed));
  }
  return text;
}

nlohmann::json TotalsJson(const TableTotals& totals) {
  return {{"added", totals.added},
          {"removed", totals.removed},
          {"content", totals.differ},
          {"same", totals.same},
          {"rows_added", totals.rows.added},
          {"rows_removed", totals.rows.removed},
          {"rows_changed", totals.rows.changed}};
}

}  // namespace cairn
