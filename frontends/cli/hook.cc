#include "frontends/cli/hook.h"

#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "engine/env/clock.h"
#include "engine/env/thread.h"
#include "frontends/stream/child_process.h"

namespace cairn {
namespace {

// Its output is not read: who starts a service leaves that behind with it open.
// Nor does what it starts have this program's passwords, or its files their modes.
std::vector<std::string> CommandOf(const Cli& cli, const ConfiguredHook& hook, const HookRun& run) {
  std::string script = fmt::format(
      "exec >&2\numask {:03o}\nunset CAIRN_PASSWORD CAIRN_PASSWORD_COMMAND CAIRN_NEW_PASSWORD CAIRN_TO_PASSWORD "
      "CAIRN_FROM_PASSWORD",
      cli.umask());
  for (const std::string& name : run.secrets) script += " " + name;
  script += "\n";
  if (!hook.shell.empty()) return {"/bin/sh", "-c", script + hook.shell};
  std::vector<std::string> command = {"/bin/sh", "-c", script + "exec \"$@\"", "cairn"};
  command.insert(command.end(), hook.program.begin(), hook.program.end());
  return command;
}

}  // namespace

Result<void> RunHook(const Cli& cli, const ConfiguredHook& hook, const HookRun& run) {
  std::stop_source late;
  const std::stop_callback asked(run.stop, [&late] { late.request_stop(); });
  std::atomic<bool> is_late = false;
  const auto end_late = [&](const std::stop_token& over) {
    if (!SystemClock().Sleep(std::chrono::seconds(hook.time_limit_s), over)) return;
    is_late = true;
    late.request_stop();
  };
  ASSIGN_OR_RETURN(const std::jthread limit, StartThread(end_late));
  const stream::Waiter waiter(late.get_token());
  const auto start_and_wait = [&]() -> Result<void> {
    ASSIGN_OR_RETURN(const auto child, stream::ChildProcess::Start(CommandOf(cli, hook, run), waiter,
                                                                   {.environment = run.environment,
                                                                    .ends_with_thread = run.ends_with_program}));
    return child->Wait();
  };
  auto done = start_and_wait();
  if (done) return done;
  if (is_late) return MakeError(ErrorCode::kIo, "it had not ended after {} s", hook.time_limit_s);
  return done;
}

}  // namespace cairn
