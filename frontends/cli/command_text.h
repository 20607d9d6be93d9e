// Completion scripts and man pages, made from the tree of commands, so that they cannot go stale.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "repo-format/base/result.h"

namespace cairn {

std::string BashCompletion(const CLI::App& app);
std::string FishCompletion(const CLI::App& app);
// roff of cairn(1), or of cairn-COMMAND(1). kNotFound where there is no such command.
Result<std::string> ManPage(const CLI::App& app, const std::string& command);
// All of them into a folder, which is made: cairn.1, cairn-backup.1 ... Readable by everybody; old ones are replaced.
Result<void> WriteManPages(const CLI::App& app, const std::string& folder);

}  // namespace cairn
