// A command of the user's that is run round a job or a restore.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "frontends/cli/cli.h"
#include "frontends/config/configuration.h"

namespace cairn {

struct HookRun {
  std::vector<std::pair<std::string, std::string>> environment;  // beside this program's own
  // Names of variables that hold passwords, beside CAIRN_PASSWORD and its like: it gets none of them.
  std::vector<std::string> secrets;
  std::stop_token stop;            // it is told to end, and then made to, with all that it has started
  bool ends_with_program = false;  // also where this program is killed
};

// Runs it to its end. What it writes goes to standard error, which is where the log goes; nobody waits for what it
// leaves behind with that open. Its files have the modes that this program was started with. kIo: it ended with another
// status than 0, or had not ended after its time; kInterrupted. Errors, which go into mails and logs, do not quote the
// command: it may hold what nobody else is to know.
Result<void> RunHook(const Cli& cli, const ConfiguredHook& hook, const HookRun& run);

}  // namespace cairn
