#include <algorithm>

#include "frontends/cli/long_line.h"
#include "frontends/cli/opened_snapshot.h"
#include "frontends/cli/snapshot_json.h"
#include "frontends/cli/sorted_lines.h"

namespace cairn {
namespace {

enum class Order { kName, kSize, kTime };

void PutNumber(SortedLines::Key& key, size_t offset, uint64_t number, size_t size) {
  for (size_t i = 0; i < size; ++i) key[offset + i] = static_cast<uint8_t>(number >> (8 * (size - 1 - i)));
}

struct LsCommand {
  FilterOptions filter;
  std::string target, sort = "name";
  unsigned depth = 0;  // 0: as far as `recursive` says
  bool long_form = false, recursive = false, human_sizes = false, reverse = false, itself = false;

  // While it runs.
  Order order = Order::kName;
  uint64_t entries = 0;
  std::unique_ptr<SortedLines> sorted;  // nothing: in the order of the walk

  Result<int> Run(Cli& cli) {
    const SnapshotPath wanted = SnapshotPath::Parse(target);
    OpenedSnapshot opened;
    RETURN_IF_ERROR(opened.Open(cli, wanted.snapshot, filter.Filter()));
    ASSIGN_OR_RETURN(const SnapshotPlace place, opened.Find(wanted.path));
    if (!place.is_folder() || itself) {
      cli.Print(Line(cli, place.path, place.node));
      return 0;
    }
    order = sort == "size" ? Order::kSize : sort == "time" ? Order::kTime : Order::kName;
    if (order != Order::kName || reverse) {
      sorted = std::make_unique<SortedLines>(opened.repository->cache().folder());
    }
    bool failed = false;
    const auto level_of = [](const TreePath& path) { return std::ranges::count(path, '/'); };
    const auto first_level = place.path.empty() ? 0 : level_of(place.path) + 1;
    TreeVisitor visitor;
    visitor.each = [&](const TreePath& path, const Node& one) -> Result<bool> {
      if (cli.stop().stop_requested() || cli.output_closed()) return Error(ErrorCode::kInterrupted, "interrupted");
      RETURN_IF_ERROR(Show(cli, path, one));
      if (depth > 0) return level_of(path) - first_level + 1 < static_cast<ptrdiff_t>(depth);
      return recursive;
    };
    visitor.failed = [&](const TreePath& path, const Error& error) -> Result<void> {
      failed = true;
      cli.Findings()({SeverityOf(error), error.code(), "/" + PathForPeople(path), error.message()});
      return {};
    };
    RETURN_IF_ERROR(opened.Walk(place, visitor));
    if (sorted != nullptr) RETURN_IF_ERROR(ShowSorted(cli));
    return failed ? 1 : 0;
  }

  Result<void> Show(Cli& cli, const TreePath& path, const Node& node) {
    ++entries;
    const std::string line = Line(cli, path, node);
    if (sorted != nullptr) return sorted->Add(KeyOf(node), line);
    cli.Print(line);
    return {};
  }

  Result<void> ShowSorted(Cli& cli) {
    return sorted->ForEach([&](const std::string& line) -> Result<void> {
      if (cli.stop().stop_requested() || cli.output_closed()) return Error(ErrorCode::kInterrupted, "interrupted");
      cli.Print(line);
      return {};
    });
  }

  // The largest and the newest first, as ls has it.
  SortedLines::Key KeyOf(const Node& node) const {
    SortedLines::Key key{};
    if (order == Order::kName) PutNumber(key, 0, entries, 8);
    if (order == Order::kSize) PutNumber(key, 0, ~node.size, 8);
    if (order == Order::kTime) {
      PutNumber(key, 0, ~(static_cast<uint64_t>(node.modified.seconds) ^ uint64_t{1} << 63), 8);
      PutNumber(key, 8, ~node.modified.nanoseconds, 4);
    }
    if (reverse) {
      for (uint8_t& byte : key) byte = static_cast<uint8_t>(~byte);
    }
    return key;
  }

  std::string Line(Cli& cli, const TreePath& path, const Node& node) const {
    if (!cli.json()) {
      const std::string text = "/" + PathForPeople(path);
      return (long_form ? LongLine(node, text, human_sizes) : text) + "\n";
    }
    nlohmann::json json = NodeJson(node);
    PutPath(json, "path", "/", path);
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  }
};

}  // namespace

void AddLs(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<LsCommand>();
  CLI::App* command = app.add_subcommand("ls", "List what is in a snapshot");
  command->add_option("SNAPSHOT[:PATH]", options->target, "Snapshot, and the folder or file to list")->required();
  command->add_flag("-l,--long", options->long_form, "Mode, owner, size, time");
  command->add_flag("-H,--human", options->human_sizes, "With -l: sizes as 1.5 MiB");
  command->add_flag("-R,--recursive", options->recursive, "All below it");
  command->add_option("--depth", options->depth, "So many levels below it")->type_name("N")->check(CLI::PositiveNumber);
  command->add_flag("-d,--directory", options->itself, "The folder itself, not what is in it");
  command->add_option("--sort", options->sort, "By name, size (the largest first) or time (the newest first)")
      ->check(CLI::IsMember({"name", "size", "time"}));
  command->add_flag("--reverse", options->reverse, "The other way round");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
