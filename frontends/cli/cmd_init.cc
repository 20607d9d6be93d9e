#include <nlohmann/json.hpp>

#include "engine/crypto/aead.h"
#include "engine/repo/remove_right.h"
#include "frontends/cli/command.h"

namespace cairn {
namespace {

struct InitCommand {
  std::string suite = "auto";
  std::string same_keys_as;
  std::string from_password_file;

  Result<int> Run(Cli& cli) {
    ASSIGN_OR_RETURN(const RepositoryChoice* choice, cli.MainChoice());
    ASSIGN_OR_RETURN(const auto store, cli.OpenStoreAt(*choice, true));
    InitOptions options;
    options.repository.suite = suite == "aes"      ? Suite::kAes256Gcm
                               : suite == "chacha" ? Suite::kChaCha20Poly1305
                                                   : FasterSuite();
    options.repository.owner_label = "owner";
    options.repository.chunkers = {{SourceKind::kFiles, 2, 512 * 1024, 1024 * 1024, 8 * 1024 * 1024},
                                   {SourceKind::kStream, 2, 128 * 1024, 512 * 1024, 8 * 1024 * 1024},
                                   {SourceKind::kRows, 2, 2 * 1024, 8 * 1024, 64 * 1024}};
    std::unique_ptr<ObjectStore> other_store;
    std::unique_ptr<Repository> other;
    if (!same_keys_as.empty()) {
      ASSIGN_OR_RETURN(
          const RepositoryChoice from,
          cli.Choose(same_keys_as, {from_password_file, "", "CAIRN_FROM_PASSWORD", "", "--from-password-file", ""}));
      ASSIGN_OR_RETURN(other_store, cli.OpenOtherStore(from));
      ASSIGN_OR_RETURN(other, cli.OpenAt(*other_store, from));
      options.repository.same_keys_as = &other->keyring();
      options.repository.chunkers = other->keyring().sealed_part().chunkers;
    }
    ASSIGN_OR_RETURN(Bytes password,
                     ReadPassword(choice->password, "new password of " + choice->ForPeople(), true, cli.stop()));
    const WipeGuard wipe(password);
    ASSIGN_OR_RETURN(const RepositoryId id, Repository::Init(*store, password, options, SystemRandom(), SystemClock()));
    const auto may_remove = NeedRemoveRight(*store, SystemRandom(), "forget or prune");
    const bool is_put_only = !may_remove && may_remove.error().code() == ErrorCode::kPermission;
    if (cli.json()) {
      cli.PrintJson({{"message_type", "initialized"},
                     {"id", id.ToHex()},
                     {"repository", choice->address},
                     {"may_remove", !is_put_only}});
    } else {
      cli.Say(
          fmt::format("made repository {} at {} ({})\n"
                      "Whoever loses the password loses what is in it: keep it where the backup is not.\n",
                      id.ToHex(), choice->address, Name(options.repository.suite)));
      if (is_put_only) {
        cli.Say(
            "Who opened this store may not remove objects there: backups work; forget and prune need somebody who "
            "may.\n");
      }
    }
    return 0;
  }
};

}  // namespace

void AddInit(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<InitCommand>();
  CLI::App* command = app.add_subcommand("init", "Make a new repository");
  command->add_option("--suite", options->suite, "Cipher: auto (the faster one here), aes, chacha")
      ->check(CLI::IsMember({"auto", "aes", "chacha"}))
      ->capture_default_str();
  command
      ->add_option("--same-keys-as", options->same_keys_as,
                   "Share the keys of this repository, so that copies between the two travel as they are")
      ->type_name("REPOSITORY");
  command
      ->add_option("--from-password-file", options->from_password_file,
                   "Password of that repository (or CAIRN_FROM_PASSWORD)")
      ->type_name("FILE");
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
