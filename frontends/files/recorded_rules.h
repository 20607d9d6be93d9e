// What a backup of files left out, as its item says.
#pragma once

#include <optional>

#include "frontends/files/exclude_rules.h"
#include "repo-format/files_parameters.h"
#include "repo-format/snapshot.h"

namespace cairn {

struct RecordedRules {
  FilesParameters parameters;
  ExcludeRules excludes;  // of its patterns
};

// The rules that stand in the item's source parameters. Nothing: there are none on record. kUnsupported, kCorrupt: they
// are not understood, and what they leave out is not known.
Result<std::optional<RecordedRules>> RecordedRulesOf(const SnapshotItem& item);

}  // namespace cairn
