// What the help and the man page of a command say besides its options: examples, and how values are written.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <string>

#include "frontends/cli/command.h"

namespace cairn {

// The library's form of help, with one empty line between groups of options. Commands that are added later have it too.
std::shared_ptr<CLI::FormatterBase> MakeHelpFormatter();
// What is the same for all commands, in the footer of `app`: exit codes and environment.
void AddFooter(CLI::App& app);
// The footer of each command.
void AddCommandFooters(CLI::App& app);
// `cairn help [COMMAND...]`: the help of a command, on standard output.
void AddHelp(CLI::App& app, Cli& cli, Action& action);

// Parts of the footer, for man pages. "" where there is nothing to say.
std::string Examples(const std::string& command);
std::string ValueSyntax(const CLI::App& command);
extern const char* const kExitCodes;
extern const char* const kEnvironment;

}  // namespace cairn
