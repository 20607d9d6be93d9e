// What the user wants to be run round a restore: stop the application, and start it again.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>

#include "frontends/cli/cli.h"

namespace cairn {

// Commands of the shell. They get CAIRN_RESTORE=before or after, and the latter CAIRN_RESULT=success or failure. What
// they write goes to standard error; they do not get CAIRN_PASSWORD and its like. One thread.
class RestoreHooks {
 public:
  void AddTo(CLI::App& command);

  // At the last moment before anything is changed; once, whoever asks. An Error: nothing shall be changed.
  Result<void> Before(Cli& cli);
  // Where Before was asked for, whatever became of it, also where the user has asked to stop.
  Result<void> After(Cli& cli, bool success);
  const std::string& before() const { return before_; }

 private:
  Result<void> Run(Cli& cli, const std::string& command, const char* moment, const char* result) const;

  std::string before_, after_;
  uint32_t wait_s_ = 600;
  bool is_begun_ = false;
};

}  // namespace cairn
