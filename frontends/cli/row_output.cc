#include "frontends/cli/row_output.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "frontends/cli/cell_text.h"
#include "frontends/cli/text.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

using query::Cell;

constexpr size_t kPieceBytes = 64 * kKiB;
constexpr size_t kLookedAtRowsMax = 1000;
constexpr size_t kLookedAtBytesMax = kMiB;

class RowOutput : public query::RowSink {
 public:
  explicit RowOutput(Cli& cli) : cli_(cli) {}
  Result<void> End() override { return Flush(); }

 protected:
  Result<void> Put(std::string_view text) {
    text_ += text;
    return text_.size() >= kPieceBytes ? Flush() : Result<void>();
  }
  Result<void> Flush() {
    if (!text_.empty()) cli_.Print(std::exchange(text_, {}));
    if (cli_.output_closed()) return Error(ErrorCode::kInterrupted, "nobody reads the output any more");
    return {};
  }

 private:
  Cli& cli_;
  std::string text_;
};

class CsvOutput final : public RowOutput {
 public:
  using RowOutput::RowOutput;
  Result<void> Begin(const std::vector<std::string>& columns) override {
    std::string line;
    for (const std::string& column : columns) line += Field(column) + ",";
    return Line(std::move(line));
  }
  Result<void> Row(std::span<const Cell> cells) override {
    std::string line;
    for (const Cell& cell : cells) line += (cell.kind == Cell::Kind::kNull ? "" : Field(CellText(cell))) + ",";
    return Line(std::move(line));
  }

 private:
  static std::string Field(const std::string& text) {
    if (!text.empty() && text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
  }
  Result<void> Line(std::string line) {
    line.back() = '\n';  // behind the last field stands a comma
    return Put(line);
  }
};

class JsonOutput final : public RowOutput {
 public:
  using RowOutput::RowOutput;
  Result<void> Begin(const std::vector<std::string>& columns) override {
    names_.clear();
    std::set<std::string> taken;
    for (const std::string& column : columns) {
      std::string name = column;
      for (size_t i = 1; !taken.insert(name).second; ++i) name = fmt::format("{}:{}", column, i);
      names_.push_back(JsonOf(name));
    }
    return {};
  }
  Result<void> Row(std::span<const Cell> cells) override {
    std::string line = "{";
    for (size_t i = 0; i < cells.size(); ++i) line += (i == 0 ? "" : ",") + names_[i] + ":" + ValueOf(cells[i]);
    return Put(line + "}\n");
  }

 private:
  static std::string JsonOf(const nlohmann::json& value) {
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  static std::string ValueOf(const Cell& cell) {
    switch (cell.kind) {
      case Cell::Kind::kInteger:
        return std::to_string(cell.integer);
      case Cell::Kind::kReal:
        return std::isinf(cell.real) ? (cell.real > 0 ? "1e999" : "-1e999") : RealText(cell.real);
      case Cell::Kind::kText:
        return JsonOf(AsText(cell.bytes));
      case Cell::Kind::kBlob:
        return "{\"hex\":\"" + ToHex(cell.bytes) + "\"}";
      default:
        return "null";
    }
  }
  std::vector<std::string> names_;
};

class TableOutput final : public RowOutput {
 public:
  using RowOutput::RowOutput;
  Result<void> Begin(const std::vector<std::string>& columns) override {
    if (std::exchange(has_begun_, true)) RETURN_IF_ERROR(Put("\n"));
    first_.assign(1, {});
    for (const std::string& column : columns) first_[0].push_back(OneLine(column));
    widths_.assign(columns.size(), 0);
    is_number_.assign(columns.size(), true);
    first_bytes_ = 0;
    is_looking_ = true;
    return {};
  }
  Result<void> Row(std::span<const Cell> cells) override {
    Texts texts;
    for (size_t i = 0; i < cells.size(); ++i) {
      texts.push_back(OneLine(CellText(cells[i])));
      first_bytes_ += texts.back().size();
      if (is_looking_ && (cells[i].kind == Cell::Kind::kText || cells[i].kind == Cell::Kind::kBlob)) {
        is_number_[i] = false;
      }
    }
    if (!is_looking_) return PutLine(texts);
    first_.push_back(std::move(texts));
    return first_.size() > kLookedAtRowsMax || first_bytes_ > kLookedAtBytesMax ? ShowFirst() : Result<void>();
  }
  Result<void> End() override {
    if (is_looking_) RETURN_IF_ERROR(ShowFirst());
    return RowOutput::End();
  }

 private:
  using Texts = std::vector<std::string>;
  static std::string OneLine(const std::string& text) {
    std::string line;
    for (const char c : text) line += c == '\n' ? std::string("\\n") : std::string(1, c);
    return Printable(line);
  }
  Result<void> ShowFirst() {
    is_looking_ = false;
    for (const Texts& row : first_) {
      for (size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], WidthOf(row[i]));
    }
    for (const Texts& row : std::exchange(first_, {})) RETURN_IF_ERROR(PutLine(row));
    return {};
  }
  Result<void> PutLine(const Texts& row) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths_[i] - std::min(widths_[i], WidthOf(row[i])), ' ');
      line += (i == 0 ? "" : "  ") + (is_number_[i] ? padding + row[i] : row[i] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    return Put(line + "\n");
  }

  bool has_begun_ = false, is_looking_ = false;
  std::vector<Texts> first_;  // with the names of the columns before them
  size_t first_bytes_ = 0;
  std::vector<size_t> widths_;
  std::vector<bool> is_number_;
};

}  // namespace

// UTF-8's continuation bytes take no place.
size_t WidthOf(const std::string& text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::unique_ptr<query::RowSink> MakeRowOutput(RowForm form, Cli& cli) {
  if (form == RowForm::kCsv) return std::make_unique<CsvOutput>(cli);
  if (form == RowForm::kJson) return std::make_unique<JsonOutput>(cli);
  return std::make_unique<TableOutput>(cli);
}

}  // namespace cairn
