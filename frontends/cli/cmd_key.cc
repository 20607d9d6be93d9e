#include <nlohmann/json.hpp>

#include "frontends/cli/command.h"
#include "frontends/cli/text.h"

namespace cairn {
namespace {

struct KeyCommand {
  std::string role = "owner", label, host = "*", new_password_file, new_password_command, id;

  Result<int> List(Cli& cli) const {
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    Table table({"", "Key", "Role", "Label", "Hosts", "Made", "State"});
    nlohmann::json list = nlohmann::json::array();
    for (const KeyInfo& key : ListKeys(*repository)) {
      const Certificate& one = key.certificate;
      table.Add({key.this_slot ? "*" : "", one.slot.ToHex(), RoleName(one.rights), one.label, one.host_pattern,
                 FormatTimeThen(one.issued, SystemClock()), one.revoked ? "removed" : "valid"});
      list.push_back({{"id", one.slot.ToHex()},
                      {"role", RoleName(one.rights)},
                      {"label", one.label},
                      {"hosts", one.host_pattern},
                      {"removed", one.revoked},
                      {"current", key.this_slot}});
    }
    if (cli.json()) {
      cli.PrintJson({{"keys", list}});
    } else {
      cli.Print(table.Text());
    }
    return 0;
  }

  Result<Bytes> NewPassword(const Cli& cli) const {
    return ReadPassword({new_password_file, new_password_command, "CAIRN_NEW_PASSWORD", "", "--new-password-file",
                         "--new-password-command"},
                        "new password", true, cli.stop());
  }

  Result<int> Add(Cli& cli) const {
    ASSIGN_OR_RETURN(const Rights rights, ParseRole(role));
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    RETURN_IF_ERROR(repository->NeedWrite(Rights::kOwn, "adding a key"));
    ASSIGN_OR_RETURN(Bytes password, NewPassword(cli));
    const WipeGuard wipe(password);
    ASSIGN_OR_RETURN(const SlotId slot, AddKey(*repository, {rights, label, host}, password, {}, cli.context()));
    Tell(cli, "added", slot.ToHex());
    return 0;
  }

  Result<int> Remove(Cli& cli) const {
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    std::vector<SlotId> found;
    for (const KeyInfo& key : ListKeys(*repository)) {
      if (id.size() >= 4 && key.certificate.slot.ToHex().starts_with(id)) found.push_back(key.certificate.slot);
    }
    if (found.size() != 1) {
      return MakeError(ErrorCode::kInvalidArgument, "\"{}\" names {} keys; give the id that cairn key list shows", id,
                       found.size());
    }
    RETURN_IF_ERROR(RemoveKey(*repository, found.front(), cli.context()));
    if (found.front() == repository->keyring().slot()) {
      cli.context().log.Warning("this was the key that opened the repository: its password opens it no more");
    }
    Tell(cli, "removed", found.front().ToHex());
    return 0;
  }

  Result<int> ChangePassword(Cli& cli) const {
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    ASSIGN_OR_RETURN(Bytes password, NewPassword(cli));
    const WipeGuard wipe(password);
    RETURN_IF_ERROR(cairn::ChangePassword(*repository, password, {}, cli.context()));
    Tell(cli, "changed the password of", repository->keyring().slot().ToHex());
    return 0;
  }

  static void Tell(Cli& cli, const std::string& what, const std::string& key) {
    if (cli.json()) {
      cli.PrintJson({{"message_type", "summary"}, {"done", what}, {"id", key}});
    } else {
      cli.Say(what + " key " + key + "\n");
    }
  }
};

void AddNewPasswordOptions(CLI::App& command, KeyCommand& options) {
  command
      .add_option("--new-password-file", options.new_password_file,
                  "Read the new password from a file (or CAIRN_NEW_PASSWORD)")
      ->type_name("FILE");
  command.add_option("--new-password-command", options.new_password_command, "Read it from a command")
      ->type_name("COMMAND");
}

}  // namespace

void AddKey(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<KeyCommand>();
  CLI::App* command = app.add_subcommand("key", "Keys and their roles");
  command->require_subcommand(1);
  CLI::App* list = command->add_subcommand("list", "List keys");
  list->callback([&cli, &action, options] { action = [&cli, options] { return options->List(cli); }; });
  CLI::App* add = command->add_subcommand("add", "Make a key with its own password");
  add->add_option("--role", options->role, "writer, lister, maintainer, reader, owner")
      ->check(CLI::IsMember({"writer", "lister", "maintainer", "reader", "owner"}))
      ->capture_default_str();
  add->add_option("--label", options->label, "What people call it");
  add->add_option("--host", options->host, "Hosts whose snapshots it may make: a pattern")->capture_default_str();
  AddNewPasswordOptions(*add, *options);
  add->callback([&cli, &action, options] { action = [&cli, options] { return options->Add(cli); }; });
  CLI::App* remove = command->add_subcommand("remove", "Take a key away");
  remove->add_option("KEY", options->id, "Its id, or the beginning of it")->required();
  remove->callback([&cli, &action, options] { action = [&cli, options] { return options->Remove(cli); }; });
  CLI::App* password = command->add_subcommand("passwd", "Change the password of the key that opens the repository");
  AddNewPasswordOptions(*password, *options);
  password->callback([&cli, &action, options] { action = [&cli, options] { return options->ChangePassword(cli); }; });
}

}  // namespace cairn
