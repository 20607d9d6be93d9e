// Differences of two trees, as they are told and counted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/tree/tree_walker.h"
#include "frontends/cli/cli.h"

namespace cairn {

// One thread.
class DiffReport {
 public:
  DiffReport(Cli& cli, bool tells_metadata) : cli_(cli), tells_metadata_(tells_metadata) {}

  // Of a file on one side: its bytes.
  using Size = std::optional<uint64_t>;
  void Tell(const TreePath& path, Difference what, Size before, Size after);
  // `left`: what could not be compared.
  void TellSummary(uint64_t left);

 private:
  struct Count {
    uint64_t entries = 0, bytes_before = 0, bytes_after = 0;
  };

  Cli& cli_;
  const bool tells_metadata_;
  Count counts_[5];
};

}  // namespace cairn
