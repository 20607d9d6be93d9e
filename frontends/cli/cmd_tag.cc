#include <nlohmann/json.hpp>

#include "engine/repo/protocol.h"
#include "frontends/cli/command.h"
#include "frontends/cli/option_values.h"

namespace cairn {
namespace {

struct TagCommand {
  FilterOptions filter;
  std::vector<std::string> names, add, remove;
  std::string description;
  bool set_description = false, protect = false, unprotect = false;

  Result<int> Run(Cli& cli) {
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    RETURN_IF_ERROR(repository->NeedWrite(Rights::kMaintain, "tagging snapshots"));
    if (add.empty() && remove.empty() && !set_description && !protect && !unprotect) {
      return Error(ErrorCode::kInvalidArgument, "nothing to change: give --add, --remove, --description or --protect");
    }
    ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
    Protocol protocol(*repository, cli.context(), cli.Findings());
    uint64_t changed = 0;
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const LoadedSnapshot* snapshot, ResolveSnapshot(set, name, filter.Filter()));
      NoteRecord note;
      note.snapshot = snapshot->id;
      note.counter = snapshot->notes_counter + 1;
      note.time = ToWireTime(cli.context().clock.Now());
      note.tags_added = AllTags(add);
      note.tags_removed = AllTags(remove);
      if (set_description) note.description = description;
      if (protect || unprotect) note.protect = protect;
      RETURN_IF_ERROR(protocol.PutNote(note));
      ++changed;
    }
    if (cli.json()) {
      cli.PrintJson({{"message_type", "summary"}, {"changed", changed}});
    } else {
      cli.Say(fmt::format("changed {} snapshot{}\n", changed, changed == 1 ? "" : "s"));
    }
    return 0;
  }
};

}  // namespace

void AddTag(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<TagCommand>();
  CLI::App* command = app.add_subcommand("tag", "Change tags, description or protection of snapshots");
  command->add_option("SNAPSHOT", options->names, "Snapshots")->required();
  command->add_option("--add", options->add, "Add tags, joined by commas (repeatable)")
      ->type_name("TAG[,TAG]")
      ->check(TagsValue());
  command->add_option("--remove", options->remove, "Take tags away (repeatable)")->type_name("TAG[,TAG]");
  CLI::Option* description = command->add_option("--description", options->description, "Set the description");
  command->add_flag("--protect", options->protect, "Keep it from being forgotten");
  command->add_flag("--unprotect", options->unprotect, "Let it be forgotten")->excludes("--protect");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options, description] {
    options->set_description = description->count() > 0;
    action = [&cli, options] { return options->Run(cli); };
  });
}

}  // namespace cairn
