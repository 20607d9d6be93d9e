// A place that a restore replaces as a whole: a database, a folder, a file; alone, or as one of several.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "frontends/cli/cli.h"
#include "frontends/cli/restore_hooks.h"

namespace cairn {

// One thread. The calls come in the order in which they stand here; Plan may be the only one.
class SetRestore {
 public:
  virtual ~SetRestore() = default;

  // Looks at the place, and changes nothing. What stands in the way, each with its way out.
  virtual Result<std::vector<std::string>> Plan() = 0;
  virtual void ShowPlan(const std::vector<std::string>& problems) = 0;
  // Makes ready beside the place what will be there, and verifies it; calls `others`, once; then puts it in its place,
  // as much at once as that place allows. An Error: the place is as it was, or the Error says what became of it.
  virtual Result<void> Run(const std::function<Result<void>()>& others) = 0;
  // What was there before Run is there again, because another of several could not be replaced. What was written since
  // is kept, and told.
  virtual Result<void> PutBack() = 0;
  // Lets go of what only PutBack needs, and of what lies beside the place. Also where Run failed, or never came.
  virtual void Finish() = 0;
  virtual void ShowReport() = 0;
};

// Looks at all, and where nothing stands in the way replaces all or none: the first is made ready first and replaced
// last, and between the two, when all are ready, comes what `hooks` has to run before. Gives what the process ends
// with.
Result<int> RunSetRestores(Cli& cli, const std::vector<std::unique_ptr<SetRestore>>& sets, RestoreHooks& hooks,
                           bool dry_run);

}  // namespace cairn
