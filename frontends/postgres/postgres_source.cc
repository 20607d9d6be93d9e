#include "frontends/postgres/postgres_source.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "engine/env/thread.h"
#include "frontends/postgres/client_program.h"
#include "frontends/postgres/kept_database.h"
#include "frontends/postgres/load_script.h"
#include "frontends/postgres/schema_dump.h"
#include "repo-format/base/units.h"
#include "repo-format/base/utf8.h"

namespace cairn {

using postgres::Connection;
using postgres::DatabaseDescription;
using postgres::NoRows;
using postgres::SharedSnapshot;
using postgres::TableDescription;

namespace {

constexpr size_t kLargeObjectPiece = kMiB;
constexpr uint64_t kSmallFileBytes = 16 * kKiB;  // about: what the walk is told of the size of texts

WireTime ToWire(UnixNs now) {
  constexpr int64_t kSecond = 1'000'000'000;
  const int64_t seconds = now / kSecond - (now % kSecond < 0 ? 1 : 0);
  return {seconds, static_cast<uint32_t>(now - seconds * kSecond)};
}

}  // namespace

struct PostgresSource::Shared {
  Shared(PostgresSourceOptions options_in, const Clock& clock_in, std::stop_token stop_in)
      : options(std::move(options_in)),
        clock(clock_in),
        outer_stopped(stop_in, [this] { own_stop.request_stop(); }),
        stop(own_stop.get_token()),
        waiter(stop) {}

  const PostgresSourceOptions options;
  const Clock& clock;
  std::stop_source own_stop;  // by the outer one, or when the source goes while it is being opened
  const std::stop_callback<std::function<void()>> outer_stopped;
  const std::stop_token stop;
  const stream::Waiter waiter;
  std::string identity;  // of the database, without a password
  postgres::ClientProgram pg_dump;
  std::shared_ptr<Dump> dump;  // the last that was opened
};

// One reading of the database.
class PostgresSource::Dump {
 public:
  static Result<std::shared_ptr<Dump>> Open(std::shared_ptr<Shared> shared) {
    std::shared_ptr<Dump> dump(new Dump(shared));
    const auto end = shared->clock.Steady() + std::chrono::seconds(shared->options.lock_patience_s);
    for (;;) {
      ASSIGN_OR_RETURN(const bool is_open, dump->TryOpen(shared->clock.Steady() >= end));
      if (is_open) return dump;
    }
  }

  const Shared& shared() const { return *shared_; }
  SharedSnapshot& snapshot() { return *snapshot_; }
  const DatabaseDescription& description() const { return description_; }
  uint64_t TableBytes(size_t i) const { return snapshot_->tables()[i].bytes; }
  const WireTime& time() const { return time_; }
  const std::string& schema() const { return schema_; }

  void SetRows(size_t table, uint64_t rows) {
    const std::lock_guard lock(mutex_);
    description_.tables[table].rows = rows;
  }

  // When all rows are read.
  Result<std::string> FinishDescription() {
    const std::lock_guard lock(mutex_);
    for (const TableDescription& table : description_.tables) {
      if (!table.file.empty() && !table.rows) {
        return MakeError(ErrorCode::kIo, "{}: table {} was not read to its end", shared_->identity,
                         table.name.ForPeople());
      }
    }
    if (shared_->options.rows) {
      ASSIGN_OR_RETURN(auto leader, snapshot_->BorrowLeader());
      ASSIGN_OR_RETURN(description_.sequences, postgres::ReadSequences(*leader, sequences_));
    }
    is_finished_ = true;
    return description_.Encode();
  }
  bool is_finished() {
    const std::lock_guard lock(mutex_);
    return is_finished_;
  }

 private:
  explicit Dump(std::shared_ptr<Shared> shared) : shared_(std::move(shared)), time_(ToWire(shared_->clock.Now())) {}

  // pg_dump wants locks of its own, and gets none where somebody waits for an exclusive one behind ours: then all is
  // let go, for them, and begun anew. False: that. Before any row is read, so that little is lost.
  Result<bool> TryOpen(bool is_last) {
    const PostgresSourceOptions& options = shared_->options;
    snapshot_.reset();
    ASSIGN_OR_RETURN(snapshot_, SharedSnapshot::Open({.address = options.address,
                                                      .choice = options.choice,
                                                      .needs_rows = options.rows,
                                                      .sessions = options.sessions,
                                                      .lock_patience = std::chrono::seconds(options.lock_patience_s)},
                                                     shared_->waiter, shared_->clock, shared_->stop));
    if (snapshot_->tables().empty() && options.choice.is_chosen()) {
      return MakeError(ErrorCode::kInvalidArgument, "{}: of the tables chosen none is left", shared_->identity);
    }
    if (!options.schema) {
      RETURN_IF_ERROR(Describe());
      return true;
    }
    ASSIGN_OR_RETURN(auto schema, StartSchema());
    RETURN_IF_ERROR(Describe());  // while pg_dump asks the server for the same and more
    auto read = schema.Read();
    if (read) {
      schema_ = *std::move(read);
      return true;
    }
    if (read.error().code() == ErrorCode::kInterrupted) return read.error();
    ASSIGN_OR_RETURN(const bool is_held_up, snapshot_->HoldsUpOthers());
    if (is_held_up && !is_last) return false;
    return read.error();
  }

  Result<postgres::SchemaDump> StartSchema() {
    postgres::SchemaDumpOptions options{
        .program = shared_->pg_dump, .address = shared_->options.address, .snapshot = snapshot_->id()};
    const postgres::TableChoice& choice = shared_->options.choice;
    if (choice.is_chosen()) {
      for (const auto& one : snapshot_->tables()) options.only.push_back(one.table.name);
    } else if (!choice.excluded.empty()) {
      ASSIGN_OR_RETURN(auto leader, snapshot_->BorrowLeader());
      ASSIGN_OR_RETURN(const auto all, postgres::ListTables(*leader));
      for (const auto& one : all) {
        if (!choice.Takes(one.table.name, one.partition_of)) options.without.push_back(one.table.name);
      }
    }
    return postgres::SchemaDump::Start(options, shared_->waiter);
  }

  Result<void> Describe() {
    const PostgresSourceOptions& options = shared_->options;
    description_ = {};
    ASSIGN_OR_RETURN(auto leader, snapshot_->BorrowLeader());
    description_.server_version = leader->server_version();
    description_.server_text = leader->server_text("server_version");
    description_.dumped_by = shared_->pg_dump.major;
    description_.text_encoding = leader->server_text("server_encoding") == "SQL_ASCII" ? "SQL_ASCII" : "UTF8";
    description_.has_schema = options.schema;
    description_.has_rows = options.rows;
    description_.chosen = options.choice.chosen;
    for (const postgres::TableName& one : options.choice.names) description_.chosen.push_back(one.ForPeople());
    description_.excluded = options.choice.excluded;
    ASSIGN_OR_RETURN(description_.system, postgres::SystemIdentifier(*leader));
    ASSIGN_OR_RETURN(description_.properties, postgres::ReadProperties(*leader));
    if (auto& comment = description_.properties.comment; comment) {
      // That of a former database, which a restore would hang on another.
      const auto mark = postgres::KeptDatabase::Parse("", *comment);
      if (mark) comment = mark->comment.empty() ? std::nullopt : std::optional(mark->comment);
    }
    ASSIGN_OR_RETURN(description_.extensions, postgres::ListExtensions(*leader));
    ASSIGN_OR_RETURN(description_.roles, postgres::ListRolesUsed(*leader));
    for (const postgres::TableListing& listed : snapshot_->tables()) {
      RETURN_IF_ERROR(NeedText(listed.table));
      description_.tables.push_back(Described(listed));
    }
    if (!options.rows) return {};
    // As pg_dump does it: who chooses tables chooses no large objects, which belong to none.
    if (!options.choice.is_chosen()) {
      ASSIGN_OR_RETURN(description_.large_objects, postgres::ListLargeObjects(*leader));
    }
    return ChooseSequences(*leader);
  }

  // A database without an encoding may have names that are none, and that no text says again.
  Result<void> NeedText(const TableDescription& table) const {
    bool is_text = IsUtf8(AsBytes(table.name.schema)) && IsUtf8(AsBytes(table.name.name));
    for (const postgres::Column& column : table.columns) is_text = is_text && IsUtf8(AsBytes(column.name));
    if (is_text) return {};
    return MakeError(
        ErrorCode::kInvalidArgument,
        "{}: the name of {}, or of a column of it, is no UTF-8: rename it, or leave it out by --exclude-table",
        shared_->identity, table.name.ForPeople());
  }

  TableDescription Described(const postgres::TableListing& listed) const {
    TableDescription table = listed.table;
    if (table.no_rows != NoRows::kHasRows) return table;
    if (!shared_->options.rows) {
      table.no_rows = NoRows::kNotChosen;
      return table;
    }
    table.by_key = shared_->options.by_key && !table.key.empty();
    table.file = fmt::format("{}/{}/{}/{}.copy", postgres::kDataFolder, postgres::kTablesFolder,
                             postgres::FileNameOf(table.name.schema), postgres::FileNameOf(table.name.name));
    return table;
  }

  Result<void> ChooseSequences(Connection& leader) {
    ASSIGN_OR_RETURN(sequences_, postgres::ListSequences(leader));
    const postgres::TableChoice& choice = shared_->options.choice;
    std::erase_if(sequences_, [&](const postgres::SequenceName& one) {
      if (choice.is_all()) return false;
      if (!one.owner) return choice.is_chosen();
      return std::ranges::none_of(description_.tables, [&](const auto& table) { return table.name == *one.owner; });
    });
    for (const postgres::SequenceName& one : sequences_) {
      if (one.may_read) continue;
      return MakeError(ErrorCode::kPermission, "{}: this role may not read the sequence {}: grant it SELECT",
                       shared_->identity, one.name.ForPeople());
    }
    return {};
  }

  const std::shared_ptr<Shared> shared_;
  const WireTime time_;
  std::unique_ptr<SharedSnapshot> snapshot_;
  std::string schema_;  // what pg_dump wrote
  std::vector<postgres::SequenceName> sequences_;
  std::mutex mutex_;
  DatabaseDescription description_;  // from the opening on only rows and sequences change: guarded by mutex_
  bool is_finished_ = false;         // guarded by mutex_
};

// A text that is made when it is opened.
class PostgresSource::TextFile : public SourceFile {
 public:
  explicit TextFile(std::function<Result<std::string>()> make) : make_(std::move(make)) {}
  Result<Extent> NextExtent() override {
    if (is_at_end_) return Extent{};
    if (!is_made_) {
      ASSIGN_OR_RETURN(text_, make_());
      is_made_ = true;
    }
    return Extent{false, std::max<uint64_t>(text_.size(), 1)};
  }
  Result<size_t> Read(MutableByteSpan target) override {
    const size_t part = std::min(target.size(), text_.size() - used_);
    std::copy_n(text_.begin() + static_cast<ptrdiff_t>(used_), part, target.begin());
    used_ += part;
    is_at_end_ = part == 0;
    return part;
  }
  Result<ChangeMark> Mark() override { return ChangeMark{}; }

 private:
  const std::function<Result<std::string>()> make_;
  std::string text_;
  size_t used_ = 0;
  bool is_made_ = false, is_at_end_ = false;
};

// The rows of a table. Several are opened ahead of one that is read: a session is taken with the first byte.
class PostgresSource::RowsFile : public SourceFile {
 public:
  RowsFile(std::shared_ptr<Dump> dump, size_t table) : dump_(std::move(dump)), table_(table) {}

  Result<Extent> NextExtent() override {
    if (rows_) return Extent{};
    if (!session_) RETURN_IF_ERROR(Begin());
    return Extent{false, 1};
  }
  Result<size_t> Read(MutableByteSpan target) override {
    auto got = (*session_)->ReadCopy(target);
    if (!got) return std::move(got).While(description().name.ForPeople());
    if (*got == 0) {
      RETURN_IF_ERROR(SharedSnapshot::NeedSame(**session_, listed()));
      rows_ = (*session_)->copied_rows();
      dump_->SetRows(table_, *rows_);
      session_.reset();
    }
    return got;
  }
  std::optional<uint64_t> Rows() const override { return rows_; }
  Result<ChangeMark> Mark() override { return ChangeMark{}; }

 private:
  const TableDescription& description() const { return dump_->description().tables[table_]; }
  const postgres::TableListing& listed() const { return dump_->snapshot().tables()[table_]; }

  Result<void> Begin() {
    ASSIGN_OR_RETURN(auto session, dump_->snapshot().BorrowFor(listed()));
    session_.emplace(std::move(session));
    return (*session_)->BeginCopyOut(postgres::CopyOutStatement(description())).While(description().name.ForPeople());
  }

  const std::shared_ptr<Dump> dump_;
  const size_t table_;
  std::optional<SharedSnapshot::Loan> session_;
  std::optional<uint64_t> rows_;
};

class PostgresSource::LargeObjectFile : public SourceFile {
 public:
  LargeObjectFile(std::shared_ptr<Dump> dump, uint64_t oid) : dump_(std::move(dump)), oid_(oid) {}
  Result<Extent> NextExtent() override { return is_at_end_ ? Extent{} : Extent{false, 1}; }
  Result<size_t> Read(MutableByteSpan target) override {
    const size_t wanted = std::min(target.size(), kLargeObjectPiece);
    if (is_at_end_) return size_t{0};
    ASSIGN_OR_RETURN(auto session, dump_->snapshot().Borrow());
    ASSIGN_OR_RETURN(const postgres::Rows rows,
                     session->Query(fmt::format("SELECT pg_catalog.lo_get({}, {}, {})", oid_, offset_, wanted))
                         .While(fmt::format("large object {}", oid_)));
    const Bytes bytes = rows.Decoded(0, 0);
    if (bytes.size() > wanted) return MakeError(ErrorCode::kIo, "large object {}: more came than was asked for", oid_);
    std::ranges::copy(bytes, target.begin());
    offset_ += bytes.size();
    is_at_end_ = bytes.size() < wanted;
    return bytes.size();
  }
  Result<ChangeMark> Mark() override { return ChangeMark{}; }

 private:
  const std::shared_ptr<Dump> dump_;
  const uint64_t oid_;
  uint64_t offset_ = 0;
  bool is_at_end_ = false;
};

// A folder whose entries are known when it is made.
class PostgresSource::Folder : public SourceFolder {
 public:
  using MakeFile = std::function<std::unique_ptr<SourceFile>()>;
  explicit Folder(std::shared_ptr<Dump> dump) : dump_(std::move(dump)) {}

  void AddFolder(const std::string& name, std::shared_ptr<Folder> folder) { folders_[name] = std::move(folder); }
  void AddFile(const std::string& name, uint64_t bytes_about, MakeFile make, bool waits_for_rest = false) {
    files_[name] = {bytes_about, waits_for_rest, std::move(make)};
  }
  Folder& Child(const std::string& name) {
    auto& child = folders_[name];
    if (child == nullptr) child = std::make_shared<Folder>(dump_);
    return *child;
  }

  Result<std::vector<SourceEntry>> List() override {
    std::vector<SourceEntry> entries;
    for (const auto& [name, folder] : folders_) entries.push_back(Entry(name, NodeType::kFolder, 0700));
    for (const auto& [name, file] : files_) {
      SourceEntry entry = Entry(name, NodeType::kFile, 0600);
      entry.size = file.bytes_about;
      entry.waits_for_rest = file.waits_for_rest;
      entries.push_back(std::move(entry));
    }
    std::ranges::sort(entries, [](const SourceEntry& a, const SourceEntry& b) {
      return std::ranges::lexicographical_compare(a.name, b.name);
    });
    return entries;
  }
  Result<std::shared_ptr<SourceFolder>> OpenFolder(const SourceEntry& entry) override {
    return std::shared_ptr<SourceFolder>(folders_.at(ToString(entry.name)));
  }
  Result<std::unique_ptr<SourceFile>> OpenFile(const SourceEntry& entry) override {
    return files_.at(ToString(entry.name)).make();
  }
  Result<SourceMetadata> ReadMetadata(const SourceEntry&) override { return SourceMetadata{}; }

 private:
  struct FileMaker {
    uint64_t bytes_about = 0;
    bool waits_for_rest = false;
    MakeFile make;
  };
  SourceEntry Entry(const std::string& name, NodeType type, uint32_t mode) const {
    SourceEntry entry;
    entry.name = ToBytes(AsBytes(name));
    entry.type = type;
    entry.mode = mode;
    entry.uid = ::geteuid();
    entry.gid = ::getegid();
    entry.modified = dump_->time();
    entry.stable_mark = false;
    return entry;
  }

  const std::shared_ptr<Dump> dump_;
  std::map<std::string, std::shared_ptr<Folder>> folders_;
  std::map<std::string, FileMaker> files_;
};

PostgresSource::PostgresSource(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
// The dump holds what holds it, and sessions that a server waits for.
PostgresSource::~PostgresSource() {
  if (opening_.joinable()) {
    shared_->own_stop.request_stop();
    opening_.join();
  }
  shared_->dump.reset();
}

Result<std::unique_ptr<PostgresSource>> PostgresSource::Make(PostgresSourceOptions options, const Clock& clock,
                                                             std::stop_token stop) {
  auto shared = std::make_shared<Shared>(std::move(options), clock, std::move(stop));
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(shared->options.address, shared->waiter));
  constexpr int kOldest = 130000;
  if (connection->server_version() < kOldest) {
    return MakeError(ErrorCode::kUnsupported, "{} is PostgreSQL {}: cairn reads 13 and later", connection->ForPeople(),
                     connection->server_text("server_version"));
  }
  shared->identity = connection->ForPeople();
  if (shared->options.schema) {
    const int major = connection->server_version() / 10000;
    ASSIGN_OR_RETURN(shared->pg_dump, postgres::FindClientProgram("pg_dump", major, shared->waiter));
  }
  return std::unique_ptr<PostgresSource>(new PostgresSource(std::move(shared)));
}

std::string PostgresSource::name() const { return shared_->options.item; }
std::vector<Bytes> PostgresSource::paths() const { return {ToBytes(AsBytes(shared_->identity))}; }

void PostgresSource::OpenSoon() {
  if (opening_.joinable() || opened_ || shared_->dump != nullptr) return;
  auto started = StartThread([this](const std::stop_token&) { opened_ = Dump::Open(shared_); });
  if (started) opening_ = *std::move(started);  // else it is opened when it is asked for
}

// What OpenSoon has begun, once; else, and from the second time on, it is opened now.
Result<std::shared_ptr<PostgresSource::Dump>> PostgresSource::TakeOpened() {
  if (opening_.joinable()) opening_.join();
  if (!opened_) return Dump::Open(shared_);
  Result<std::shared_ptr<Dump>> taken = *std::move(opened_);
  opened_.reset();
  return taken;
}

Result<std::shared_ptr<SourceFolder>> PostgresSource::OpenRoot(FindingSink findings) {
  shared_->dump.reset();
  ASSIGN_OR_RETURN(const std::shared_ptr<Dump> dump, TakeOpened());
  shared_->dump = dump;
  auto root = std::make_shared<Folder>(dump);
  Folder& data = root->Child(postgres::kDataFolder);
  Folder& tables = data.Child(postgres::kTablesFolder);
  const std::vector<TableDescription>& described = dump->description().tables;
  for (size_t i = 0; i < described.size(); ++i) {
    const TableDescription& table = described[i];
    if (findings && (table.no_rows == NoRows::kForeign || table.no_rows == NoRows::kUnloggedOnStandby)) {
      findings({Finding::Severity::kNote, ErrorCode::kUnsupported, table.name.ForPeople(),
                table.no_rows == NoRows::kForeign ? "its rows are another server's: only its definition is kept"
                                                  : "it is unlogged, and has no rows on a standby server"});
    }
    if (table.file.empty()) continue;
    tables.Child(postgres::FileNameOf(table.name.schema))
        .AddFile(postgres::FileNameOf(table.name.name) + ".copy", dump->TableBytes(i),
                 [dump, i] { return std::make_unique<RowsFile>(dump, i); });
  }
  for (const postgres::LargeObject& object : dump->description().large_objects) {
    data.Child(postgres::kLargeObjectsFolder)
        .AddFile(std::to_string(object.oid), kLargeObjectPiece,
                 [dump, oid = object.oid] { return std::make_unique<LargeObjectFile>(dump, oid); });
  }
  if (shared_->options.schema) {
    root->AddFile(postgres::kSchemaFile, dump->schema().size(), [dump] {
      return std::make_unique<TextFile>([dump]() -> Result<std::string> { return dump->schema(); });
    });
  }
  const auto text = [&](const char* name, std::function<Result<std::string>()> make) {
    root->AddFile(name, kSmallFileBytes, [make] { return std::make_unique<TextFile>(make); }, true);
  };
  text(postgres::kDescriptionFile, [dump] { return dump->FinishDescription(); });
  text(postgres::kLoadFile, [dump]() -> Result<std::string> { return postgres::LoadScript(dump->description()); });
  text(postgres::kRolesFile, [dump]() -> Result<std::string> {
    ASSIGN_OR_RETURN(auto leader, dump->snapshot().BorrowLeader());
    return postgres::RolesAsSql(*leader);
  });
  return root;
}

Result<SourceEntry> PostgresSource::RootEntry() {
  SourceEntry entry;
  entry.type = NodeType::kFolder;
  entry.mode = 0700;
  entry.uid = ::geteuid();
  entry.gid = ::getegid();
  entry.stable_mark = false;
  return entry;
}

Result<void> PostgresSource::Finish() {
  const bool is_finished = shared_->dump != nullptr && shared_->dump->is_finished();
  shared_->dump.reset();  // and the locks
  if (is_finished) return {};
  return MakeError(ErrorCode::kIo, "{} was not read to its end", shared_->identity);
}

}  // namespace cairn
