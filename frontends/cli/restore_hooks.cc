#include "frontends/cli/restore_hooks.h"

#include "frontends/cli/hook.h"

namespace cairn {

void RestoreHooks::AddTo(CLI::App& command) {
  command
      .add_option("--before", before_,
                  "Run this before anything is changed, when all is ready (stop the application); if it fails, nothing "
                  "is changed")
      ->type_name("COMMAND");
  command.add_option("--after", after_, "Run this at the end, whatever became of it (start the application again)")
      ->type_name("COMMAND");
  command.add_option("--hook-wait", wait_s_, "Seconds after which --before or --after is ended, and has failed")
      ->type_name("SECONDS")
      ->check(CLI::Range(1u, 86'400u))
      ->capture_default_str();
}

Result<void> RestoreHooks::Before(Cli& cli) {
  if (is_begun_) return {};
  is_begun_ = true;
  if (before_.empty()) return {};
  auto done = Run(cli, before_, "before", "");
  return std::move(done).While("--before");
}

Result<void> RestoreHooks::After(Cli& cli, bool success) {
  if (!is_begun_ || after_.empty()) return {};
  cli.SetStopAside();
  auto done = Run(cli, after_, "after", success ? "success" : "failure");
  return std::move(done).While("--after");
}

Result<void> RestoreHooks::Run(Cli& cli, const std::string& command, const char* moment, const char* result) const {
  return RunHook(
      cli, {.shell = command, .program = {}, .time_limit_s = wait_s_},
      {.environment = {{"CAIRN_RESTORE", moment}, {"CAIRN_RESULT", result}}, .secrets = {}, .stop = cli.stop()});
}

}  // namespace cairn
