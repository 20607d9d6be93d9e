#include "frontends/cli/command.h"
#include "frontends/cli/command_text.h"

namespace cairn {

void AddCompletion(CLI::App& app, Cli& cli, Action& action) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("completion", "Print a completion script for bash, zsh or fish, or man pages");
  command->add_option("SHELL", *shell, "bash, zsh, fish; or man:COMMAND, man:cairn for a man page")->required();
  command->callback([&app, &cli, &action, shell] {
    action = [&app, &cli, shell]() -> Result<int> {
      if (*shell == "bash") {
        cli.Print(BashCompletion(app));
      } else if (*shell == "zsh") {
        cli.Print("autoload -U +X bashcompinit && bashcompinit\n" + BashCompletion(app));
      } else if (*shell == "fish") {
        cli.Print(FishCompletion(app));
      } else if (shell->starts_with("man:")) {
        ASSIGN_OR_RETURN(const std::string page, ManPage(app, shell->substr(4)));
        cli.Print(page);
      } else {
        return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no shell: bash, zsh, fish", *shell);
      }
      return 0;
    };
  });
}

}  // namespace cairn
