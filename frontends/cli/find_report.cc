#include "frontends/cli/find_report.h"

#include <algorithm>
#include <map>

#include "engine/tree/node_difference.h"
#include "frontends/cli/snapshot_json.h"

namespace cairn {
namespace {

TreeNumbers Union(const TreeNumbers& a, const TreeNumbers& b) {
  TreeNumbers all;
  all.reserve(a.size() + b.size());
  std::ranges::merge(a, b, std::back_inserter(all));
  return all;
}

// Those that look alike become one: what is in a folder, and when a status changed, makes no difference to who looks.
std::vector<FindReport::Match> JoinAlike(std::vector<FindReport::Match> matches, bool joins_all) {
  std::vector<FindReport::Match> joined;
  for (FindReport::Match& match : matches) {
    const auto same = std::ranges::find_if(joined, [&](const FindReport::Match& one) {
      return joins_all || (one.blobs == match.blobs && !CompareNodes(*one.version.node, *match.version.node));
    });
    if (same == joined.end()) {
      joined.push_back(std::move(match));
    } else {
      same->version.trees = std::make_shared<const TreeNumbers>(Union(*same->version.trees, *match.version.trees));
    }
  }
  return joined;
}

}  // namespace

FindReport::FindReport(Cli& cli, const std::vector<const LoadedSnapshot*>& snapshots, FindReportOptions options)
    : cli_(cli), snapshots_(snapshots), options_(options) {
  std::map<Bytes, size_t> hosts;
  for (const LoadedSnapshot* snapshot : snapshots) {
    const auto [host, is_new] = hosts.emplace(snapshot->inner.host, hosts.size());
    if (is_new) of_host_.push_back(0);
    ++of_host_[host->second];
    host_of_.push_back(host->second);
  }
}

void FindReport::Tell(const TreePath& path, std::vector<Match> matches) {
  if (matches.empty()) return;
  const bool is_of_one = snapshots_.size() == 1;
  if (is_of_one && told_ == 0 && !cli_.json()) {
    cli_.Print("snapshot " + Named(0) + ":\n");
  }
  ++told_;
  const bool is_brief = !options_.long_form && !cli_.json() && !options_.each_snapshot;
  for (const Match& match : JoinAlike(std::move(matches), is_brief)) {
    if (is_of_one) {
      TellOfOne(path, match);
    } else if (options_.each_snapshot) {
      TellEach(path, match);
    } else {
      for (const TreeNumbers& trees : ByHost(*match.version.trees)) {
        cli_.json() ? TellJson(path, match, trees) : TellSpan(path, match, trees);
      }
    }
  }
}

void FindReport::TellOfOne(const TreePath& path, const Match& match) {
  if (cli_.json()) return TellEach(path, match);
  cli_.Print(Shown(path, *match.version.node) + "\n");
}

void FindReport::TellEach(const TreePath& path, const Match& match) {
  for (const uint32_t number : *match.version.trees) {
    if (!cli_.json()) {
      cli_.Print(fmt::format("{}  {}{}\n", Named(number), Host(number), Shown(path, *match.version.node)));
      continue;
    }
    nlohmann::json json = NodeJson(*match.version.node);
    PutPath(json, "path", "/", path);
    json["snapshot"] = snapshots_[number]->id.ToHex();
    for (const BlobId& id : match.blobs) json["blobs"].push_back(id.ToHex());
    cli_.PrintJson(json);
  }
}

void FindReport::TellSpan(const TreePath& path, const Match& match, const TreeNumbers& trees) {
  const std::string first = Named(trees.front());
  const std::string span = trees.size() == 1 ? fmt::format("{:<{}}", first, 2 * first.size() + 4)
                                             : fmt::format("{} .. {}", first, Named(trees.back()));
  const size_t all = of_host_[host_of_[trees.front()]];
  const size_t width = fmt::format("{}", snapshots_.size()).size();
  cli_.Print(fmt::format("{}  {:>{}} of {}  {}{}\n", span, trees.size(), width, all, Host(trees.front()),
                         Shown(path, *match.version.node)));
}

void FindReport::TellJson(const TreePath& path, const Match& match, const TreeNumbers& trees) {
  const auto named = [&](uint32_t number) {
    const LoadedSnapshot& snapshot = *snapshots_[number];
    return nlohmann::json{{"id", snapshot.id.ToHex()}, {"time", JsonTime(snapshot.inner.start)}};
  };
  nlohmann::json json = NodeJson(*match.version.node);
  PutPath(json, "path", "/", path);
  json["host"] = JsonText(snapshots_[trees.front()]->inner.host);
  json["snapshots"] = trees.size();
  json["first"] = named(trees.front());
  json["last"] = named(trees.back());
  for (const BlobId& id : match.blobs) json["blobs"].push_back(id.ToHex());
  cli_.PrintJson(json);
}

std::vector<TreeNumbers> FindReport::ByHost(const TreeNumbers& trees) const {
  if (of_host_.size() == 1) return {trees};
  std::map<size_t, TreeNumbers> by_host;
  for (const uint32_t number : trees) by_host[host_of_[number]].push_back(number);
  std::vector<TreeNumbers> parts;
  for (auto& [host, part] : by_host) parts.push_back(std::move(part));
  return parts;
}

std::string FindReport::Shown(const TreePath& path, const Node& node) const {
  const std::string text = "/" + PathForPeople(path);
  return options_.long_form ? LongLine(node, text) : text;
}

std::string FindReport::Named(uint32_t number) const {
  const LoadedSnapshot& snapshot = *snapshots_[number];
  const std::string time = FormatTimeThen(snapshot.inner.start, SystemClock());
  return snapshot.id.Short() + (snapshots_.size() == 1 ? " of " : " ") + time;
}

std::string FindReport::Host(uint32_t number) const {
  return of_host_.size() == 1 ? "" : PathForPeople(snapshots_[number]->inner.host) + "  ";
}

}  // namespace cairn
