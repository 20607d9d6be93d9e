#include "frontends/cli/opened_snapshot.h"
#include "frontends/cli/snapshot_json.h"

namespace cairn {
namespace {

struct LsCommand {
  FilterOptions filter;
  std::string target;
  bool long_form = false, recursive = false;

  Result<int> Run(Cli& cli) {
    const SnapshotPath wanted = SnapshotPath::Parse(target);
    OpenedSnapshot opened;
    RETURN_IF_ERROR(opened.Open(cli, wanted.snapshot, filter.Filter()));
    ASSIGN_OR_RETURN(const SnapshotPlace place, opened.Find(wanted.path));
    bool failed = false;
    if (!place.is_folder()) {
      Show(cli, place.path, place.node);
      return 0;
    }
    TreeVisitor visitor;
    visitor.each = [&](const TreePath& path, const Node& one) -> Result<bool> {
      if (cli.stop().stop_requested() || cli.output_closed()) return Error(ErrorCode::kInterrupted, "interrupted");
      Show(cli, path, one);
      return recursive;
    };
    visitor.failed = [&](const TreePath& path, const Error& error) -> Result<void> {
      failed = true;
      cli.Findings()({SeverityOf(error), error.code(), "/" + PathForPeople(path), error.message()});
      return {};
    };
    RETURN_IF_ERROR(opened.Walk(place, visitor));
    return failed ? 1 : 0;
  }

  void Show(Cli& cli, const TreePath& path, const Node& node) const {
    if (cli.json()) {
      nlohmann::json json = NodeJson(node);
      PutPath(json, "path", "/", path);
      cli.PrintJson(json);
    } else {
      const std::string text = "/" + PathForPeople(path);
      cli.Print((long_form ? LongLine(node, text) : text) + "\n");
    }
  }
};

}  // namespace

void AddLs(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<LsCommand>();
  CLI::App* command = app.add_subcommand("ls", "List what is in a snapshot");
  command->add_option("SNAPSHOT[:PATH]", options->target, "Snapshot, and the folder to list")->required();
  command->add_flag("-l,--long", options->long_form, "Mode, owner, size, time");
  command->add_flag("-R,--recursive", options->recursive, "All below it");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
