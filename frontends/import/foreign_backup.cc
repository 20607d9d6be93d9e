#include "frontends/import/foreign_backup.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "engine/repo/time_text.h"
#include "frontends/import/archive_tree.h"
#include "frontends/import/backup_name.h"
#include "frontends/import/compression.h"
#include "frontends/import/postgres_archive.h"
#include "frontends/import/sqlite_check.h"
#include "frontends/import/sqlite_log.h"
#include "frontends/import/zip_items.h"
#include "frontends/import/zip_metadata.h"

namespace cairn::import {
namespace {

Result<void> Nothing(ByteSpan) { return {}; }

GrowthLimit LimitOf(const Original& original, const ImportLimits& limits) {
  return {original.size(), limits.ratio_max};
}

Result<std::unique_ptr<ByteStream>> Unpacked(const Original& original, const ImportLimits& limits) {
  ASSIGN_OR_RETURN(Decompressed unpacked, Decompress(original.Read(), LimitOf(original, limits)));
  return std::unique_ptr<ByteStream>(std::move(unpacked.stream));
}

// SQL text, whose end must be as a whole one ends.
class WholeText : public ByteStream {
 public:
  WholeText(std::unique_ptr<ByteStream> inner, BackupFormat format) : inner_(std::move(inner)), format_(format) {}
  Result<size_t> Read(MutableByteSpan target) override {
    ASSIGN_OR_RETURN(const size_t got, inner_->Read(target));
    if (got == 0) {
      RETURN_IF_ERROR(CheckEnd(format_, tail_));
      return 0;
    }
    tail_.append(AsText(ByteSpan(target).first(got).subspan(got - std::min(got, kTailBytes))));
    if (tail_.size() > kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
    return got;
  }

 private:
  const std::unique_ptr<ByteStream> inner_;
  const BackupFormat format_;
  std::string tail_;
};

Result<WireTime> ParseMetadataTime(const std::string& text, const Clock& clock) {
  if (!text.starts_with("@")) return ParseTime(text, clock);
  WireTime time;
  std::from_chars(text.data() + 1, text.data() + text.size(), time.seconds);
  return time;
}

// From the metadata, else from the name, else the file's.
void SetTime(ForeignBackup& backup, const std::string& created_at, const std::optional<WrittenTime>& in_name,
             const Clock& clock) {
  if (!created_at.empty()) {
    if (const auto time = ParseMetadataTime(created_at, clock)) {
      backup.time = *time;
      backup.written_time = created_at;
      backup.time_from = ForeignBackup::TimeFrom::kMetadata;
      return;
    }
    backup.notes.push_back(fmt::format("its metadata.json was made at \"{}\", which is no time", created_at));
  }
  if (in_name) {
    if (const auto time = ParseTime(*in_name, clock)) {
      backup.time = *time;
      backup.written_time = *in_name;
      backup.time_from = ForeignBackup::TimeFrom::kName;
      return;
    }
  }
  backup.time = backup.original->modified();
}

// The one file of an item.
struct OneFile {
  std::function<Result<std::unique_ptr<ByteStream>>()> open;
  uint64_t size = 0;
};

std::shared_ptr<TreeEntry> TreeOf(const ForeignBackup& backup, OneFile file) {
  const WireTime& modified = backup.original->modified();
  const TreeEntryPtr root = NewFolder({}, modified);
  const Bytes name = ToBytes(AsBytes(FileNameOfSeries(backup.series)));
  const TreeEntryPtr made = NewFile(name, modified);
  made->entry.size = file.size;
  made->open = std::move(file.open);
  root->children.emplace(name, made);
  return root;
}

OneFile Of(const SharedFd& file, uint64_t size) {
  return {[file, size]() -> Result<std::unique_ptr<ByteStream>> { return std::make_unique<FileStream>(file, 0, size); },
          size};
}

// Makes the items of one backup.
class Preparation {
 public:
  Preparation(const ForeignBackup& backup, const ImportLimits& limits, const std::stop_token& stop)
      : backup_(backup), original_(*backup.original), limits_(limits), stop_(stop) {}

  Result<std::vector<ImportItem>> Run() {
    const std::string file_name = FileNameOfSeries(backup_.series);
    const std::string name = IsItemName(file_name) ? file_name : "stream";
    std::vector<ImportItem> items;
    switch (backup_.format) {
      case BackupFormat::kZip: {
        ASSIGN_OR_RETURN(items, Zip());
        break;
      }
      case BackupFormat::kTar: {
        ASSIGN_OR_RETURN(auto root, Tar());
        items.push_back({.kind = ItemKind::kFiles, .name = name, .paths = {}, .root = root, .parameters = {}});
        break;
      }
      case BackupFormat::kSqlite: {
        uint32_t page_bytes = 0;
        ASSIGN_OR_RETURN(const OneFile file, Database(page_bytes));
        items.push_back({ItemKind::kSqlite, page_bytes, name, {}, TreeOf(backup_, file), {}});
        break;
      }
      default: {
        ASSIGN_OR_RETURN(const OneFile file, IsSqlText(backup_.format) ? Text() : PostgresArchive());
        items.push_back({ItemKind::kStream, 0, name, {}, TreeOf(backup_, file), {}});
      }
    }
    // One item has the path, whichever there are: by it they are of one series.
    items.front().paths = {ToBytes(AsBytes(backup_.series))};
    return items;
  }
  std::vector<std::string> TakeNotes() { return std::move(notes_); }

 private:
  Result<OneFile> Text() {
    OneFile file;
    file.open = [original = backup_.original, limits = limits_,
                 format = backup_.format]() -> Result<std::unique_ptr<ByteStream>> {
      ASSIGN_OR_RETURN(auto unpacked, Unpacked(*original, limits));
      return std::make_unique<WholeText>(std::move(unpacked), format);
    };
    if (backup_.format == BackupFormat::kSql) {
      notes_.push_back("nothing in such a script says that it is whole: its last statement was looked at");
    }
    return file;
  }

  Result<OneFile> PostgresArchive() {
    OneFile file = Of(original_.file(), original_.size());
    SharedFd archive = original_.file();
    if (!backup_.layers.empty()) {
      ASSIGN_OR_RETURN(const auto spool, Spool::Make());
      ASSIGN_OR_RETURN(const auto unpacked, Unpacked(original_, limits_));
      RETURN_IF_ERROR(spool->AppendAll(*unpacked, stop_));
      archive = spool->file();
      file = Of(archive, spool->size());
    }
    if (backup_.format == BackupFormat::kPgTar) {  // in which pg_restore misses nothing where it ends too early
      ASSIGN_OR_RETURN(const auto spool, Spool::Make());
      FileStream all(archive, 0, UINT64_MAX);
      RETURN_IF_ERROR(ReadTar(all, *spool, LimitOf(original_, limits_), stop_));
    }
    ASSIGN_OR_RETURN(const std::string note, CheckPostgresArchive(archive, stop_));
    if (!note.empty()) notes_.push_back(note);
    return file;
  }

  Result<OneFile> Database(uint32_t& page_bytes) {
    if (backup_.layers.empty() && original_.has_journal()) {
      return Corrupt("beside it is a journal: a program was writing to it, and it is half of what it was");
    }
    const auto check = [&](const SharedFd& file) -> Result<void> {
      ASSIGN_OR_RETURN(const CheckedDatabase checked, CheckDatabase(file, stop_));
      if (!checked.note.empty()) notes_.push_back(checked.note);
      page_bytes = std::max(checked.page_bytes, kPageBytesMin);
      return {};
    };
    if (backup_.layers.empty() && original_.log() == nullptr) {
      RETURN_IF_ERROR(check(original_.file()));
      return Of(original_.file(), original_.size());
    }
    ASSIGN_OR_RETURN(const auto spool, Spool::MakeNamed());
    ASSIGN_OR_RETURN(const auto unpacked, Unpacked(original_, limits_));
    RETURN_IF_ERROR(spool->AppendAll(*unpacked, stop_));
    uint64_t size = spool->size();
    if (backup_.layers.empty()) {
      RETURN_IF_ERROR(
          CheckLog(original_.log(), original_.log_size(), stop_)
              .While("the log beside it, " + PathForPeople(AsBytes(FileNameOfSeries(original_.path()) + "-wal"))));
      ASSIGN_OR_RETURN(size, TakeInLogOf(*spool));
      notes_.push_back("what the log beside it holds is taken into it");
    }
    spool->RemoveName();
    RETURN_IF_ERROR(check(spool->file()));
    return Of(spool->file(), size);
  }

  // The size of the database then.
  Result<uint64_t> TakeInLogOf(const Spool& copy) {
    ASSIGN_OR_RETURN(const auto log, Spool::MakeNamed());
    FileStream bytes(original_.log(), 0, original_.log_size());
    RETURN_IF_ERROR(log->AppendAll(bytes, stop_));
    const std::string name = copy.name() + "-wal";
    if (::rename(log->name().c_str(), name.c_str()) != 0) return ErrnoError(errno, "moving a temporary file");
    const auto taken = TakeInLog(copy.name(), stop_);
    RETURN_IF_ERROR(taken);
    const off_t size = ::lseek(copy.file()->get(), 0, SEEK_END);
    return static_cast<uint64_t>(std::max<off_t>(size, 0));
  }

  Result<TreeEntryPtr> Tar() {
    ASSIGN_OR_RETURN(const auto spool, Spool::Make());
    ASSIGN_OR_RETURN(const auto unpacked, Unpacked(original_, limits_));
    ASSIGN_OR_RETURN(ArchiveTree tree, ReadTar(*unpacked, *spool, LimitOf(original_, limits_), stop_));
    std::ranges::move(tree.notes, std::back_inserter(notes_));
    return tree.root;
  }

  Result<std::vector<ImportItem>> Zip() {
    ASSIGN_OR_RETURN(const auto spool, Spool::Make());
    ASSIGN_OR_RETURN(ArchiveTree tree, ReadZip(original_.file(), *spool, LimitOf(original_, limits_), stop_));
    std::ranges::move(tree.notes, std::back_inserter(notes_));
    if (!backup_.checksum.empty()) {
      RETURN_IF_ERROR(CheckMd5(backup_.checksum, original_.file(), original_.size(), *tree.root, stop_));
    }
    return ItemsOfZip(*tree.root, notes_, stop_);
  }

  const ForeignBackup& backup_;
  const Original& original_;
  const ImportLimits limits_;
  const std::stop_token stop_;
  std::vector<std::string> notes_;
};

}  // namespace

std::string ForeignBackup::FormatText() const {
  std::string text(NameOf(format));
  for (const std::string& layer : layers) text += ", " + layer;
  return text;
}

ImportOrigin ForeignBackup::Origin(const Digest& fingerprint, const Clock& clock) const {
  ImportOrigin origin;
  origin.fingerprint = fingerprint;
  origin.path = ToBytes(AsBytes(original->path()));
  origin.size = original->size();
  if (!original->MayMissChange(clock)) origin.modified = original->modified();
  origin.written_time = written_time;
  origin.format = FormatText();
  return origin;
}

Result<Recognition> Recognise(std::shared_ptr<const Original> original, const ImportLimits& limits, const Clock& clock,
                              const std::stop_token& stop) {
  if (original->size() == 0) return Recognition{std::nullopt, "it is empty"};
  ASSIGN_OR_RETURN(const Decompressed unpacked, Decompress(original->Read(), LimitOf(*original, limits)));
  ForeignBackup backup;
  backup.format = RecogniseFormat(unpacked.head);
  backup.layers = unpacked.layers;
  if (backup.format == BackupFormat::kUnknown) {
    // What is damaged decompresses to anything, until a checksum says so.
    if (!backup.layers.empty()) RETURN_IF_ERROR(ReadAll(*unpacked.stream, stop, Nothing));
    return Recognition{std::nullopt, "it is no backup of a known kind"};
  }
  const std::string& path = original->path();
  const BackupName name = ReadBackupName(path);
  backup.series = name.series;
  backup.description = "imported from " + PathForPeople(AsBytes(path.substr(path.rfind('/') + 1)));
  std::string created_at;
  if (backup.format == BackupFormat::kZip) {
    if (!backup.layers.empty()) return Recognition{std::nullopt, "a zip that is compressed once more"};
    auto metadata = ZipMetadata::Read(original->file());
    if (!metadata && metadata.error().code() != ErrorCode::kCorrupt) {
      return Recognition{std::nullopt, metadata.error().message()};
    }
    RETURN_IF_ERROR(metadata);
    if (!metadata->description.empty()) backup.description = metadata->description;
    created_at = metadata->created_at;
    backup.checksum = metadata->checksum;
  }
  backup.original = std::move(original);
  SetTime(backup, created_at, name.time, clock);
  return Recognition{std::move(backup), ""};
}

Result<PreparedBackup> Prepare(const ForeignBackup& backup, const ImportOrigin& origin, const ImportLimits& limits,
                               const std::stop_token& stop) {
  Preparation preparation(backup, limits, stop);
  ASSIGN_OR_RETURN(std::vector<ImportItem> items, preparation.Run());
  PreparedBackup prepared;
  prepared.state = std::make_shared<ImportState>(backup.original);
  prepared.notes = preparation.TakeNotes();
  for (ImportItem& item : items) {
    item.parameters = ImportParameters(item.kind, origin);
    prepared.sources.push_back(std::make_unique<ImportSource>(std::move(item), prepared.state));
  }
  return prepared;
}

Result<std::vector<std::string>> Verify(const ForeignBackup& backup, const ImportLimits& limits,
                                        const std::stop_token& stop) {
  Preparation preparation(backup, limits, stop);
  ASSIGN_OR_RETURN(const std::vector<ImportItem> items, preparation.Run());
  if (IsSqlText(backup.format)) {
    for (const auto& [name, file] : items.front().root->children) {
      ASSIGN_OR_RETURN(const auto stream, file->open());
      RETURN_IF_ERROR(ReadAll(*stream, stop, Nothing));
    }
  }
  RETURN_IF_ERROR(backup.original->CheckUnchanged());
  return preparation.TakeNotes();
}

}  // namespace cairn::import
