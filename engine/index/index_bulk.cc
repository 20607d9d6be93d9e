#include "engine/index/index_bulk.h"

#include <rocksdb/sst_file_writer.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <utility>

#include "engine/env/executor.h"
#include "engine/index/pack_rows.h"
#include "engine/index/table_state.h"
#include "repo-format/base/check.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

using index_rows::BlobKey;
using index_rows::PackRow;

constexpr uint64_t kFileBytes = 64 * kMiB;  // what RocksDB itself would make
constexpr size_t kKeyBytes = std::tuple_size_v<BlobKey>;
constexpr uint64_t kRowsBetweenStops = 4096;
constexpr uint64_t kThreadBlobsMin = 50'000;  // for fewer a thread is not worth its while

// A row of a blob as it is sorted: its key, then frame, blob and length, which put the first of two equal keys first.
using BlobRecord = std::array<uint8_t, kKeyBytes + 12>;

}  // namespace

// Rows of one family, keys ascending, in files of kFileBytes.
class IndexTable::Bulk::Files {
 public:
  Files(const State& state, Family family, std::string path)
      : state_(state),
        path_(std::move(path)),
        options_(state.db->GetOptions(state.family(family))),
        writer_(rocksdb::EnvOptions(options_), options_, state.family(family), /*invalidate_page_cache=*/false) {}

  Result<void> Put(ByteSpan key, ByteSpan value) {
    if (is_open_ && writer_.FileSize() >= kFileBytes) RETURN_IF_ERROR(Close());
    if (!is_open_) {
      std::string path = fmt::format("{}-{}.sst", path_, paths_.size());
      RETURN_IF_ERROR(state_.ToResult(writer_.Open(path)));
      paths_.push_back(std::move(path));
      is_open_ = true;
    }
    return state_.ToResult(writer_.Put(ToSlice(key), ToSlice(value)));
  }
  // The files, whole; nothing may be put any more.
  Result<std::vector<std::string>> Take() {
    if (is_open_) RETURN_IF_ERROR(Close());
    return std::move(paths_);
  }

 private:
  Result<void> Close() {
    is_open_ = false;
    return state_.ToResult(writer_.Finish());
  }

  const State& state_;
  const std::string path_;
  const rocksdb::Options options_;
  rocksdb::SstFileWriter writer_;
  bool is_open_ = false;
  std::vector<std::string> paths_;
};

class IndexTable::Bulk::Sink {
 public:
  Sink(Bulk& bulk, uint32_t pack) : bulk_(bulk), pack_(pack) {}

  void Frame(const index_rows::FrameKey& key, const Bytes& row) { Note(bulk_.frame_files_->Put(key, row)); }
  void Blob(const BlobId& id, uint32_t frame, uint32_t blob, uint32_t length) {
    BlobRecord record;
    const BlobKey key = index_rows::ToBlobKey(id, pack_);
    std::ranges::copy(key, record.begin());
    auto rest = MutableByteSpan(record).subspan(kKeyBytes);
    for (const uint32_t number : {frame, blob, length}) {
      std::ranges::copy(index_rows::ToNumberKey(number), rest.begin());
      rest = rest.subspan(4);
    }
    Note(bulk_.blobs_.Add(record));
  }
  const Result<void>& result() const { return result_; }
  Result<void> EndFrame() { return result_; }

 private:
  void Note(Result<void> result) {
    if (result_ && !result) result_ = std::move(result);
  }
  Bulk& bulk_;
  const uint32_t pack_;
  Result<void> result_;
};

struct IndexTable::Bulk::Made {
  std::mutex mutex;
  std::condition_variable ended;
  unsigned running = 0;  // this and what follows: guarded by mutex
  std::vector<std::string> paths;
  Result<void> result;
};

IndexTable::Bulk::Bulk(IndexTable& table, uint64_t memory_bytes)
    : table_(table),
      state_(*table.state_),
      folder_(state_.BulkFolder()),
      memory_bytes_(memory_bytes),
      blobs_({.folder = folder_,
              .record_bytes = sizeof(BlobRecord),
              .memory_bytes = memory_bytes,
              .thread = sorting_.get()}),
      pack_files_(std::make_unique<Files>(state_, Family::kPacks, folder_ + "/packs")),
      frame_files_(std::make_unique<Files>(state_, Family::kFrames, folder_ + "/frames")),
      segment_files_(std::make_unique<Files>(state_, Family::kSegments, folder_ + "/segments")) {}

IndexTable::Bulk::~Bulk() {
  for (auto* files : {&pack_files_, &frame_files_, &segment_files_}) *files = nullptr;
  std::error_code ignored;  // the next Open tries again
  std::filesystem::remove_all(folder_, ignored);
}

Result<std::unique_ptr<IndexTable::Bulk>> IndexTable::Bulk::Begin(IndexTable& table, uint64_t memory_bytes) {
  const std::string folder = table.state_->BulkFolder();
  std::error_code failure;
  std::filesystem::remove_all(folder, failure);
  if (!failure) std::filesystem::create_directory(folder, failure);
  if (failure == std::errc::no_such_file_or_directory || failure == std::errc::not_a_directory) {
    return Corrupt("index copy in {} is gone", table.state_->folder);
  }
  if (failure) return ErrnoError(failure.value(), "making " + folder);
  return std::unique_ptr<Bulk>(new Bulk(table, memory_bytes));
}

Result<void> IndexTable::Bulk::OfTable(Result<void> result) const {
  std::error_code ignored;
  if (result || std::filesystem::exists(folder_, ignored)) return result;
  return Corrupt("index copy in {} is gone: {}", state_.folder, result.error().message());
}

Result<PackRow> IndexTable::Bulk::PutPack(uint32_t number, const SegmentPack& pack,
                                          std::span<const PackSession> sessions, const PackDigest& digest) {
  CHECK(CanTake(number));
  Sink sink(*this, number);
  const auto row = index_rows::WritePackRows(number, pack, sessions, digest, sink);
  RETURN_IF_ERROR(OfTable(sink.result()));
  RETURN_IF_ERROR(OfTable(pack_files_->Put(index_rows::ToNumberKey(number), row->Encode())));
  packs_.push_back(number);
  return row;
}

Result<void> IndexTable::Bulk::PutSegment(const SegmentId& id, const index_rows::SegmentRow& row) {
  return OfTable(segment_files_->Put(id.bytes(), row.Encode()));
}

bool IndexTable::Bulk::Holds(uint32_t pack) const { return std::ranges::binary_search(packs_, pack); }

Result<std::vector<std::string>> IndexTable::Bulk::MakePart(uint64_t part, uint64_t parts, RecordSorter::Reader& reader,
                                                            const std::stop_token& stop) const {
  Files files(state_, Family::kBlobs, fmt::format("{}/blobs-{}-of-{}", folder_, part, parts));
  BlobKey last{};
  for (uint64_t n = 0;; ++n) {
    if (n % kRowsBetweenStops == 0 && stop.stop_requested()) {
      return Error(ErrorCode::kInterrupted, "stopped while the index was sorted");
    }
    ASSIGN_OR_RETURN(const ByteSpan record, reader.Next());
    if (record.empty()) return files.Take();
    const ByteSpan key = record.first(kKeyBytes);
    if (n > 0 && Equal(key, last)) continue;  // the blob twice in a pack: not in a segment that was parsed
    std::ranges::copy(key, last.begin());
    std::array<uint32_t, 3> numbers;
    for (size_t i = 0; i < numbers.size(); ++i) {
      ASSIGN_OR_RETURN(numbers[i], index_rows::ParseNumber(record.subspan(kKeyBytes + 4 * i, 4)));
    }
    const auto value = index_rows::ToBlobValue(numbers[0], numbers[1], numbers[2]);
    RETURN_IF_ERROR(files.Put(key, ByteSpan(value.bytes).first(value.size)));
  }
}

// Threads of its own: who syncs may be a task of the job's executor, and must not wait for another.
Result<void> IndexTable::Bulk::MakeBlobFiles(unsigned threads, const std::stop_token& stop, Made& made) {
  const uint64_t files = blobs_.added() * kBlobRowBytes / kFileBytes + 1;
  const uint64_t parts = std::max(files, std::min<uint64_t>(threads, blobs_.added() / kThreadBlobsMin));
  const auto bound = [parts](uint64_t part) {  // the first bytes of ids from which a part is
    Bytes first;
    if (part == 0 || part == parts) return first;
    const uint64_t value = UINT64_MAX / parts * part;
    for (int shift = 56; shift >= 0; shift -= 8) first.push_back(static_cast<uint8_t>(value >> shift));
    return first;
  };
  RETURN_IF_ERROR(blobs_.EndAdding());
  const uint64_t readers = std::clamp<uint64_t>(memory_bytes_ / 2 / blobs_.reader_bytes_min(), 1, threads);
  const auto executor = readers > 1 ? MakeThreadPool(static_cast<unsigned>(readers)) : MakeInlineExecutor();
  for (uint64_t part = 0; part < parts; ++part) {
    std::unique_lock lock(made.mutex);
    made.ended.wait(lock, [&] { return made.running < executor->workers(); });
    if (!made.result) break;
    lock.unlock();
    ASSIGN_OR_RETURN(auto reader, blobs_.Read(bound(part), bound(part + 1), memory_bytes_ / 2 / readers));
    lock.lock();
    ++made.running;
    lock.unlock();
    executor->Submit([&, part, reader = std::shared_ptr<RecordSorter::Reader>(std::move(reader))] {
      auto paths = MakePart(part, parts, *reader, stop);
      const std::lock_guard guard(made.mutex);
      if (paths) std::ranges::move(*paths, std::back_inserter(made.paths));
      if (!paths && made.result) made.result = std::move(paths).error();
      --made.running;
      made.ended.notify_all();
    });
  }
  std::unique_lock lock(made.mutex);
  made.ended.wait(lock, [&] { return made.running == 0; });
  return std::move(made.result);
}

Result<void> IndexTable::Bulk::Finish(unsigned threads, const std::stop_token& stop) {
  Made made;
  RETURN_IF_ERROR(OfTable(MakeBlobFiles(threads, stop, made)));
  std::vector<rocksdb::IngestExternalFileArg> all;
  const auto add = [&](Family family, std::vector<std::string> paths) {
    if (paths.empty()) return;
    rocksdb::IngestExternalFileArg one{.column_family = state_.family(family), .external_files = std::move(paths)};
    one.options.move_files = true;
    one.options.write_global_seqno = false;
    all.push_back(std::move(one));
  };
  add(Family::kBlobs, std::move(made.paths));
  ASSIGN_OR_RETURN(auto frames, frame_files_->Take());
  add(Family::kFrames, std::move(frames));
  ASSIGN_OR_RETURN(auto packs, pack_files_->Take());
  add(Family::kPacks, std::move(packs));
  ASSIGN_OR_RETURN(auto segments, segment_files_->Take());
  add(Family::kSegments, std::move(segments));
  if (all.empty()) return {};
  // As each pack does that is put alone: a number stays taken when its rows are gone.
  if (!packs_.empty()) RETURN_IF_ERROR(table_.TakeNumber(packs_.back()));
  RETURN_IF_ERROR(table_.Flush());
  RETURN_IF_ERROR(state_.ToResult(state_.db->IngestExternalFiles(all)));
  state_.DropLookups();
  state_.FitCache();
  return {};
}

}  // namespace cairn
