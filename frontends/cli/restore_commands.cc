#include "frontends/cli/restore_commands.h"

#include <algorithm>
#include <cstdlib>

namespace cairn {
namespace {

// With what names the repository, where nothing else does.
std::string Program(const Cli& cli) {
  const char* named = std::getenv("CAIRN_REPOSITORY");
  const bool is_named = cli.global.repository.empty() || (named != nullptr && cli.global.repository == named);
  return is_named ? "cairn" : "cairn -r " + ShellWord(cli.global.repository);
}

// As PATTERN takes a name: the shell's has signs of its own, that of SQLite's tables knows * and ? alone, and no way
// around them.
std::string AsPattern(ItemKind kind, std::string_view name) {
  std::string pattern;
  for (const char c : name) {
    const bool is_sign = std::string_view("*?[\\").find(c) != std::string_view::npos;
    if (kind == ItemKind::kPostgres && is_sign) pattern += '\\';
    pattern += kind == ItemKind::kSqlite && c == '*' ? '?' : c;
  }
  return pattern;
}

std::string SqliteFile(const SnapshotItem& item) {
  return item.paths.size() == 1 ? ShellWord(AsText(item.paths.front())) : "FILE";
}

// A socket's folder stands in brackets.
std::string PostgresAddress(const SnapshotItem& item) {
  if (item.paths.size() != 1) return "ADDRESS/DATABASE";
  const std::string_view path = AsText(item.paths.front());
  constexpr std::string_view kSocket = "postgresql://[";
  if (!path.starts_with(kSocket)) return ShellWord(path);
  const size_t end = path.rfind("]:"), slash = end == std::string_view::npos ? end : path.find('/', end);
  if (slash == std::string_view::npos) return "ADDRESS/DATABASE";
  return ShellWord(fmt::format("postgresql:///{}?host={}&port={}", path.substr(slash + 1),
                               path.substr(kSocket.size(), end - kSocket.size()),
                               path.substr(end + 2, slash - end - 2)));
}

}  // namespace

std::string ShellWord(std::string_view text) {
  const bool is_plain = !text.empty() && text.front() != '~' && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:@%+,=~").find(c) != std::string_view::npos;
  });
  if (is_plain) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::vector<browse::ShellCommand> RestoreCommands(const Cli& cli, const browse::ShownDatabase& database,
                                                  const std::string& table) {
  const SnapshotItem& one = database.item();
  const std::string id = database.snapshot->id.Short();
  if (!database.file.empty()) {
    const std::string file = ShellWord(id + ":/" + ToString(database.file));
    return {{.what = "the file, into a folder:", .line = Program(cli) + " restore " + file + " --target FOLDER"}};
  }
  const bool is_postgres = one.kind == ItemKind::kPostgres;
  const std::string name = id + (database.snapshot->inner.items.size() == 1 ? "" : ":" + one.name);
  const std::string target = is_postgres ? " --postgres " + PostgresAddress(one) : " --sqlite " + SqliteFile(one);
  const std::string whole = Program(cli) + " restore " + ShellWord(name) + target;
  if (table.empty()) {
    return {{.what = "what it would do, and nothing else:", .line = whole + " --dry-run"},
            {.what = "the whole database, in the place of what is there:", .line = whole}};
  }
  const std::string of_table = whole + " --table " + ShellWord(AsPattern(one.kind, table));
  return {{.what = "what it would do, and nothing else:", .line = of_table + " --dry-run"},
          {.what = "this table as it was; what is there is kept, and --undo puts it back:", .line = of_table},
          {.what = "only rows that are missing:", .line = of_table + " --strategy merge"},
          {.what = "the whole database, in the place of what is there:", .line = whole}};
}

}  // namespace cairn
