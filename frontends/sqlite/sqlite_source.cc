#include "frontends/sqlite/sqlite_source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <mutex>

#include "frontends/sqlite/page_stream.h"
#include "frontends/sqlite/part_database.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

constexpr uint32_t kChunkBytesMin = 4096;

}  // namespace

struct SqliteSource::Shared {
  Shared(SqliteSourceOptions options_in, const Clock& clock, std::stop_token stop)
      : options(std::move(options_in)),
        patience(clock, std::chrono::seconds(options.lock_patience_s), std::move(stop)) {}

  Result<SourceEntry> Look() const {
    struct stat status{};
    if (::stat(options.file.c_str(), &status) != 0) {
      return ErrnoError(errno, "looking at " + PathForPeople(AsBytes(options.file)));
    }
    SourceEntry entry;
    entry.name = ToBytes(AsBytes(std::filesystem::path(options.file).filename().native()));
    entry.mode = status.st_mode & 07777;
    entry.uid = status.st_uid;
    entry.gid = status.st_gid;
    entry.modified = {status.st_mtim.tv_sec, static_cast<uint32_t>(status.st_mtim.tv_nsec)};
    struct stat log{};  // in WAL mode changes come here first
    if (::stat((options.file + "-wal").c_str(), &log) == 0) {
      entry.modified =
          std::max(entry.modified, WireTime{log.st_mtim.tv_sec, static_cast<uint32_t>(log.st_mtim.tv_nsec)});
    }
    entry.size = static_cast<uint64_t>(status.st_size);
    entry.stable_mark = false;  // what is in the log beside it changes nothing here
    return entry;
  }

  // Keeps the first, for Finish.
  template <class Value>
  Result<Value> Noting(Result<Value> result) {
    const std::lock_guard lock(mutex);
    if (!result && !error) error = result.error();
    return result;
  }

  Result<std::unique_ptr<sqlite::PageStream>> OpenStream() {
    if (options.part.is_part) return OpenPart();
    return opened.open ? opened.open() : sqlite::PageStream::Open(options.file, patience);
  }

  // Nobody waits for what nobody else has open.
  Result<std::unique_ptr<sqlite::PageStream>> OpenPart() {
    part.reset();
    ASSIGN_OR_RETURN(part, sqlite::MakePart(options.file, options.part, patience));
    return sqlite::PageStream::OpenOn(part.get(), /*has_log=*/true, options.file, patience);
  }

  const SqliteSourceOptions options;
  sqlite::Patience patience;
  sqlite::Connection part;  // goes after its stream, which a file has
  Opened opened;
  uint32_t chunk_bytes = kChunkBytesMin;
  FindingSink findings;

  std::mutex mutex;
  // Guarded by mutex.
  bool is_at_end = false;
  std::optional<Error> error;
};

class SqliteSource::File : public SourceFile {
 public:
  File(std::shared_ptr<Shared> shared, std::unique_ptr<sqlite::PageStream> stream)
      : shared_(std::move(shared)),
        stream_(std::move(stream)),
        late_bytes_(std::min<uint64_t>(shared_->chunk_bytes, stream_->bytes())) {}

  Result<uint64_t> LateBytes() override {
    stream_->Begin(late_bytes_);
    return late_bytes_;
  }
  Result<Extent> NextExtent() override {
    if (is_at_end_) return Extent{};
    return Extent{false, std::max<uint64_t>(stream_->bytes() - late_bytes_, 1)};
  }
  Result<size_t> Read(MutableByteSpan target) override {
    auto got = shared_->Noting(stream_->Read(target));
    is_at_end_ = got && *got == 0;
    if (is_at_end_ && late_bytes_ == 0) NoteEnd();
    return got;
  }
  Result<Bytes> ReadLate() override {
    NoteEnd();
    return stream_->First();
  }
  Result<ChangeMark> Mark() override { return ChangeMark{}; }

 private:
  void NoteEnd() {
    const std::lock_guard lock(shared_->mutex);
    shared_->is_at_end = true;
  }
  const std::shared_ptr<Shared> shared_;
  const std::unique_ptr<sqlite::PageStream> stream_;
  const uint64_t late_bytes_;
  bool is_at_end_ = false;
};

class SqliteSource::Folder : public SourceFolder {
 public:
  explicit Folder(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  Result<std::vector<SourceEntry>> List() override {
    ASSIGN_OR_RETURN(SourceEntry entry, shared_->Noting(shared_->Look()));
    return std::vector<SourceEntry>{std::move(entry)};
  }
  Result<std::shared_ptr<SourceFolder>> OpenFolder(const SourceEntry&) override {
    return Error(ErrorCode::kNotFound, "a database has no folders");
  }
  Result<std::unique_ptr<SourceFile>> OpenFile(const SourceEntry&) override {
    ASSIGN_OR_RETURN(auto stream, shared_->Noting(shared_->OpenStream()));
    if (stream->page_bytes() > shared_->chunk_bytes) {
      return shared_->Noting<std::unique_ptr<SourceFile>>(
          MakeError(ErrorCode::kBusy, "{}: the size of its pages has changed: run it again",
                    PathForPeople(AsBytes(shared_->options.file))));
    }
    if (stream->stops_writers() && shared_->findings) {
      shared_->findings(
          {Finding::Severity::kNote, ErrorCode::kBusy, PathForPeople(AsBytes(shared_->options.file)),
           "it is not in WAL mode: until it is stored programs that write to it find it locked, and those "
           "that read it then, too"});
    }
    return std::make_unique<File>(shared_, std::move(stream));
  }
  Result<SourceMetadata> ReadMetadata(const SourceEntry&) override { return SourceMetadata{}; }

 private:
  const std::shared_ptr<Shared> shared_;
};

SqliteSource::SqliteSource(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
SqliteSource::~SqliteSource() = default;

Result<std::unique_ptr<SqliteSource>> SqliteSource::Make(SqliteSourceOptions options, const Clock& clock,
                                                         std::stop_token stop) {
  ASSIGN_OR_RETURN(options.file, sqlite::RealPath(options.file));
  auto shared = std::make_shared<Shared>(std::move(options), clock, std::move(stop));
  RETURN_IF_ERROR(shared->Look());
  const auto header = sqlite::ReadHeader(shared->options.file);
  shared->chunk_bytes = std::max(header ? header->page_bytes : 0, kChunkBytesMin);
  return std::unique_ptr<SqliteSource>(new SqliteSource(std::move(shared)));
}

std::unique_ptr<SqliteSource> SqliteSource::MakeOf(SqliteSourceOptions options, Opened opened, const Clock& clock,
                                                   std::stop_token stop) {
  auto shared = std::make_shared<Shared>(std::move(options), clock, std::move(stop));
  shared->chunk_bytes = std::max(opened.page_bytes, kChunkBytesMin);
  shared->opened = std::move(opened);
  return std::unique_ptr<SqliteSource>(new SqliteSource(std::move(shared)));
}

uint32_t SqliteSource::page_bytes() const { return shared_->chunk_bytes; }
std::string SqliteSource::name() const { return shared_->options.item; }
std::vector<Bytes> SqliteSource::paths() const { return {ToBytes(AsBytes(shared_->options.file))}; }

Result<std::shared_ptr<SourceFolder>> SqliteSource::OpenRoot(FindingSink findings) {
  const std::lock_guard lock(shared_->mutex);
  shared_->findings = std::move(findings);
  shared_->is_at_end = false;
  shared_->error.reset();
  return std::make_shared<Folder>(shared_);
}

Result<SourceEntry> SqliteSource::RootEntry() {
  SourceEntry entry;
  entry.type = NodeType::kFolder;
  entry.mode = 0700;
  entry.uid = ::geteuid();
  entry.gid = ::getegid();
  entry.stable_mark = false;
  return entry;
}

std::optional<Bytes> SqliteSource::parameters() const {
  if (!shared_->options.part.is_part) return std::nullopt;
  return shared_->options.part.Encode();
}

Result<void> SqliteSource::Finish() {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->error) return *shared_->error;
    if (!shared_->is_at_end) {
      return MakeError(ErrorCode::kIo, "{} was not read to its end", PathForPeople(AsBytes(shared_->options.file)));
    }
  }
  return shared_->opened.at_end ? shared_->opened.at_end() : Result<void>();
}

}  // namespace cairn
