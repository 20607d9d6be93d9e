#include <nlohmann/json.hpp>

#include "engine/jobs/legal_hold.h"
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
  bool hold = false, release_hold = false;

  Result<int> Run(Cli& cli) {
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    RETURN_IF_ERROR(repository->NeedWrite(Rights::kMaintain, "tagging snapshots"));
    const bool changes = !add.empty() || !remove.empty() || set_description || protect || unprotect;
    if (!changes && !hold && !release_hold) {
      return Error(ErrorCode::kInvalidArgument,
                   "nothing to change: give --add, --remove, --description, --protect or --legal-hold");
    }
    std::unique_ptr<ObjectHolder> holder;
    if (hold || release_hold) {
      RETURN_IF_ERROR(repository->keyring().Need(Rights::kMetadataKey, "finding what a snapshot needs"));
      ASSIGN_OR_RETURN(holder, cli.OpenHolder());
    }
    ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
    std::vector<const LoadedSnapshot*> snapshots;
    std::vector<SnapshotId> ids;
    for (const std::string& name : names) {
      const auto snapshot = cli.Resolve(set, name, filter.Filter(), Cli::InDoubt::kRefuse);
      // One that was forgotten since may be held still.
      const auto hidden = SnapshotId::Parse(name);
      if (!snapshot && (!release_hold || changes || !hidden)) return snapshot.error();
      if (snapshot) snapshots.push_back(*snapshot);
      ids.push_back(snapshot ? (*snapshot)->id : *hidden);
    }
    if (changes || hold) RETURN_IF_ERROR(PutNotes(cli, *repository, snapshots));
    HoldReport held;
    if (holder != nullptr) {
      const auto progress = cli.ShowProgress();
      ASSIGN_OR_RETURN(held, hold ? HoldSnapshots(cli.context(), *repository, snapshots, *holder)
                                  : ReleaseSnapshots(cli.context(), *repository, set, ids, *holder));
    }
    const uint64_t changed = ids.size();
    Show(cli, changed, held);
    return 0;
  }

  // What is held is protected too: else a policy would forget it, and hide what the store keeps.
  Result<void> PutNotes(Cli& cli, Repository& repository, const std::vector<const LoadedSnapshot*>& snapshots) {
    Protocol protocol(repository, cli.context(), cli.Findings());
    for (const LoadedSnapshot* snapshot : snapshots) {
      NoteRecord note;
      note.snapshot = snapshot->id;
      note.counter = snapshot->notes_counter + 1;
      note.time = ToWireTime(cli.context().clock.Now());
      note.tags_added = AllTags(add);
      note.tags_removed = AllTags(remove);
      if (set_description) note.description = description;
      if (protect || unprotect || hold) note.protect = protect || hold;
      RETURN_IF_ERROR(protocol.PutNote(note));
    }
    return {};
  }

  void Show(Cli& cli, uint64_t changed, const HoldReport& held) const {
    if (cli.json()) {
      nlohmann::json summary = {{"message_type", "summary"}, {"changed", changed}};
      if (hold) summary["objects_held"] = held.objects;
      if (release_hold) summary["objects_released"] = held.objects;
      return cli.PrintJson(summary);
    }
    cli.Say(fmt::format("changed {} snapshot{}\n", changed, changed == 1 ? "" : "s"));
    if (hold) {
      cli.Say(fmt::format("the store holds {} objects, {} packs among them, until they are released\n", held.objects,
                          held.packs));
    }
    if (release_hold) {
      cli.Say(
          fmt::format("the store holds {} objects less, {} packs among them; the snapshots stay protected "
                      "(--unprotect)\n",
                      held.objects, held.packs));
    }
  }
};

}  // namespace

void AddTag(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<TagCommand>();
  CLI::App* command = app.add_subcommand("tag", "Change tags, description, protection or legal hold of snapshots");
  command->add_option("SNAPSHOT", options->names, "Snapshots")->required();
  command->add_option("--add", options->add, "Add tags, joined by commas (repeatable)")
      ->type_name("TAG[,TAG]")
      ->check(TagsValue());
  command->add_option("--remove", options->remove, "Take tags away (repeatable)")->type_name("TAG[,TAG]");
  CLI::Option* description = command->add_option("--description", options->description, "Set the description");
  command->add_flag("--protect", options->protect, "Keep it from being forgotten");
  command->add_flag("--unprotect", options->unprotect, "Let it be forgotten")->excludes("--protect");
  command
      ->add_flag("--legal-hold", options->hold,
                 "Have the store let nobody remove what it needs, until that is released; protects it (S3)")
      ->excludes("--unprotect");
  command->add_flag("--release-hold", options->release_hold, "End its legal hold")->excludes("--legal-hold");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options, description] {
    options->set_description = description->count() > 0;
    action = [&cli, options] { return options->Run(cli); };
  });
}

}  // namespace cairn
