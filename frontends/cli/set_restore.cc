#include "frontends/cli/set_restore.h"

#include <fmt/format.h>

#include "frontends/cli/exit_code.h"

namespace cairn {
namespace {

using Sets = std::vector<std::unique_ptr<SetRestore>>;

class AllOrNone {
 public:
  AllOrNone(Cli& cli, const Sets& sets, RestoreHooks& hooks) : cli_(cli), sets_(sets), hooks_(hooks) {}

  Result<void> RunFrom(size_t next) {
    if (next == sets_.size()) return hooks_.Before(cli_);
    bool others_are_done = false;
    auto done = sets_[next]->Run([&]() -> Result<void> {
      auto others = RunFrom(next + 1);
      others_are_done = static_cast<bool>(others);
      return others;
    });
    if (done || !others_are_done) return done;
    Error error = std::move(done).error();
    cli_.SetStopAside();
    cli_.context().progress.SetPhase("putting back");
    for (size_t i = next + 1; i < sets_.size(); ++i) {
      auto back = sets_[i]->PutBack();
      if (!back) error = MakeError(error.code(), "{}; and {}", error.message(), back.error().message());
    }
    return error;
  }

 private:
  Cli& cli_;
  const Sets& sets_;
  RestoreHooks& hooks_;
};

}  // namespace

Result<int> RunSetRestores(Cli& cli, const Sets& sets, RestoreHooks& hooks, bool dry_run) {
  cli.SetAllOrNone();
  bool is_possible = true;
  std::string all;
  for (const auto& set : sets) {
    ASSIGN_OR_RETURN(const std::vector<std::string> problems, set->Plan());
    if (dry_run) set->ShowPlan(problems);
    for (const std::string& problem : problems) all += (all.empty() ? "" : "; ") + problem;
    is_possible = is_possible && problems.empty();
  }
  if (dry_run) return is_possible ? kExitOk : kExitFatal;
  if (!is_possible) return Error(ErrorCode::kInvalidArgument, all);
  auto progress = cli.ShowProgress();
  auto done = AllOrNone(cli, sets, hooks).RunFrom(0);
  // Before anything is said: what lies beside the places goes, also where it failed.
  for (const auto& set : sets) set->Finish();
  progress.reset();
  RETURN_IF_ERROR(done);
  for (const auto& set : sets) set->ShowReport();
  return kExitOk;
}

}  // namespace cairn
