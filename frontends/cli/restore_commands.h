// What somebody types to put a table of a snapshot back into a database.
#pragma once

#include <vector>

#include "frontends/browse/browse_world.h"
#include "frontends/cli/cli.h"

namespace cairn {

// Whole lines for the shell, the harmless one first; without a table, of the whole database. Where a database is to go
// that the snapshot does not say the place of, stands a word in capitals.
std::vector<browse::ShellCommand> RestoreCommands(const Cli& cli, const browse::ShownDatabase& database,
                                                  const std::string& table);

// As one word of a shell's line.
std::string ShellWord(std::string_view text);

}  // namespace cairn
