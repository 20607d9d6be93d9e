#include "frontends/cli/restore_hooks.h"

#include <atomic>
#include <thread>

#include <fmt/format.h>

#include "engine/env/clock.h"
#include "frontends/stream/child_process.h"

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
  std::stop_source late;
  const std::stop_callback asked(cli.stop(), [&late] { late.request_stop(); });
  std::atomic<bool> is_late = false;
  const std::jthread limit([&](const std::stop_token& over) {
    if (!SystemClock().Sleep(std::chrono::seconds(wait_s_), over)) return;
    is_late = true;
    late.request_stop();
  });
  const stream::Waiter waiter(late.get_token());
  // Its output is not read: who starts a service leaves that behind with it open.
  // Nor does what it starts have this program's passwords, or its files their modes.
  const std::string shell = fmt::format(
      "exec >&2\numask {:03o}\nunset CAIRN_PASSWORD CAIRN_PASSWORD_COMMAND CAIRN_NEW_PASSWORD CAIRN_TO_PASSWORD "
      "CAIRN_FROM_PASSWORD\n",
      cli.umask());
  const auto run = [&]() -> Result<void> {
    ASSIGN_OR_RETURN(const auto child, stream::ChildProcess::Start(
                                           {"/bin/sh", "-c", shell + command}, waiter,
                                           {.environment = {{"CAIRN_RESTORE", moment}, {"CAIRN_RESULT", result}}}));
    return child->Wait();
  };
  auto done = run();
  if (!done && is_late) return MakeError(ErrorCode::kIo, "\"{}\" had not ended after {} s", command, wait_s_);
  if (!done) return MakeError(done.error().code(), "\"{}\": {}", command, done.error().message());
  return done;
}

}  // namespace cairn
