// Differences of two trees, as they are told and counted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/tree/tree_walker.h"
#include "frontends/cli/cli.h"
#include "frontends/cli/table_report.h"

namespace cairn {

// One thread.
class DiffReport {
 public:
  DiffReport(Cli& cli, bool tells_metadata) : cli_(cli), tells_metadata_(tells_metadata) {}

  // Of a file on one side: its bytes.
  using Size = std::optional<uint64_t>;
  void Tell(const TreePath& path, Difference what, Size before, Size after);
  void SetHasFiles() { has_files_ = true; }  // some were compared, whether or not they differ
  // `left`: what could not be compared; `tables`: of databases, whose files are told only where there is any other.
  void TellSummary(uint64_t left, const TableTotals& tables);

 private:
  struct Count {
    uint64_t entries = 0, bytes_before = 0, bytes_after = 0;
  };

  std::string CountsText() const;

  Cli& cli_;
  const bool tells_metadata_;
  Count counts_[5];
  bool has_files_ = false;
};

}  // namespace cairn
