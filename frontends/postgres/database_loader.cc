#include "frontends/postgres/database_loader.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>

#include "engine/crypto/hash.h"
#include "frontends/postgres/connection.h"
#include "frontends/postgres/load_script.h"
#include "frontends/postgres/shared_snapshot.h"
#include "repo-format/base/units.h"

namespace cairn::postgres {
namespace {

constexpr size_t kVerifyBytes = 256 * kKiB;
constexpr uint64_t kLargeObjectPiece = kMiB;
constexpr size_t kScriptBytesMax = 256 * kMiB;
constexpr std::chrono::hours kStatementPatience{24};  // for an index, or all statistics: the network is watched apart
constexpr int kKnowsTransactionTimeout = 17;

Result<stream::OwnedFd> InMemory(const Bytes& bytes) {
  stream::OwnedFd file(::memfd_create("create.pgdump", MFD_CLOEXEC));
  if (!file.is_open()) return ErrnoError(errno, "making room for the definitions");
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t written = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return ErrnoError(errno, "keeping the definitions in memory");
    done += static_cast<size_t>(written);
  }
  return file;
}

// What a newer pg_restore writes for psql, or for servers of its own age, is left out.
std::string ForOlderServer(const std::string& script) {
  std::string text;
  for (size_t begin = 0; begin < script.size();) {
    size_t end = script.find('\n', begin);
    if (end == std::string::npos) end = script.size() - 1;
    const std::string_view line = std::string_view(script).substr(begin, end + 1 - begin);
    const bool is_left_out = line == "SET transaction_timeout = 0;\n" || line.starts_with("\\restrict ") ||
                             line.starts_with("\\unrestrict ");
    if (!is_left_out) text += line;
    begin = end + 1;
  }
  return text;
}

std::string BytesLiteral(ByteSpan bytes) { return "'\\x" + ToHex(bytes) + "'::bytea"; }

}  // namespace

DatabaseLoader::DatabaseLoader(const JobContext& context, DumpReader& dump, const DatabaseDescription& description,
                               Options options)
    : context_(context), dump_(dump), description_(description), options_(std::move(options)), waiter_(context.stop) {}

Result<DatabaseLoader::Report> DatabaseLoader::Run() {
  if (description_.has_schema) {
    ASSIGN_OR_RETURN(const Bytes schema, dump_.Read(kSchemaFile));
    ASSIGN_OR_RETURN(schema_, InMemory(schema));
    context_.progress.SetPhase("making the tables");
    RETURN_IF_ERROR(RestoreSection("pre-data", false));
  }
  context_.progress.SetPhase("loading rows");
  RETURN_IF_ERROR(LoadRows());
  if (description_.has_schema) {
    context_.progress.SetPhase("making indexes and constraints");
    RETURN_IF_ERROR(RestoreSection("post-data", true));
  }
  context_.progress.SetPhase("gathering statistics");
  RETURN_IF_ERROR(AnalyzeRest());
  return report_;
}

// Tables were, when they were loaded: here is what is made of them, and what only an index has statistics of.
Result<void> DatabaseLoader::AnalyzeRest() {
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(options_.address, waiter_));
  ASSIGN_OR_RETURN(const Rows rows, connection->Query(R"(
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND (c.relkind IN ('m', 'p') OR EXISTS (
  SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indexprs IS NOT NULL)))"));
  for (size_t i = 0; i < rows.size(); ++i) {
    const TableName name{rows.String(i, 0), rows.String(i, 1)};
    RETURN_IF_ERROR(connection->Query("ANALYZE " + name.Quoted(), kStatementPatience));
  }
  return {};
}

// --- definitions ---

std::vector<std::string> DatabaseLoader::Command(const std::string& section) const {
  std::vector<std::string> command = {options_.pg_restore.path, "--exit-on-error", "--section=" + section};
  if (!options_.with_owners) command.insert(command.end(), {"--no-owner", "--no-acl"});
  return command;
}

Result<void> DatabaseLoader::RestoreSection(const std::string& section, bool parallel) {
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(options_.address, waiter_));
  const int server = connection->server_version() / 10000;
  // A pg_restore of 17 and later sets what older servers do not know, and takes that for an error.
  const bool is_too_new = options_.pg_restore.major >= kKnowsTransactionTimeout && server < kKnowsTransactionTimeout;
  return is_too_new ? RunScript(section) : RunProgram(section, parallel);
}

Result<void> DatabaseLoader::RunProgram(const std::string& section, bool parallel) {
  std::vector<std::string> command = Command(section);
  command.push_back("--no-password");
  command.push_back("--dbname=" + options_.address.WithoutPassword());
  if (parallel) command.push_back(fmt::format("--jobs={}", options_.sessions));
  command.emplace_back("/proc/self/fd/0");  // a name, for it is opened by each of its processes
  stream::ChildOptions child_options = ClientOptions(options_.address);
  child_options.input = schema_.get();
  ASSIGN_OR_RETURN(const auto child, stream::ChildProcess::Start(command, waiter_, child_options));
  Bytes ignored(4096);
  for (;;) {
    ASSIGN_OR_RETURN(const size_t got, child->Read(ignored));
    if (got == 0) break;
  }
  return child->Wait();
}

Result<void> DatabaseLoader::RunScript(const std::string& section) {
  std::vector<std::string> command = Command(section);
  command.emplace_back("--file=-");
  command.emplace_back("/proc/self/fd/0");
  stream::ChildOptions child_options = ClientOptions(options_.address);
  child_options.input = schema_.get();
  ASSIGN_OR_RETURN(const auto child, stream::ChildProcess::Start(command, waiter_, child_options));
  std::string script;
  Bytes buffer(64 * kKiB);
  for (;;) {
    ASSIGN_OR_RETURN(const size_t got, child->Read(buffer));
    if (got == 0) break;
    script += AsText(ByteSpan(buffer).first(got));
    if (script.size() > kScriptBytesMax) return Corrupt("the definitions are longer than {} bytes", kScriptBytesMax);
  }
  RETURN_IF_ERROR(child->Wait());
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(options_.address, waiter_));
  RETURN_IF_ERROR(connection->Query(ForOlderServer(script), kStatementPatience));
  return {};
}

// --- rows ---

Result<void> DatabaseLoader::LoadRows() {
  std::vector<std::pair<uint64_t, const TableDescription*>> sizes;
  for (const TableDescription& table : description_.tables) {
    if (table.file.empty()) continue;
    ASSIGN_OR_RETURN(const uint64_t size, dump_.Size(table.file));
    sizes.emplace_back(size, &table);
    context_.progress.bytes_total += size;
  }
  std::ranges::stable_sort(sizes, {}, &std::pair<uint64_t, const TableDescription*>::first);
  std::vector<const TableDescription*> queue;  // the largest last, which is begun first
  for (const auto& [size, table] : sizes) queue.push_back(table);

  std::mutex mutex;  // of all below
  std::condition_variable done;
  std::optional<Error> error;
  unsigned running = std::max(1u, std::min(options_.sessions, context_.executor.workers()));
  for (unsigned i = 0, begun = running; i < begun; ++i) {
    context_.executor.Submit([&] {
      auto loaded = LoadTables(queue, mutex);
      const std::lock_guard lock(mutex);
      if (!loaded) {
        if (!error) error = loaded.error();
        queue.clear();  // the others end with what they have
      }
      --running;
      done.notify_all();
    });
  }
  {
    std::unique_lock lock(mutex);
    done.wait(lock, [&] { return running == 0; });
  }
  if (error) return *error;
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(options_.address, waiter_));
  RETURN_IF_ERROR(LoadLargeObjects(*connection));
  return SetSequences(*connection);
}

Result<void> DatabaseLoader::LoadTables(std::vector<const TableDescription*>& queue, std::mutex& mutex) {
  std::unique_ptr<Connection> connection;
  for (;;) {
    const TableDescription* table = nullptr;
    {
      const std::lock_guard lock(mutex);
      if (queue.empty()) return {};
      table = queue.back();
      queue.pop_back();
    }
    if (connection == nullptr) {
      ASSIGN_OR_RETURN(connection, Connection::Open(options_.address, waiter_));
    }
    context_.progress.SetCurrent(table->name.ForPeople());
    RETURN_IF_ERROR(LoadTable(*connection, *table).While(table->name.ForPeople()));
  }
}

Result<void> DatabaseLoader::LoadTable(Connection& connection, const TableDescription& table) {
  RETURN_IF_ERROR(connection.Query("BEGIN; " + ReadingSettings(connection)));
  std::string copy = CopyInStatement(table);
  // Rows of a table that is emptied in the same transaction need not be frozen later. An extension's has rows of its
  // own already.
  if (!table.condition) {
    RETURN_IF_ERROR(connection.Query("TRUNCATE ONLY " + table.name.Quoted()));
    copy += " WITH (FREEZE)";
  }
  RETURN_IF_ERROR(connection.BeginCopyIn(copy));
  Sha256Stream hash;
  uint64_t bytes = 0;
  RETURN_IF_ERROR(dump_.Stream(table.file, [&](ByteSpan part) -> Result<void> {
    hash.Update(part);
    bytes += part.size();
    context_.progress.bytes_done += part.size();
    return connection.WriteCopy(part);
  }));
  ASSIGN_OR_RETURN(const uint64_t rows, connection.EndCopyIn());
  if (table.rows && rows != *table.rows) {
    return MakeError(ErrorCode::kIo, "the dump says {} rows, the server took {}", *table.rows, rows);
  }
  RETURN_IF_ERROR(connection.Query("COMMIT"));
  const Digest digest = hash.Finish();
  // An extension's own rows lie among those: how many came is all that is known.
  const bool verifies = options_.verifies && !table.condition;
  if (verifies) RETURN_IF_ERROR(VerifyTable(connection, table, digest));
  RETURN_IF_ERROR(connection.Query("ANALYZE " + table.name.Quoted(), kStatementPatience));
  ++context_.progress.items_done;
  const std::lock_guard lock(mutex_);
  ++report_.tables;
  report_.rows += rows;
  report_.bytes += bytes;
  if (verifies) ++report_.verified;
  return {};
}

// Rows lie as they were loaded, so the table's order is the dump's.
Result<void> DatabaseLoader::VerifyTable(Connection& connection, const TableDescription& table, const Digest& wanted) {
  RETURN_IF_ERROR(connection.Query("BEGIN READ ONLY; " + ReadingSettings(connection)));
  TableDescription as_it_lies = table;
  as_it_lies.by_key = false;
  RETURN_IF_ERROR(connection.BeginCopyOut(CopyOutStatement(as_it_lies)));
  Sha256Stream hash;
  Bytes buffer(kVerifyBytes);
  for (;;) {
    ASSIGN_OR_RETURN(const size_t got, connection.ReadCopy(buffer));
    if (got == 0) break;
    hash.Update(ByteSpan(buffer).first(got));
  }
  RETURN_IF_ERROR(connection.Query("COMMIT"));
  if (hash.Finish() == wanted) return {};
  return Error(ErrorCode::kIo, "read again, its rows are not those of the dump");
}

// --- large objects, sequences ---

Result<void> DatabaseLoader::LoadLargeObjects(Connection& connection) {
  for (const LargeObject& object : description_.large_objects) {
    RETURN_IF_ERROR(LoadLargeObject(connection, object).While(fmt::format("large object {}", object.oid)));
  }
  return {};
}

Result<void> DatabaseLoader::LoadLargeObject(Connection& connection, const LargeObject& object) {
  RETURN_IF_ERROR(connection.Query("BEGIN; " + ReadingSettings(connection) +
                                   fmt::format(" SELECT pg_catalog.lo_create({})", object.oid)));
  Sha256Stream hash, hash_again;
  uint64_t size = 0;
  Bytes piece;
  const auto put = [&]() -> Result<void> {
    if (piece.empty()) return {};
    RETURN_IF_ERROR(
        connection.Query(fmt::format("SELECT pg_catalog.lo_put({}, {}, {})", object.oid, size, BytesLiteral(piece))));
    size += piece.size();
    piece.clear();
    return {};
  };
  const std::string file = fmt::format("{}/{}/{}", kDataFolder, kLargeObjectsFolder, object.oid);
  RETURN_IF_ERROR(dump_.Stream(file, [&](ByteSpan bytes) -> Result<void> {
    hash.Update(bytes);
    Append(piece, bytes);
    return piece.size() >= kLargeObjectPiece ? put() : Result<void>();
  }));
  RETURN_IF_ERROR(put());
  for (uint64_t offset = 0; options_.verifies && offset <= size; offset += kLargeObjectPiece) {
    ASSIGN_OR_RETURN(const Rows rows, connection.Query(fmt::format("SELECT pg_catalog.lo_get({}, {}, {})", object.oid,
                                                                   offset, kLargeObjectPiece)));
    hash_again.Update(rows.Decoded(0, 0));
  }
  if (options_.verifies && hash.Finish() != hash_again.Finish()) {
    return Error(ErrorCode::kIo, "read again, its bytes are not those of the dump");
  }
  if (options_.with_owners) RETURN_IF_ERROR(GiveLargeObject(connection, object));
  if (object.comment) {
    RETURN_IF_ERROR(
        connection.Query(fmt::format("COMMENT ON LARGE OBJECT {} IS {}", object.oid, QuoteLiteral(*object.comment))));
  }
  RETURN_IF_ERROR(connection.Query("COMMIT"));
  const std::lock_guard lock(mutex_);
  ++report_.large_objects;
  report_.bytes += size;
  if (options_.verifies) ++report_.verified;
  return {};
}

Result<void> DatabaseLoader::GiveLargeObject(Connection& connection, const LargeObject& object) {
  const std::string owner = QuoteName(object.owner);
  RETURN_IF_ERROR(connection.Query(fmt::format("ALTER LARGE OBJECT {} OWNER TO {}", object.oid, owner)));
  if (!object.grants) return {};
  RETURN_IF_ERROR(connection.Query(fmt::format("REVOKE ALL ON LARGE OBJECT {} FROM {}", object.oid, owner)));
  for (const Grant& grant : *object.grants) {
    RETURN_IF_ERROR(NeedPrivilege(grant.privilege));
    RETURN_IF_ERROR(connection.Query(fmt::format("GRANT {} ON LARGE OBJECT {} TO {}{}", grant.privilege, object.oid,
                                                 grant.grantee.empty() ? "PUBLIC" : QuoteName(grant.grantee),
                                                 grant.grantable ? " WITH GRANT OPTION" : "")));
  }
  return {};
}

Result<void> DatabaseLoader::SetSequences(Connection& connection) {
  for (const SequenceDescription& sequence : description_.sequences) {
    RETURN_IF_ERROR(connection.Query(SequenceStatement(sequence)).While(sequence.name.ForPeople()));
    const std::lock_guard lock(mutex_);
    ++report_.sequences;
  }
  return {};
}

}  // namespace cairn::postgres
