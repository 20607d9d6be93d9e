#include "frontends/cli/command_text.h"

#include <filesystem>
#include <fstream>

#include "engine/env/version.h"

namespace cairn {
namespace {

std::vector<const CLI::App*> Commands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<std::string> OptionNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string Quoted(const std::string& text) {
  std::string quoted;
  for (const char c : text) quoted += c == '\'' ? std::string("\\'") : std::string(1, c);
  return "'" + quoted + "'";
}

// roff: a leading dot or quote, a backslash and a hyphen have meanings of their own.
std::string Roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (out.empty() && (c == '.' || c == '\'')) {
      out += std::string("\\&") + c;
    } else {
      out += c;
    }
  }
  return out;
}

std::string OptionsSection(const CLI::App& app) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    const bool takes_value = !option->get_positional() && option->get_items_expected_max() > 0;
    const std::string value = takes_value ? " \\fI" + Roff(option->get_type_name()) + "\\fR" : "";
    text += ".TP\n.B " + Roff(option->get_name(false, true)) + value + "\n" + Roff(option->get_description()) + "\n";
  }
  return text;
}

std::string Header(const std::string& name, const std::string& description) {
  return ".TH \"" + name + "\" 1 \"\" \"" + std::string(kProgram) + "\"\n.SH NAME\n" + Roff(name) + " \\- " +
         Roff(description) + "\n";
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  std::string commands, any_command;
  std::string cases;
  for (const CLI::App* command : Commands(app)) {
    commands += (commands.empty() ? "" : " ") + command->get_name();
    any_command += (any_command.empty() ? "" : "|") + command->get_name();
    std::vector<std::string> words = OptionNames(*command);
    for (const CLI::App* inner : Commands(*command)) words.push_back(inner->get_name());
    cases += "    " + command->get_name() + ") words=\"" + Joined(words) + "\" ;;\n";
  }
  return "_cairn() {\n"
         "  local current=\"${COMP_WORDS[COMP_CWORD]}\" command=\"\" word words=\"\"\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    case \"$word\" in " +
         any_command +
         ") command=\"$word\"; break ;; esac\n"
         "  done\n"
         "  case \"$command\" in\n" +
         cases + "    *) words=\"" + commands +
         "\" ;;\n"
         "  esac\n"
         "  words=\"$words " +
         Joined(OptionNames(app)) +
         "\"\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$current\"))\n"
         "}\n"
         "complete -o filenames -F _cairn cairn\n";
}

std::string FishCompletion(const CLI::App& app) {
  std::string text;
  for (const CLI::App* command : Commands(app)) {
    text += "complete -c cairn -n __fish_use_subcommand -f -a " + command->get_name() + " -d " +
            Quoted(command->get_description()) + "\n";
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        text += "complete -c cairn -n '__fish_seen_subcommand_from " + command->get_name() + "' -l " + name + " -d " +
                Quoted(option->get_description()) + "\n";
      }
    }
  }
  return text;
}

Result<std::string> ManPage(const CLI::App& app, const std::string& name) {
  if (name == "cairn") {
    std::string text = Header("cairn", "deduplicated, compressed, encrypted backups");
    text += ".SH SYNOPSIS\n.B cairn\n[OPTIONS] COMMAND\n.SH DESCRIPTION\n" + Roff(app.get_description()) + "\n";
    text += ".SH COMMANDS\n";
    for (const CLI::App* command : Commands(app)) {
      text += ".TP\n.BR cairn\\-" + command->get_name() + " (1)\n" + Roff(command->get_description()) + "\n";
    }
    return text + ".SH OPTIONS\n" + OptionsSection(app) + ".SH NOTES\n" + Roff(app.get_footer()) + "\n";
  }
  for (const CLI::App* command : Commands(app)) {
    if (command->get_name() != name) continue;
    std::string text = Header("cairn-" + name, command->get_description());
    text +=
        ".SH SYNOPSIS\n.B cairn " + name + "\n[OPTIONS]\n.SH DESCRIPTION\n" + Roff(command->get_description()) + "\n";
    for (const CLI::App* inner : Commands(*command)) {
      text += ".SS cairn " + name + " " + inner->get_name() + "\n" + Roff(inner->get_description()) + "\n";
      text += OptionsSection(*inner);
    }
    return text + ".SH OPTIONS\n" + OptionsSection(*command) + ".SH SEE ALSO\n.BR cairn (1)\n";
  }
  return MakeError(ErrorCode::kNotFound, "there is no command \"{}\"", name);
}

Result<void> WriteManPages(const CLI::App& app, const std::string& folder) {
  std::vector<std::string> names{"cairn"};
  for (const CLI::App* command : Commands(app)) names.push_back(command->get_name());
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const std::string page, ManPage(app, name));
    const std::string path = folder + (name == "cairn" ? "/cairn.1" : "/cairn-" + name + ".1");
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << page;
    file.close();
    if (!file) return MakeError(ErrorCode::kIo, "{}: it cannot be written", path);
    using std::filesystem::perms;
    std::filesystem::permissions(path, perms::owner_read | perms::owner_write | perms::group_read | perms::others_read,
                                 error);
  }
  return {};
}

}  // namespace cairn
