#include "frontends/cli/command_help.h"

#include <map>

namespace cairn {

const char* const kExitCodes =
    "0 done; 1 failed, or check found damage; 2 wrong usage; 3 done, but some files could not be read or restored,\n"
    "or check could not look at all of it, or packs that are missing were left in the index, or a copy of a job has\n"
    "failed, or a snapshot that cannot be read may be the latest; 10 no repository; 12 wrong password; 130 "
    "interrupted.";
const char* const kEnvironment =
    "CAIRN_REPOSITORY, CAIRN_PASSWORD, CAIRN_PASSWORD_FILE, CAIRN_PASSWORD_COMMAND; CAIRN_TO_PASSWORD (copy),\n"
    "CAIRN_FROM_PASSWORD (init --same-keys-as), CAIRN_NEW_PASSWORD (key add, key passwd); CAIRN_CONFIG (run, and\n"
    "names of repositories); CAIRN_CACHE_DIR, XDG_CACHE_HOME; CAIRN_STATE_DIR, XDG_STATE_HOME (run, jobs); TMPDIR.\n"
    "Of stores: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE, AWS_REGION;\n"
    "AZURE_ACCOUNT_NAME, AZURE_ACCOUNT_KEY or AZURE_ACCOUNT_SAS; CAIRN_WEBDAV_USER, CAIRN_WEBDAV_PASSWORD.";

namespace {

const std::map<std::string, std::string>& AllExamples() {
  static const std::map<std::string, std::string> examples = {
      {"init", "cairn -r /srv/backup init\n"},
      {"backup",
       "cairn backup /home /etc --exclude '*.tmp' --exclude /home/ann/cache --tag daily\n"
       "cairn backup --sqlite /srv/app/app.db\n"
       "cairn backup --postgres postgresql://backup@db1/shop --exclude-table 'log_*'\n"
       "cairn backup --stdin-filename all.sql --from-command -- pg_dumpall\n"
       "cairn backup /etc --sqlite /srv/app/app.db --set site=/srv/www --set shop=sqlite:/srv/shop/data.db\n"
       "tar c . | cairn backup --stdin --stdin-filename all.tar\n"},
      {"run",
       "cairn run shop\n"
       "cairn run --all --dry-run\n"},
      {"jobs", "cairn jobs --json\n"},
      {"import",
       "cairn import /mnt/nas/backups --zone Europe/Berlin --tag old --dry-run\n"
       "cairn import /mnt/nas/backups --zone Europe/Berlin --tag old\n"
       "cairn import --verify-only shop_20261120_020000.sql.gz\n"},
      {"snapshots", "cairn snapshots --host web1 --tag daily\n"},
      {"ls",
       "cairn ls latest:/etc\n"
       "cairn ls -lR 3fa2b1c0\n"
       "cairn ls -lHR --sort size latest | head              the largest files\n"},
      {"find",
       "cairn find '*.odt' --newer 2026-01-01                in which snapshots each is, from the first to the last\n"
       "cairn find -l letter.odt --below /home/ann           each version of it\n"
       "cairn find --regex '/mail/.*\\.db$' --size +1G --latest 1\n"
       "cairn find --pack 3fa2b1c0                           what a lost pack is of\n"},
      {"diff",
       "cairn diff latest~1 latest\n"
       "cairn diff latest@2026-01-31 latest\n"
       "cairn diff latest --live                             what has changed here since\n"
       "cairn diff latest /home/ann --content                the same, of a folder, reading every file\n"
       "cairn diff latest:/home/ann /tmp/ann                 with another folder, as of a restore\n"
       "cairn diff latest~1 latest --table 'order*' --rows   of databases: which rows differ\n"
       "cairn diff latest --postgres postgresql:///shop      with the database as it is now\n"},
      {"dump",
       "cairn dump latest:/etc/fstab\n"
       "cairn dump latest:/home/ann | tar xf - -C /tmp/ann\n"
       "cairn dump latest:/home/ann --output ann.zip         or ann.tar.zst\n"
       "cairn dump latest:db/dump.sql --format zst --output dump.sql.zst\n"},
      {"query",
       "cairn query latest --tables\n"
       "cairn query latest:app.db \"SELECT * FROM orders WHERE id = 4711\"\n"
       "cairn query latest:/srv/app/app.db \"SELECT count(*) FROM orders\" --csv\n"},
      {"export",
       "cairn export latest                                  the only database, or all files, into this folder\n"
       "cairn export latest:shop --format sql --output /srv/out\n"
       "cairn export latest:shop --format custom --encrypt age1... --output shop.dump.age\n"
       "cairn export latest:app --format db --output /tmp/app.db\n"
       "cairn export latest --format zip\n"
       "cairn export latest:/home/ann --format tar.zst --output - | ssh other tar -x --zstd\n"},
      {"restore",
       "cairn restore latest --target /tmp/out               /tmp/out/home/..., /tmp/out/etc/...\n"
       "cairn restore latest:/home/ann --target /tmp/ann     what is below /home/ann\n"
       "cairn restore latest --target / --include /etc/fstab\n"
       "cairn restore latest:site --target /tmp/site         one item of several\n"
       "cairn restore latest --target / --delete --dry-run   what would be deleted\n"
       "cairn restore latest --postgres postgresql://postgres@db1 --as shop_test\n"
       "cairn restore latest --postgres postgresql://postgres@db1/shop --table orders --strategy merge\n"
       "cairn restore latest --sqlite /srv/app/app.db        into a database that programs have open\n"
       "cairn restore latest --set app=sqlite:/srv/app/app.db --set covers=/srv/app/covers     all, or none\n"
       "cairn restore --undo 4f0c21aa --sqlite /srv/app/app.db\n"},
      {"mount",
       "cairn mount /mnt/backups                             by-time, by-id, by-host, by-tag, by-path\n"
       "cairn mount /mnt/backups --host web1 --tag daily\n"},
      {"serve",
       "cairn serve --webdav                                 for this machine: http://127.0.0.1:8420/\n"
       "cairn serve --webdav --listen 0.0.0.0:8420 --tls-cert cert.pem --tls-key key.pem --token-file token\n"},
      {"browse",
       "cairn browse                                         ? shows what the keys do\n"
       "cairn browse --host web1 --tag daily\n"},
      {"drill",
       "cairn drill latest --scratch /mnt/big\n"
       "cairn drill latest:shop --postgres postgresql://postgres@db-test\n"},
      {"databases", "cairn databases postgresql://backup@db1\n"},
      {"tables",
       "cairn tables /srv/app/app.db\n"
       "cairn tables postgresql://backup@db1/shop\n"},
      {"check",
       "cairn check\n"
       "cairn check --read-data-subset 1/7                   every byte once a week\n"},
      {"repair",
       "cairn repair index\n"
       "cairn repair index --drop-missing                    packs that will not come back\n"
       "cairn repair packs\n"
       "cairn repair snapshots --dry-run\n"},
      {"forget",
       "cairn forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run\n"
       "cairn forget --keep-within 30d --keep-monthly 12 --prune\n"
       "cairn forget 3fa2b1c0 --keep-deleted 14d             it can be brought back for two weeks\n"},
      {"undelete",
       "cairn snapshots --deleted\n"
       "cairn undelete 3fa2b1c0\n"},
      {"prune", "cairn prune --max-unused 10% --max-repack-size 20G\n"},
      {"copy", "CAIRN_TO_PASSWORD=... cairn copy --to /mnt/usb/backup --tag weekly\n"},
      {"tag", "cairn tag latest --add release,v2 --protect\n"},
      {"rewrite", "cairn rewrite latest --exclude /home/ann/secret --forget\n"},
      {"key",
       "cairn key add --role writer --label web1 --host 'web1'\n"
       "cairn key list\n"},
      {"benchmark",
       "cairn benchmark                                      with synthetic data\n"
       "cairn benchmark /var/backups/all.sql --duration 5\n"},
      {"completion",
       "source <(cairn completion bash)\n"
       "cairn completion --man ~/.local/share/man/man1\n"},
  };
  return examples;
}

// Whether this command, or one below it, has a value of this name.
bool Uses(const CLI::App& command, const std::string& word) {
  for (const CLI::Option* option : command.get_options()) {
    const std::string shown = option->get_positional() ? option->get_name(true) : option->get_type_name();
    if (shown.find(word) != std::string::npos) return true;
  }
  for (const CLI::App* inner : command.get_subcommands([](const CLI::App*) { return true; })) {
    if (Uses(*inner, word)) return true;
  }
  return false;
}

std::string Indented(const std::string& lines) {
  std::string out = "  ";
  for (size_t i = 0; i < lines.size(); ++i) {
    out += lines[i];
    if (lines[i] == '\n' && i + 1 < lines.size()) out += "  ";
  }
  return out;
}

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
    for (size_t at = 0; (at = text.find("\n\n\n", at)) != std::string::npos;) text.erase(at, 1);
    return text;
  }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> MakeHelpFormatter() { return std::make_shared<HelpFormatter>(); }

std::string Examples(const std::string& command) {
  const auto found = AllExamples().find(command);
  return found == AllExamples().end() ? "" : found->second;
}

std::string ValueSyntax(const CLI::App& command) {
  std::string text;
  const auto add = [&](const char* word, const char* syntax) {
    if (Uses(command, word)) text += std::string(word) + ": " + syntax + "\n";
  };
  add("SNAPSHOT",
      "latest, latest@TIME (the newest that began then or before; of a day: also in it), latest~1 (the one before the\n"
      "latest), or the first digits of an id. --host, --tag and --path narrow what latest may be.");
  add(":PATH",
      "from the root of the snapshot: latest:/home/ann. A snapshot of several items is seen as a folder an item, by "
      "its\n"
      "name: latest:files/home/ann, or latest:/files/home/ann. Whole paths in patterns begin there too.");
  add("NAME=WHAT",
      "a name for the item, and a path (./sqlite:x where it begins like a kind), or sqlite:FILE. An item without a "
      "name\n"
      "of its own is called files, stream, or what the database's file is called.");
  add("TIME",
      "2026-11-20, 2026-11-20T22:25:16, \"2026-11-20 22:25\": local time, or with Z or +01:00 behind it. A date alone\n"
      "is its first moment.");
  add("SIZE", "bytes, or with K, M, G, T behind it, which count in 1024: 4096, 256M, 1.5G.");
  add("ZONE", "Europe/Berlin, UTC, +01:00.");
  add("SPAN", "years, months, days, hours: 1y5m7d2h.");
  add("AGE", "weeks, days, hours, seconds: 2w, 14d, 36h, 90s; or 0.");
  add("PATTERN",
      "as in .gitignore. *.tmp matches a name wherever it is; /home/ann/cache a whole path; cache/*.db, with a slash\n"
      "inside, the path below the folder that is backed up (restore: below PATH); a slash at the end: folders only;\n"
      "** any number of folders; ! before it takes in again.");
  return text;
}

void AddFooter(CLI::App& app) {
  app.footer(std::string("Exit codes: ") + kExitCodes + "\nEnvironment: " + kEnvironment);
}

void AddCommandFooters(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    std::string text;
    if (const std::string examples = Examples(command->get_name()); !examples.empty()) {
      text += "Examples:\n" + Indented(examples) + "\n";
    }
    text += ValueSyntax(*command);
    text += "Options of every command (-r, --password-file, --json, -q, -v ...), exit codes: cairn --help";
    command->footer(text);
    for (CLI::App* inner : command->get_subcommands([](const CLI::App*) { return true; })) {
      inner->footer(ValueSyntax(*inner) + "Options of every command, exit codes: cairn --help");
    }
  }
}

void AddHelp(CLI::App& app, Cli& cli, Action& action) {
  auto words = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand("help", "Show the help of a command");
  command->add_option("COMMAND", *words, "The command");
  command->callback([&app, &cli, &action, words] {
    action = [&app, &cli, words]() -> Result<int> {
      const CLI::App* found = &app;
      std::string name = "cairn";
      for (const std::string& word : *words) {
        const auto inner = found->get_subcommands([&](const CLI::App* one) { return one->get_name() == word; });
        if (inner.empty()) {
          return MakeError(ErrorCode::kInvalidArgument, "there is no command \"{} {}\"; cairn --help lists them", name,
                           word);
        }
        found = inner.front();
        name += " " + word;
      }
      // Not found->help(): of the app that would be the help of this command.
      cli.Print(found->get_formatter()->make_help(found, name, CLI::AppFormatMode::Normal));
      return 0;
    };
  });
}

}  // namespace cairn
