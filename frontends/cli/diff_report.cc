#include "frontends/cli/diff_report.h"

#include <nlohmann/json.hpp>

#include "frontends/cli/snapshot_json.h"

namespace cairn {
namespace {

// By Difference.
constexpr char kLetters[] = {'+', '-', 'M', 'U', 'T'};
constexpr const char* kNames[] = {"added", "removed", "content", "metadata", "type"};

std::string Shown(uint64_t bytes) { return bytes > 0 ? fmt::format(" ({})", HumanBytes(bytes)) : ""; }

}  // namespace

void DiffReport::Tell(const TreePath& path, Difference what, Size before, Size after) {
  if (what == Difference::kMetadata && !tells_metadata_) return;
  const auto kind = static_cast<size_t>(what);
  Count& count = counts_[kind];
  ++count.entries;
  count.bytes_before += before.value_or(0);
  count.bytes_after += after.value_or(0);
  if (!cli_.json()) {
    cli_.Print(fmt::format("{} /{}\n", kLetters[kind], PathForPeople(path)));
    return;
  }
  nlohmann::json change = {{"message_type", "change"}, {"change", kNames[kind]}};
  PutPath(change, "path", "/", path);
  if (before) change["size_before"] = *before;
  if (after) change["size_after"] = *after;
  cli_.PrintJson(change);
}

std::string DiffReport::CountsText() const {
  const Count& added = counts_[static_cast<size_t>(Difference::kAdded)];
  const Count& removed = counts_[static_cast<size_t>(Difference::kRemoved)];
  const Count& content = counts_[static_cast<size_t>(Difference::kContent)];
  std::string text =
      fmt::format("{} added{}, {} removed{}, {} with other content{}, {} of another type", added.entries,
                  Shown(added.bytes_after), removed.entries, Shown(removed.bytes_before), content.entries,
                  Shown(content.bytes_after), counts_[static_cast<size_t>(Difference::kType)].entries);
  if (tells_metadata_) {
    text += fmt::format(", {} with other metadata", counts_[static_cast<size_t>(Difference::kMetadata)].entries);
  }
  return text;
}

void DiffReport::TellSummary(uint64_t left, const TableTotals& tables) {
  const bool has_tables = tables.databases > 0;
  const Count& added = counts_[static_cast<size_t>(Difference::kAdded)];
  const Count& removed = counts_[static_cast<size_t>(Difference::kRemoved)];
  const Count& content = counts_[static_cast<size_t>(Difference::kContent)];
  if (cli_.json()) {
    nlohmann::json json = {{"message_type", "summary"},
                           {"bytes_added", added.bytes_after},
                           {"bytes_removed", removed.bytes_before},
                           {"bytes_content_before", content.bytes_before},
                           {"bytes_content_after", content.bytes_after},
                           {"not_compared", left}};
    for (size_t kind = 0; kind < std::size(kNames); ++kind) json[kNames[kind]] = counts_[kind].entries;
    if (has_tables) json["tables"] = TotalsJson(tables);
    cli_.PrintJson(json);
    return;
  }
  std::string text = has_files_ || !has_tables ? CountsText() : "";
  if (has_tables) text += (text.empty() ? "" : "; ") + TotalsText(tables);
  if (left > 0) text += fmt::format("; {} could not be compared", left);
  cli_.Print(text + "\n");
}

}  // namespace cairn
