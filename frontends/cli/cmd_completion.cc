#include "frontends/cli/command.h"
#include "frontends/cli/command_text.h"

namespace cairn {

void AddCompletion(CLI::App& app, Cli& cli, Action& action) {
  struct Options {
    std::string shell, man_folder;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("completion", "Print a completion script for bash, zsh or fish, or man pages");
  command->add_option("SHELL", options->shell, "bash, zsh or fish; or man:COMMAND, man:cairn for a man page");
  command->add_option("--man", options->man_folder, "Write all man pages into this folder")->type_name("DIR");
  command->callback([&app, &cli, &action, options] {
    action = [&app, &cli, options]() -> Result<int> {
      const std::string& shell = options->shell;
      if (!options->man_folder.empty()) {
        RETURN_IF_ERROR(WriteManPages(app, options->man_folder));
        if (shell.empty()) return 0;
      }
      if (shell == "bash") {
        cli.Print(BashCompletion(app));
      } else if (shell == "zsh") {
        cli.Print("autoload -U +X bashcompinit && bashcompinit\n" + BashCompletion(app));
      } else if (shell == "fish") {
        cli.Print(FishCompletion(app));
      } else if (shell.starts_with("man:")) {
        ASSIGN_OR_RETURN(const std::string page, ManPage(app, shell.substr(4)));
        cli.Print(page);
      } else {
        return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no shell: bash, zsh, fish", shell);
      }
      return 0;
    };
  });
}

}  // namespace cairn
