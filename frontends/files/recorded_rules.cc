#include "frontends/files/recorded_rules.h"

namespace cairn {

Result<std::optional<RecordedRules>> RecordedRulesOf(const SnapshotItem& item) {
  if (item.kind != ItemKind::kFiles || !item.source_parameters) return std::optional<RecordedRules>();
  RecordedRules recorded;
  ASSIGN_OR_RETURN(recorded.parameters, FilesParameters::Parse(*item.source_parameters));
  if (!recorded.parameters.unknown.empty()) {
    return MakeError(ErrorCode::kUnsupported, "it has rules of kind {}, which this version of cairn does not know",
                     recorded.parameters.unknown.front().tag);
  }
  for (const std::string& pattern : recorded.parameters.patterns) {
    auto added = recorded.excludes.Add(pattern);
    // This program's own syntax; one that it does not take is of another's.
    if (!added) return MakeError(ErrorCode::kUnsupported, "{}", added.error().message());
  }
  return std::optional(std::move(recorded));
}

}  // namespace cairn
