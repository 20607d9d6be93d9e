#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/crypto/secret.h"
#include "engine/repo/time_text.h"
#include "engine/tree/directory_reader.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/export_run.h"
#include "frontends/cli/replacement.h"
#include "frontends/cli/text.h"
#include "frontends/postgres/dump_reader.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

constexpr std::array kFormats = {ExportFormat::kSql,      ExportFormat::kCustom, ExportFormat::kDirectory,
                                 ExportFormat::kDatabase, ExportFormat::kZip,    ExportFormat::kTarZstd};
// In names, by format: what it is, and how it ends.
constexpr const char* kTypes[] = {"sql", "custom", "directory", "db", "zip", "tar"};
constexpr const char* kEndings[] = {".sql", ".dump", "", ".db", ".zip", ".tar.zst"};
constexpr int kLevelUnset = -1;

struct Levels {
  int min = 0, max = 0, usual = 0;
};
// Of gzip, or of zstd; both 0: the form has none.
Levels LevelsOf(ExportFormat format) {
  if (format == ExportFormat::kSql || format == ExportFormat::kDatabase) return {};
  return format == ExportFormat::kTarZstd ? Levels{1, 19, 3} : Levels{0, 9, 6};
}

std::string TimeInName(const WireTime& time) {
  std::string text = FormatTime(time, 0) + "Z";
  std::ranges::replace(text, ' ', 'T');
  std::ranges::replace(text, ':', '-');
  return text;
}

// "app" of "app.db": the form puts an ending of its own.
std::string WithoutEnding(const std::string& name) {
  for (const std::string_view ending : {".db", ".sqlite", ".sqlite3", ".db3"}) {
    if (name.size() > ending.size() && name.ends_with(ending)) return name.substr(0, name.size() - ending.size());
  }
  return name;
}

// With what is put behind it, and ".sha256", no longer than a name may be.
std::string PlainName(std::string name) {
  constexpr size_t kBytesMax = 200;
  size_t size = std::min(name.size(), kBytesMax);
  while (size < name.size() && size > 0 && (static_cast<unsigned char>(name[size]) & 0xc0) == 0x80) --size;
  name.resize(size);
  for (char& c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '/') c = '_';
  }
  while (!name.empty() && name.front() == '.') name.erase(0, 1);
  return name.empty() ? "export" : name;
}

struct ExportCommand {
  FilterOptions filter;
  std::string name, format, output, passphrase_file;
  std::vector<std::string> recipients;
  int level = kLevelUnset;
  bool force = false, no_verify = false;

  Result<int> Run(Cli& cli) {
    cli.SetAllOrNone();
    const SnapshotPath wanted = SnapshotPath::Parse(name);
    OpenedSnapshot opened;
    RETURN_IF_ERROR(opened.Open(cli, wanted.snapshot, filter.Filter()));
    RETURN_IF_ERROR(opened.repository->keyring().Need(Rights::kContentKey, "exporting"));
    ASSIGN_OR_RETURN(const SnapshotPlace place, opened.Find(wanted.path));
    ExportOptions options;
    options.verifies = !no_verify;
    ASSIGN_OR_RETURN(options.format, Format(opened, place));
    ASSIGN_OR_RETURN(const SnapshotItem* const item, Item(opened, place, wanted.path, options.format));
    ASSIGN_OR_RETURN(options.level, Level(options.format));
    RETURN_IF_ERROR(RefuseUseless(options.format));
    ASSIGN_OR_RETURN(options.encryption, Encryption(cli));
    const WipeGuard wipe(options.encryption ? MutableByteSpan(options.encryption->passphrase) : MutableByteSpan());
    ASSIGN_OR_RETURN(const std::string source, SourceName(cli, opened, place, item));
    const std::string file_name = FileName(source, opened.snapshot->inner.start, options);
    const bool is_folder = options.format == ExportFormat::kDirectory;
    ASSIGN_OR_RETURN(const auto target, ExportTarget::Make(cli, output, file_name, is_folder, force));
    ASSIGN_OR_RETURN(const ExportReport report, ExportRun(cli, opened, place, item, options, *target).Run());
    Tell(cli, report, *target, options);
    return report.left_out > 0 ? kExitIncomplete : kExitOk;
  }

  // The natural one where none is given.
  Result<ExportFormat> Format(const OpenedSnapshot& opened, const SnapshotPlace& place) const {
    for (const ExportFormat one : kFormats) {
      if (Name(one) == format) return one;
    }
    const auto& items = opened.snapshot->inner.items;
    const SnapshotItem* item = place.item != nullptr ? place.item : items.size() == 1 ? &items.front() : nullptr;
    if (item != nullptr && item->kind == ItemKind::kPostgres && place.inside.empty()) return ExportFormat::kCustom;
    if (item != nullptr && item->kind == ItemKind::kSqlite) return ExportFormat::kDatabase;
    return ExportFormat::kTarZstd;
  }

  // Nothing: all items, of which a form of files is made.
  static Result<const SnapshotItem*> Item(const OpenedSnapshot& opened, const SnapshotPlace& place,
                                          const std::string& path, ExportFormat format) {
    if (format == ExportFormat::kZip || format == ExportFormat::kTarZstd) return place.item;
    const auto has = [&](ItemKind kind) {
      return place.item != nullptr
                 ? place.item->kind == kind
                 : std::ranges::any_of(opened.snapshot->inner.items, [&](const auto& one) { return one.kind == kind; });
    };
    const bool is_sqlite = format == ExportFormat::kDatabase ||
                           (format == ExportFormat::kSql && has(ItemKind::kSqlite) && !has(ItemKind::kPostgres));
    auto item = is_sqlite ? PickItem(opened, path, ItemKind::kSqlite, "SQLite database")
                          : PickItem(opened, path, ItemKind::kPostgres, "PostgreSQL database");
    if (!item) return std::move(item).error().While(fmt::format("--format {}", Name(format)));
    return item;
  }

  Result<int> Level(ExportFormat wanted) const {
    const Levels levels = LevelsOf(wanted);
    if (level == kLevelUnset) return levels.usual;
    if (levels.max == 0) {
      return MakeError(ErrorCode::kInvalidArgument, "--compress: the form {} is not compressed", Name(wanted));
    }
    if (level >= levels.min && level <= levels.max) return level;
    return MakeError(ErrorCode::kInvalidArgument, "--compress is {}, expected {} to {} for the form {}", level,
                     levels.min, levels.max, Name(wanted));
  }

  Result<void> RefuseUseless(ExportFormat wanted) const {
    const bool is_folder = wanted == ExportFormat::kDirectory;
    if (is_folder && output == "-") {
      return Error(ErrorCode::kInvalidArgument, "--format directory is a folder, and not for standard output");
    }
    if (is_folder && (!recipients.empty() || !passphrase_file.empty())) {
      return Error(ErrorCode::kInvalidArgument,
                   "--format directory is a folder, and only a file is encrypted: --format custom is one");
    }
    if (output == "-" && wanted != ExportFormat::kSql && ::isatty(STDOUT_FILENO) != 0) {
      return Error(ErrorCode::kInvalidArgument, "it is not for a terminal: redirect it, or give --output FILE");
    }
    return {};
  }

  Result<std::optional<exports::AgeOptions>> Encryption(Cli& cli) const {
    if (recipients.empty() && passphrase_file.empty()) return std::optional<exports::AgeOptions>();
    exports::AgeOptions age;
    for (const std::string& one : recipients) {
      ASSIGN_OR_RETURN(const auto recipient, exports::AgeRecipient::Parse(one));
      age.recipients.push_back(recipient);
    }
    if (!passphrase_file.empty()) {
      PasswordSources sources;
      sources.file = passphrase_file;
      sources.file_option = "--encrypt-passphrase-file";
      ASSIGN_OR_RETURN(age.passphrase, ReadPassword(sources, "passphrase", false, cli.stop()));
    }
    return std::optional(std::move(age));
  }

  // The item's, the database's, the last of the path, or whose all of it is.
  static Result<std::string> SourceName(Cli& cli, const OpenedSnapshot& opened, const SnapshotPlace& place,
                                        const SnapshotItem* item) {
    const SnapshotInner& inner = opened.snapshot->inner;
    if (!place.inside.empty()) {
      const std::string path = ToString(place.inside);
      return path.substr(path.rfind('/') + 1);
    }
    if (item != nullptr && inner.items.size() > 1) return item->name;
    if (item != nullptr && item->kind == ItemKind::kPostgres) {
      postgres::DumpReader dump(*opened.reader, item->root, cli.stop());
      ASSIGN_OR_RETURN(const auto description, dump.Description());
      return description.properties.name;
    }
    std::string name = ToString(inner.host);
    if (item == nullptr || item->kind == ItemKind::kFiles) return name;
    RETURN_IF_ERROR(ForEachNode(*opened.reader, item->root, [&](const Node& node) -> Result<void> {
      if (node.type == NodeType::kFile) name = ToString(node.name);
      return {};
    }));
    return name;
  }

  static std::string FileName(std::string source, const WireTime& time, const ExportOptions& options) {
    if (options.format == ExportFormat::kDatabase || options.format == ExportFormat::kSql) {
      source = WithoutEnding(source);
    }
    return fmt::format("{}_{}_{}{}{}", PlainName(source), kTypes[static_cast<size_t>(options.format)], TimeInName(time),
                       kEndings[static_cast<size_t>(options.format)], options.encryption ? ".age" : "");
  }

  // Standard output is the export's, where that goes there.
  static void Tell(Cli& cli, const ExportReport& report, const ExportTarget& target, const ExportOptions& options) {
    for (const std::string& note : report.notes) {
      std::fprintf(stderr, "cairn: note: %s\n", Printable(note).c_str());
    }
    if (target.is_stdout()) return;
    if (cli.json()) {
      nlohmann::json json = {{"message_type", "summary"},      {"output", target.path()},
                             {"format", Name(options.format)}, {"encrypted", options.encryption.has_value()},
                             {"bytes", report.bytes},          {"left_out", report.left_out},
                             {"notes", report.notes}};
      if (!report.sha256.empty()) json["sha256"] = report.sha256;
      if (report.tables) json["tables"] = *report.tables;
      if (report.rows) json["rows"] = *report.rows;
      if (report.files) json["files"] = *report.files;
      cli.PrintJson(json);
      return;
    }
    cli.Say(fmt::format("exported to {}: {}; {}, SHA-256 in {}.sha256\n", Printable(target.path()), report.what,
                        HumanBytes(report.bytes), Printable(target.path())));
  }
};

}  // namespace

void AddExport(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<ExportCommand>();
  CLI::App* command = app.add_subcommand("export", "Write a snapshot, or an item of it, for other programs to read");
  command->add_option("SNAPSHOT[:PATH]", options->name, "What to write")->required();
  std::vector<std::string> formats;
  for (const ExportFormat one : kFormats) formats.emplace_back(Name(one));
  command
      ->add_option("--format", options->format,
                   "sql, custom or directory (PostgreSQL), sql or db (SQLite), zip or tar.zst (everything); without it "
                   "custom, db, or tar.zst")
      ->type_name("FORM")
      ->check(CLI::IsMember(formats));
  command
      ->add_option("-o,--output", options->output,
                   "A new file, a folder to put it into, or - for standard output; without it the current folder")
      ->type_name("FILE");
  command
      ->add_option("--compress", options->level,
                   "Level of compression: 0 to 9 (custom, directory, zip), 1 to 19 (tar.zst)")
      ->type_name("LEVEL");
  command->add_flag("--force", options->force, "Replace what has this name, once the new one is whole");
  command->add_flag("--no-verify", options->no_verify, "Do not have pg_restore, or SQLite, read what was made");
  const size_t since = command->get_options().size();
  command
      ->add_option("--encrypt", options->recipients,
                   "Encrypt for this recipient of age (repeatable): age -d -i KEY opens it")
      ->type_name("age1...");
  command
      ->add_option("--encrypt-passphrase-file", options->passphrase_file,
                   "Encrypt by age with the passphrase in the first line of a file")
      ->type_name("FILE");
  GroupOptions(*command, since, "Encryption");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
