#include "frontends/sqlite/live_database.h"

#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "frontends/sqlite/page_stream.h"
#include "frontends/sqlite/session.h"
#include "frontends/sqlite/sqlite_source.h"
#include "repo-format/base/units.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

using sqlite::Connection;
using sqlite::ErrorOf;
using sqlite::Number;
using sqlite::Patience;

constexpr uint64_t kStepBytes = kMiB;
constexpr int kPauseMs = 20;
constexpr uint32_t kPageBytesMin = 512;
constexpr size_t kTextEncodingOffset = 56;
constexpr std::chrono::seconds kPatienceAfterFailure{10};

std::string Shown(const std::string& path) { return PathForPeople(AsBytes(path)); }

struct FinishBackup {
  void operator()(sqlite3_backup* backup) const { sqlite3_backup_finish(backup); }
};

}  // namespace

struct LiveDatabase::Handles {
  explicit Handles(Patience given) : patience(std::move(given)) {}
  Patience patience;
  Connection target, staged;
  std::unique_ptr<sqlite3_backup, FinishBackup> backup;  // with it the lock; goes before both
};

LiveDatabase::LiveDatabase(Options options, const JobContext& context)
    : options_(std::move(options)),
      context_(context),
      handles_(std::make_unique<Handles>(
          Patience(context.clock, std::chrono::seconds(options_.lock_patience_s), context.stop))) {}

LiveDatabase::~LiveDatabase() = default;

Result<std::unique_ptr<LiveDatabase>> LiveDatabase::Open(Options options, const JobContext& context) {
  std::unique_ptr<LiveDatabase> database(new LiveDatabase(std::move(options), context));
  // Before there is a connection: what opens the file without SQLite closes it, and its locks with it.
  ASSIGN_OR_RETURN(const SqliteFileState state, LookAtSqliteFile(database->options_.file));
  RETURN_IF_ERROR(RefuseNoDatabase(database->options_.file, state));
  database->bytes_ = state.bytes;
  database->has_journal_ = !state.journals.empty();
  database->has_log_ = state.has_log;
  Handles& handles = *database->handles_;
  ASSIGN_OR_RETURN(handles.target, sqlite::OpenToWrite(database->options_.file, handles.patience));
  // After it was opened to be written, which gives it another number on a file system of layers.
  struct stat status{};
  const std::string& file = database->options_.file;
  if (::stat(file.c_str(), &status) != 0) return ErrnoError(errno, "looking at " + Shown(file));
  database->device_ = status.st_dev;
  database->inode_ = status.st_ino;
  auto looked = database->Look();
  if (!looked) return database->Told(std::move(looked).error());
  return database;
}

Result<void> LiveDatabase::Look() {
  sqlite3* const target = handles_->target.get();
  const std::string& file = options_.file;
  if (sqlite3_db_readonly(target, "main") != 0) {
    return MakeError(ErrorCode::kPermission, "{}: this user may not write to it: run this as its owner", Shown(file));
  }
  // What is committed is on the disk, whatever this library was built to do.
  RETURN_IF_ERROR(sqlite::Run(target, "PRAGMA synchronous = FULL", file, handles_->patience));
  RETURN_IF_ERROR(Note());
  ASSIGN_OR_RETURN(const int64_t page_bytes, Number(target, "PRAGMA page_size", file, handles_->patience));
  page_bytes_ = static_cast<uint32_t>(page_bytes);
  return {};
}

// The state in which it is now.
Result<void> LiveDatabase::Note() {
  sqlite3* const target = handles_->target.get();
  RETURN_IF_ERROR(sqlite::Run(target, "BEGIN", options_.file, handles_->patience));
  auto schema = Number(target, "PRAGMA schema_version", options_.file, handles_->patience);
  version_ = DataVersion();
  if (schema) schema_ = *schema;
  // Keeps what the connection says of an Error for Told.
  if (schema) return sqlite::Run(target, "COMMIT", options_.file, handles_->patience);
  Error error = Told(std::move(schema).error());
  sqlite3_exec(target, "ROLLBACK", nullptr, nullptr, nullptr);  // of reading, which cannot fail
  return error;
}

Error LiveDatabase::Told(Error error) const {
  const int code = sqlite3_errcode(handles_->target.get()) & 0xff;
  if (code != SQLITE_CORRUPT && code != SQLITE_NOTADB) return error;
  return MakeError(
      ErrorCode::kIo,
      "{} is a damaged database, or none ({}), and {}: move it away, with its -wal, -shm and -journal, and restore "
      "again",
      Shown(options_.file), sqlite3_errstr(code),
      has_journal_ ? "nothing was done but to finish what its journal held" : "is left as it is");
}

// Reads a counter of the connection, and nothing else: it may be asked for while a backup has the connection in hand.
uint32_t LiveDatabase::DataVersion() const {
  unsigned version = 0;
  sqlite3_file_control(handles_->target.get(), "main", SQLITE_FCNTL_DATA_VERSION, &version);
  return version;
}

Result<void> LiveDatabase::CheckPageSize(uint32_t page_bytes) const {
  if (!has_log_ || page_bytes == page_bytes_) return {};
  return MakeError(ErrorCode::kBusy,
                   "{} is in WAL mode with pages of {} bytes, and the snapshot's have {}: SQLite cannot change that "
                   "while it is: end its programs and move it away, with its -wal and -shm, or take it out of WAL mode "
                   "(PRAGMA journal_mode = DELETE), then restore again",
                   Shown(options_.file), page_bytes_, page_bytes);
}

Result<void> LiveDatabase::TryLock() {
  sqlite3* const target = handles_->target.get();
  auto locked = sqlite::Run(target, "BEGIN EXCLUSIVE", options_.file, handles_->patience);
  if (!locked) return Told(std::move(locked).error());
  return sqlite::Run(target, "ROLLBACK", options_.file, handles_->patience);
}

Result<void> LiveDatabase::SetReplacement(const std::string& staged) {
  Handles& handles = *handles_;
  ASSIGN_OR_RETURN(handles.staged, sqlite::OpenToWrite(staged, handles.patience));
  struct stat status{};
  if (::stat(staged.c_str(), &status) != 0) return ErrnoError(errno, "looking at " + Shown(staged));
  if (status.st_size == 0) {
    // One without pages would be written before anybody could look: an empty one with a page is the same to programs.
    const std::string make = fmt::format("PRAGMA page_size = {}; PRAGMA user_version = 0", page_bytes_);
    RETURN_IF_ERROR(sqlite::Run(handles.staged.get(), make.c_str(), staged, handles.patience));
  }
  ASSIGN_OR_RETURN(const int64_t page_bytes,
                   Number(handles.staged.get(), "PRAGMA page_size", staged, handles.patience));
  RETURN_IF_ERROR(CheckPageSize(static_cast<uint32_t>(page_bytes)));
  // Of a database without pages: it would be set later, and look like a change.
  const std::string set = fmt::format("PRAGMA page_size = {}", page_bytes);
  return sqlite::Run(handles.target.get(), set.c_str(), options_.file, handles.patience);
}

std::unique_ptr<Source> LiveDatabase::SafetySource(std::string item) {
  SqliteSource::Opened opened;
  opened.page_bytes = page_bytes_;
  opened.open = [this]() -> Result<std::unique_ptr<sqlite::PageStream>> {
    handles_->backup.reset();
    was_written_ = is_kept_ = false;
    sqlite3* const target = handles_->target.get();
    auto stream = sqlite::PageStream::OpenOn(target, has_log_, options_.file, handles_->patience);
    if (!stream) return Told(std::move(stream).error());
    version_ = DataVersion();  // of the transaction in which the pages are read
    ASSIGN_OR_RETURN(schema_, Number(target, "PRAGMA schema_version", options_.file, handles_->patience));
    return stream;
  };
  opened.at_end = [this]() -> Result<void> {
    is_kept_ = true;
    return Lock();
  };
  return SqliteSource::MakeOf({options_.file, std::move(item), options_.lock_patience_s}, std::move(opened),
                              context_.clock, context_.stop);
}

Result<void> LiveDatabase::Lock() {
  Handles& handles = *handles_;
  handles.backup.reset();
  if (handles.staged == nullptr) return LockByTransaction();
  if (!is_kept_) RETURN_IF_ERROR(Note());
  handles.backup.reset(sqlite3_backup_init(handles.target.get(), "main", handles.staged.get(), "main"));
  if (handles.backup == nullptr) {
    return ErrorOf(sqlite3_errcode(handles.target.get()), handles.target.get(), options_.file, handles.patience);
  }
  const auto begun = context_.clock.Steady();
  for (;;) {
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    const int code = sqlite3_backup_step(handles.backup.get(), 0);  // no page, but the lock
    if (code == SQLITE_OK) break;
    const bool is_busy = (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED;
    if (!is_busy || context_.clock.Steady() - begun >= handles.patience.seconds()) {
      Error error = ErrorOf(code, handles.target.get(), options_.file, handles.patience);
      if (!is_busy) error = Told(std::move(error));
      handles.backup.reset();
      return error;
    }
    sqlite3_sleep(kPauseMs);
  }
  // With the lock: its journal would lie beside another file.
  if (IsMoved()) {
    handles.backup.reset();
    return MakeError(ErrorCode::kBusy, "{} was moved away, or another file put in its place", Shown(options_.file));
  }
  if (DataVersion() == version_) return {};
  if (!is_kept_) {
    schema_.reset();
    return {};
  }
  was_written_ = true;
  handles.backup.reset();
  return MakeError(ErrorCode::kBusy, "{}: another program has written to it since it was backed up",
                   Shown(options_.file));
}

// Against readers too where there is no log: a commit that had to wait for them would come too late to be refused.
Result<void> LiveDatabase::LockByTransaction() {
  const Patience& patience = handles_->patience;
  sqlite3* const target = handles_->target.get();
  auto locked = sqlite::Run(target, "BEGIN EXCLUSIVE", options_.file, patience);
  if (!locked) return Told(std::move(locked).error());
  const auto refuse = [&](Error error) -> Error {
    sqlite3_exec(target, "ROLLBACK", nullptr, nullptr, nullptr);  // of nothing
    return error;
  };
  if (IsMoved()) {
    return refuse(
        MakeError(ErrorCode::kBusy, "{} was moved away, or another file put in its place", Shown(options_.file)));
  }
  was_written_ = is_kept_ && DataVersion() != version_;
  if (was_written_) {
    return refuse(MakeError(ErrorCode::kBusy, "{}: another program has written to it since it was backed up",
                            Shown(options_.file)));
  }
  ASSIGN_OR_RETURN(schema_, Number(target, "PRAGMA main.schema_version", options_.file, patience));
  return {};
}

sqlite::Session LiveDatabase::session() const {
  return {.connection = handles_->target.get(), .path = options_.file, .patience = handles_->patience};
}

Result<void> LiveDatabase::Commit() {
  if (IsMoved()) {
    sqlite3_exec(handles_->target.get(), "ROLLBACK", nullptr, nullptr, nullptr);  // else it goes with the connection
    return MovedError(/*is_written=*/false);
  }
  if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
  RETURN_IF_ERROR(sqlite::Run(handles_->target.get(), "COMMIT", options_.file, handles_->patience));
  return IsMoved() ? MovedError(/*is_written=*/true) : Result<void>();
}

// SQLite compares the inode alone, which says nothing of another file system that was mounted there.
bool LiveDatabase::IsMoved() const {
  int has_moved = 0;
  sqlite3_file_control(handles_->target.get(), "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
  struct stat status{};
  return has_moved != 0 || ::stat(options_.file.c_str(), &status) != 0 || status.st_dev != device_ ||
         status.st_ino != inode_;
}

// So that its log does not stay as long as this made it, nor beside a file that it does not belong to, with which it
// would be read. False: a program reads or writes it, and takes it in later; nobody is waited for.
bool LiveDatabase::EmptyLog() {
  sqlite3* const target = handles_->target.get();
  sqlite3_busy_handler(target, nullptr, nullptr);
  const int code = sqlite3_wal_checkpoint_v2(target, "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  handles_->patience.Install(target);
  return code == SQLITE_OK;
}

// Where the file is now that the connection is to, as far as the system says it.
std::string LiveDatabase::PathNow() const {
  std::error_code failure;
  std::filesystem::directory_iterator one("/proc/self/fd", failure);
  for (; !failure && one != std::filesystem::directory_iterator(); one.increment(failure)) {
    struct stat status{};
    const std::string descriptor = one->path().native();
    if (::stat(descriptor.c_str(), &status) != 0 || status.st_dev != device_ || status.st_ino != inode_) continue;
    const std::string path = std::filesystem::read_symlink(descriptor, failure).native();
    return failure ? "" : path;
  }
  return "";
}

Error LiveDatabase::MovedError(bool is_written) {
  was_moved_ = true;
  handles_->backup.reset();
  const bool has_no_log = !has_log_ || EmptyLog();
  const std::string file = Shown(options_.file), now = PathNow();
  struct stat status{};
  return MakeError(ErrorCode::kBusy, "{} {}; {} the file that was {}{}{}", file,
                   ::stat(options_.file.c_str(), &status) == 0 ? "is another file now than the one that was written"
                                                               : "was moved away while it was written",
                   is_written ? "what was restored is in" : "nothing was restored, and what was begun is undone in",
                   file, now.empty() ? "" : " and is " + Shown(now) + " now",
                   has_no_log ? "" : fmt::format("; {}-wal belongs to that file: move it to its side", file));
}

Result<void> LiveDatabase::Replace() {
  auto written = WritePages();
  if (!written) return IsMoved() ? MovedError(/*is_written=*/false) : std::move(written).error();
  // Before it is asked: who moves it after that finds no log to leave behind.
  if (has_log_) EmptyLog();
  return IsMoved() ? MovedError(/*is_written=*/true) : Result<void>();
}

Result<void> LiveDatabase::WritePages() {
  Handles& handles = *handles_;
  CHECK(handles.backup != nullptr);
  const int pages = static_cast<int>(std::max<uint64_t>(kStepBytes / page_bytes_, 1));
  for (;;) {
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    if (IsMoved()) return MakeError(ErrorCode::kBusy, "{} is another file now", Shown(options_.file));
    // The step of the last page commits: by itself, so that little is between it and the question before it.
    const int step = std::clamp(sqlite3_backup_remaining(handles.backup.get()) - 1, 1, pages);
    const int code = sqlite3_backup_step(handles.backup.get(), step);
    const auto all = static_cast<uint64_t>(sqlite3_backup_pagecount(handles.backup.get()));
    const auto left = static_cast<uint64_t>(sqlite3_backup_remaining(handles.backup.get()));
    context_.progress.items_total = all;
    context_.progress.items_done = all - std::min(left, all);
    if (code == SQLITE_DONE) break;
    if (code != SQLITE_OK) return ErrorOf(code, handles.target.get(), options_.file, handles.patience);
  }
  const int code = sqlite3_backup_finish(handles.backup.release());
  if (code != SQLITE_OK) return ErrorOf(code, handles.target.get(), options_.file, handles.patience);
  handles.staged.reset();
  return {};
}

Result<LiveDatabase::State> LiveDatabase::LookAgain() {
  Handles& handles = *handles_;
  handles.backup.reset();
  handles.staged.reset();
  handles.target.reset();
  // Its own, for it is asked also where stop was asked for.
  Patience patience(context_.clock, kPatienceAfterFailure, std::stop_token());
  ASSIGN_OR_RETURN(const Connection target, sqlite::OpenToWrite(options_.file, patience));
  ASSIGN_OR_RETURN(const int64_t schema, Number(target.get(), "PRAGMA schema_version", options_.file, patience));
  ASSIGN_OR_RETURN(const auto stream, sqlite::PageStream::OpenOn(target.get(), has_log_, options_.file, patience));
  stream->Begin(std::min<uint64_t>(stream->page_bytes(), stream->bytes()));
  Bytes bytes(kStepBytes);
  while (!context_.stop.stop_requested()) {
    ASSIGN_OR_RETURN(const size_t got, stream->Read(bytes));
    if (got == 0) break;
  }
  return schema_ == schema ? State::kAsItWas : State::kAnother;
}

Result<SqliteFileState> LookAtSqliteFile(const std::string& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return ErrnoError(errno, "looking at " + Shown(file));
  SqliteFileState state{.bytes = static_cast<uint64_t>(status.st_size),
                        .page_bytes = 0,
                        .has_log = false,
                        .text_encoding = 0,
                        .journals = ""};
  const auto header = sqlite::ReadHeader(file);
  if (header && std::has_single_bit(header->page_bytes) && header->page_bytes >= kPageBytesMin) {
    state.page_bytes = header->page_bytes;
    state.has_log = header->has_log;
    state.text_encoding = header->text_encoding;
  }
  for (const std::string_view journal : {"-wal", "-journal"}) {
    const std::string path = file + std::string(journal);
    if (::stat(path.c_str(), &status) != 0 || status.st_size == 0) continue;
    state.journals += (state.journals.empty() ? "" : ", ") + Shown(path);
  }
  return state;
}

Result<void> RefuseNoDatabase(const std::string& file, const SqliteFileState& state) {
  if (!state.is_none()) return {};
  if (state.journals.empty()) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} is no SQLite database, or a damaged or encrypted one: move it away, then restore",
                     Shown(file));
  }
  return MakeError(ErrorCode::kInvalidArgument,
                   "{} is no SQLite database, or a damaged or encrypted one, and there is {}, which may be a part of "
                   "it: move it away, and those with it, then restore",
                   Shown(file), state.journals);
}

Result<std::string> RealSqlitePath(const std::string& file) { return sqlite::RealPath(file); }

uint32_t SqlitePageBytes(ByteSpan header) {
  if (header.size() < 100 || std::memcmp(header.data(), "SQLite format 3", 16) != 0) return 0;
  const uint32_t page_bytes = static_cast<uint32_t>(header[16]) << 8 | header[17];
  return page_bytes == 1 ? 65'536 : page_bytes;
}

uint32_t SqliteTextEncoding(ByteSpan header) {
  if (SqlitePageBytes(header) == 0) return 0;
  uint32_t text_encoding = 0;
  for (const uint8_t byte : header.subspan(kTextEncodingOffset, 4)) text_encoding = text_encoding << 8 | byte;
  return text_encoding;
}

std::string SqliteTextEncodingName(uint32_t text_encoding) {
  switch (text_encoding) {
    case SQLITE_UTF8:
      return "UTF-8";
    case SQLITE_UTF16LE:
      return "UTF-16le";
    case SQLITE_UTF16BE:
      return "UTF-16be";
    default:
      return fmt::format("unknown ({})", text_encoding);
  }
}

}  // namespace cairn
