// What a search has found in snapshots, told once for all those that have it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/tree/tree_versions.h"
#include "frontends/cli/cli.h"

namespace cairn {

struct FindReportOptions {
  bool long_form = false;
  bool each_snapshot = false;
};

// One thread. Borrows the snapshots, whose numbers are those of the versions.
class FindReport {
 public:
  struct Match {
    NodeVersion version;
    std::vector<BlobId> blobs = {};  // that were asked for
  };
  FindReport(Cli& cli, const std::vector<const LoadedSnapshot*>& snapshots, FindReportOptions options);

  // All of a path.
  void Tell(const TreePath& path, std::vector<Match> matches);
  uint64_t told() const { return told_; }  // paths

 private:
  void TellEach(const TreePath& path, const Match& match);
  void TellSpan(const TreePath& path, const Match& match, const TreeNumbers& trees);
  void TellJson(const TreePath& path, const Match& match, const TreeNumbers& trees);
  void TellOfOne(const TreePath& path, const Match& match);
  std::vector<TreeNumbers> ByHost(const TreeNumbers& trees) const;
  std::string Shown(const TreePath& path, const Node& node) const;
  std::string Named(uint32_t number) const;
  std::string Host(uint32_t number) const;

  Cli& cli_;
  const std::vector<const LoadedSnapshot*>& snapshots_;
  const FindReportOptions options_;
  std::vector<size_t> host_of_;  // by snapshot: which of the hosts
  std::vector<size_t> of_host_;  // by host: how many snapshots
  uint64_t told_ = 0;
};

}  // namespace cairn
