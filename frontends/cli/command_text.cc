#include "frontends/cli/command_text.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "engine/env/version.h"
#include "frontends/cli/command_help.h"

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
    } else if ((out.empty() || out.back() == '\n') && (c == '.' || c == '\'')) {
      out += std::string("\\&") + c;
    } else {
      out += c;
    }
  }
  return out;
}

// With the arguments that have no name, in their order.
std::string Synopsis(const CLI::App& app, const std::string& name) {
  std::string text = ".B " + Roff(name) + "\n[OPTIONS]";
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) continue;
    const std::string more = option->get_items_expected_max() > 1 ? " ..." : "";
    const std::string word = Roff(option->get_name(true)) + more;
    text += option->get_required() ? " \\fI" + word + "\\fR" : " [\\fI" + word + "\\fR]";
  }
  return text + "\n.br\n";
}

std::string OptionsSection(const CLI::App& app) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    const bool takes_value = !option->get_positional() && option->get_items_expected_max() > 0;
    const std::string value = takes_value ? " \\fI" + Roff(option->get_type_name()) + "\\fR" : "";
    text += ".TP\n.B " + Roff(option->get_name(true, true)) + value + "\n" + Roff(option->get_description()) + "\n";
  }
  return text;
}

std::string Section(const std::string& name, const std::string& lines) {
  return lines.empty() ? "" : ".SH " + name + "\n" + Roff(lines) + "\n";
}

// As they stand.
std::string ExamplesSection(const std::string& lines) {
  return lines.empty() ? "" : ".SH EXAMPLES\n.nf\n" + Roff(lines) + ".fi\n";
}

// Each as a paragraph: "WORD: text".
std::string ValuesSection(const CLI::App& command) {
  std::string text;
  std::istringstream lines(ValueSyntax(command));
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(": ");
    const bool begins = colon != std::string::npos &&
                        line.substr(0, colon).find_first_of(" abcdefghijklmnopqrstuvwxyz") == std::string::npos;
    text += begins ? ".TP\n.I " + Roff(line.substr(0, colon)) + "\n" + Roff(line.substr(colon + 2)) + "\n"
                   : Roff(line) + "\n";
  }
  return text.empty() ? "" : ".SH VALUES\n" + text;
}

std::string Header(const std::string& name, const std::string& description) {
  return ".TH \"" + name + "\" 1 \"\" \"" + std::string(kProgram) + "\"\n.SH NAME\n" + Roff(name) + " \\- " +
         Roff(description) + "\n";
}

}  // namespace

namespace {

// The words of "{a,b,c}" in what CLI11 shows of an option's value; empty where any value will do.
std::string Choices(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t open = type.find('{');
  const size_t close = type.find('}', open == std::string::npos ? 0 : open);
  if (open == std::string::npos || close == std::string::npos) return "";
  std::string words = type.substr(open + 1, close - open - 1);
  std::ranges::replace(words, ',', ' ');
  return words;
}

std::vector<std::string> NamesOf(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  return names;
}

// Cases of `$previous`: what may stand behind an option, of any command.
std::string BashValueCases(const CLI::App& app, std::set<std::string>& done) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    const std::string words = option->get_positional() ? "" : Choices(*option);
    if (words.empty() || !done.insert(option->get_name(false, true)).second) continue;
    std::string names;
    for (const std::string& name : NamesOf(*option)) names += (names.empty() ? "" : "|") + name;
    text += "    " + names + ") COMPREPLY=($(compgen -W \"" + words + "\" -- \"$current\")); return ;;\n";
  }
  for (const CLI::App* inner : Commands(app)) text += BashValueCases(*inner, done);
  return text;
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  std::string commands, any_command, cases, inner_cases;
  for (const CLI::App* command : Commands(app)) {
    commands += (commands.empty() ? "" : " ") + command->get_name();
    any_command += (any_command.empty() ? "" : "|") + command->get_name();
    std::string below;
    for (const CLI::App* inner : Commands(*command)) {
      below += (below.empty() ? "" : " ") + inner->get_name();
      inner_cases += "    " + command->get_name() + "/" + inner->get_name() + ") options=\"" +
                     Joined(OptionNames(*inner)) + "\" ;;\n";
    }
    cases += "    " + command->get_name() + ") options=\"" + Joined(OptionNames(*command)) + "\"; words=\"" + below +
             "\" ;;\n";
  }
  std::set<std::string> done;
  return "_cairn() {\n"
         "  local current=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
         "  local command=\"\" inner=\"\" word words=\"\" options=\"\"\n"
         "  case \"$previous\" in\n" +
         BashValueCases(app, done) +
         "  esac\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    if [ -n \"$command\" ]; then\n"
         "      case \" $words \" in *\" $word \"*) inner=\"$word\"; break ;; esac\n"
         "      continue\n"
         "    fi\n"
         "    case \"$word\" in " +
         any_command +
         ") command=\"$word\" ;; esac\n"
         "    case \"$command\" in\n" +
         cases +
         "    esac\n"
         "  done\n"
         "  case \"$command/$inner\" in\n" +
         inner_cases +
         "  esac\n"
         "  [ -n \"$command\" ] || words=\"" +
         commands +
         "\"\n"
         "  [ \"$command\" = help ] && words=\"" +
         commands +
         "\"\n"
         "  [ -z \"$inner\" ] || words=\"\"\n"
         "  case \"$current\" in\n"
         "    -*) COMPREPLY=($(compgen -W \"$options " +
         Joined(OptionNames(app)) +
         "\" -- \"$current\")) ;;\n"
         "    *) [ -n \"$words\" ] && COMPREPLY=($(compgen -W \"$words\" -- \"$current\")) ||\n"
         "         COMPREPLY=($(compgen -f -- \"$current\")) ;;\n"
         "  esac\n"
         "}\n"
         "complete -o filenames -F _cairn cairn\n";
}

namespace {

std::string FishOptions(const CLI::App& app, const std::string& condition) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) continue;
    std::string names;
    for (const std::string& name : option->get_lnames()) names += " -l " + name;
    for (const std::string& name : option->get_snames()) names += " -s " + name;
    const std::string words = Choices(*option);
    const bool takes_value = option->get_items_expected_max() > 0;
    text += "complete -c cairn" + condition + names +
            (!words.empty() ? " -x -a " + Quoted(words)
             : takes_value  ? " -r"
                            : "") +
            " -d " + Quoted(option->get_description()) + "\n";
  }
  return text;
}

}  // namespace

std::string FishCompletion(const CLI::App& app) {
  std::string text = FishOptions(app, "");
  for (const CLI::App* command : Commands(app)) {
    const std::string& name = command->get_name();
    text +=
        "complete -c cairn -n __fish_use_subcommand -f -a " + name + " -d " + Quoted(command->get_description()) + "\n";
    text += FishOptions(*command, " -n '__fish_seen_subcommand_from " + name + "'");
    std::string below;
    for (const CLI::App* inner : Commands(*command)) below += (below.empty() ? "" : " ") + inner->get_name();
    for (const CLI::App* inner : Commands(*command)) {
      text += "complete -c cairn -n '__fish_seen_subcommand_from " + name + "; and not __fish_seen_subcommand_from " +
              below + "' -f -a " + inner->get_name() + " -d " + Quoted(inner->get_description()) + "\n";
      text += FishOptions(*inner, " -n '__fish_seen_subcommand_from " + name + "; and __fish_seen_subcommand_from " +
                                      inner->get_name() + "'");
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
    text += ".SH OPTIONS\n" + OptionsSection(app) + ValuesSection(app);
    return text + Section("EXIT STATUS", kExitCodes) + Section("ENVIRONMENT", kEnvironment);
  }
  for (const CLI::App* command : Commands(app)) {
    if (command->get_name() != name) continue;
    std::string text = Header("cairn-" + name, command->get_description()) + ".SH SYNOPSIS\n";
    if (Commands(*command).empty()) text += Synopsis(*command, "cairn " + name);
    for (const CLI::App* inner : Commands(*command))
      text += Synopsis(*inner, "cairn " + name + " " + inner->get_name());
    text += ".SH DESCRIPTION\n" + Roff(command->get_description()) + "\n";
    for (const CLI::App* inner : Commands(*command)) {
      text += ".SS cairn " + name + " " + inner->get_name() + "\n" + Roff(inner->get_description()) + "\n";
      text += OptionsSection(*inner);
    }
    text += ".SH OPTIONS\n" + OptionsSection(*command) + ".PP\nThose of every command are in\n.BR cairn (1).\n";
    text += ValuesSection(*command) + ExamplesSection(Examples(name));
    return text + Section("EXIT STATUS", kExitCodes) + ".SH SEE ALSO\n.BR cairn (1)\n";
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
