#include "frontends/cli/snapshot_tables.h"

#include <cstdlib>

#include "engine/jobs/restore.h"
#include "engine/tree/directory_reader.h"
#include "frontends/cli/scratch_store.h"
#include "frontends/cli/text.h"
#include "frontends/files/file_sink.h"
#include "frontends/postgres/dump_reader.h"
#include "frontends/sqlite/table_list.h"

namespace cairn {
namespace {

constexpr uint64_t kSqliteBytesMax = kGiB;  // of a database that is put together only to be looked at

std::string NoteOf(const postgres::TableDescription& table) {
  switch (table.no_rows) {
    case postgres::NoRows::kHasRows:
      return table.is_unlogged ? "unlogged" : "";
    case postgres::NoRows::kPartitioned:
      return "partitioned";
    case postgres::NoRows::kForeign:
      return "foreign";
    case postgres::NoRows::kMaterialized:
      return "materialized view";
    case postgres::NoRows::kUnloggedOnStandby:
      return "unlogged, no rows";
    case postgres::NoRows::kNotChosen:
      return "not in this dump";
  }
  return "";
}

Result<browse::TableList> PostgresTables(BlobSource& blobs, const SnapshotItem& item, const std::stop_token& stop) {
  postgres::DumpReader dump(blobs, item.root, stop);
  ASSIGN_OR_RETURN(const postgres::DatabaseDescription database, dump.Description());
  browse::TableList list;
  for (const postgres::TableDescription& table : database.tables) {
    if (stop.stop_requested()) return Error(ErrorCode::kInterrupted, "left");
    browse::TableRow row{.name = table.name.ForPeople(), .rows = table.rows, .note = NoteOf(table)};
    if (!table.file.empty()) {
      const auto size = dump.Size(table.file);
      if (size) row.bytes = *size;
      if (!size) row.note = size.error().code() == ErrorCode::kCorrupt ? "damaged" : "unreadable";
    }
    list.tables.push_back(std::move(row));
  }
  return list;
}

// The only file of the item, by its name.
Result<Node> FileOf(BlobSource& blobs, const SnapshotItem& item) {
  DirectoryCursor cursor(blobs, item.root);
  for (;;) {
    ASSIGN_OR_RETURN(const Node* node, cursor.Next());
    if (node == nullptr) return Corrupt("item {} has no database", PathForPeople(AsBytes(item.name)));
    if (node->type == NodeType::kFile) return *node;
  }
}

Result<browse::TableList> SqliteTables(Cli& cli, Repository& repository, view::LiveView& view,
                                       const LoadedSnapshot& snapshot, const SnapshotItem& item,
                                       const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const Node file, FileOf(view.reader(), item));
  if (file.size > kSqliteBytesMax) {
    return MakeError(ErrorCode::kUnsupported,
                     "the database has {}, too much to be put together here: restore it, and have cairn tables look "
                     "at that",
                     HumanBytes(file.size));
  }
  const char* temporary = std::getenv("TMPDIR");
  std::array<uint8_t, 8> id{};
  cli.context().random.Fill(id);
  const auto folder = std::make_shared<ScratchFolder>(
      fmt::format("{}/cairn-tables-{}", temporary == nullptr ? "/tmp" : temporary, ToHex(id)));
  cli.RemoveWhenForced(folder);
  RETURN_IF_ERROR(folder->Make());
  const auto list = [&]() -> Result<std::vector<SqliteTable>> {
    ASSIGN_OR_RETURN(const auto sink, FileSink::Make({.target = folder->path()}));
    const JobContext& outer = cli.context();
    Progress progress;
    const JobContext context{outer.executor, outer.clock, outer.random, progress, outer.log, stop, outer.limits};
    RestoreOptions options;
    options.path = snapshot.inner.PlaceOf(item);
    std::string damage;
    ASSIGN_OR_RETURN(const RestoreReport report, RunRestore(context, repository, view.index(), snapshot, *sink, options,
                                                            [&](const Finding& finding) { damage = finding.detail; }));
    if (report.failed > 0) return Corrupt("the database could not be put together: {}", damage);
    return ListSqliteTables(folder->path() + "/" + ToString(file.name), SystemClock(), stop);
  }();
  const auto removed = folder->Remove();
  if (!removed) cli.context().log.Warning("{} is left: {}", folder->path(), removed.error().message());
  RETURN_IF_ERROR(list);
  browse::TableList found;
  for (const SqliteTable& table : *list) {
    found.tables.push_back({.name = table.name, .rows = table.rows, .bytes = table.bytes});
  }
  return found;
}

}  // namespace

Result<browse::TableList> TablesOfItem(Cli& cli, Repository& repository, view::LiveView& view,
                                       const LoadedSnapshot& snapshot, uint32_t item, const std::stop_token& stop) {
  const SnapshotItem& one = snapshot.inner.items[item];
  const std::string place = snapshot.inner.items.size() == 1 ? "" : ":" + PathForPeople(AsBytes(one.name));
  const std::string restore = "cairn restore " + snapshot.id.Short() + place;
  if (one.kind == ItemKind::kPostgres) {
    ASSIGN_OR_RETURN(browse::TableList list, PostgresTables(view.reader(), one, stop));
    list.commands = {restore + " --postgres ADDRESS/DATABASE --table TABLE",
                     restore + " --postgres ADDRESS/DATABASE --table TABLE --strategy merge",
                     restore + " --postgres ADDRESS --as NEW_DATABASE"};
    return list;
  }
  if (one.kind == ItemKind::kSqlite) {
    ASSIGN_OR_RETURN(browse::TableList list, SqliteTables(cli, repository, view, snapshot, one, stop));
    list.commands = {restore + " --sqlite FILE --table TABLE",
                     restore + " --sqlite FILE --table TABLE --strategy merge", restore + " --sqlite FILE"};
    return list;
  }
  return Error(ErrorCode::kUnsupported, "it is no database");
}

}  // namespace cairn
