#include "engine/jobs/content_backup.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>

#include "chunker/cutter.h"
#include "engine/crypto/hash.h"
#include "engine/tree/list_builder.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

constexpr size_t kStretchBytes = kMiB;  // read before it is cut and handed on
constexpr size_t kQueueMax = 3;         // stretches of a file that wait for a thread, as long as
constexpr uint64_t kWaitingShare = 16;  // those of all files are no more than this part of the memory
constexpr size_t kStretchesAtOnce = 2;  // that a thread stores: ids are computed by twos, and a stretch may be a chunk
constexpr size_t kBytesAtOnce = 6 * kMiB;  // of these, where they are two
constexpr size_t kAheadMax = 64;           // stretches that are done or under way, behind the first that is not done
constexpr size_t kBuffersKept = 8, kBufferBytesKept = 4 * kMiB;

// What is text: SPEC section 12.
constexpr size_t kTextBytesMin = kMiB;
constexpr size_t kTextBytesLooked = 8'000;
static_assert(kStretchBytes >= kTextBytesMin);

bool IsText(ByteSpan first_run) {
  if (first_run.size() < kTextBytesMin) return false;
  return std::memchr(first_run.data(), 0, kTextBytesLooked) == nullptr;
}

chunker::ChunkerParams ParamsOf(const ChunkerSettings& settings) {
  return {static_cast<chunker::ChunkerKind>(settings.chunker), settings.size_min, settings.size_average,
          settings.size_max};
}

Result<void> CheckSettings(const ChunkerSettings& settings) {
  const auto params = ParamsOf(settings);
  const auto problem = params.Problem();
  if (!problem) return {};
  const ErrorCode code = params.IsUnsupported() ? ErrorCode::kUnsupported : ErrorCode::kCorrupt;
  return MakeError(code, "the config's chunker cannot be used: {}", *problem);
}

uint64_t FrameBytes(const Limits& limits, SourceKind kind) {
  if (kind == SourceKind::kPages) return limits.frame_bytes_pages;
  return kind == SourceKind::kRows ? limits.frame_bytes_rows : limits.frame_bytes_files;
}

chunker::GearTable MakeTable(ByteSpan chunking_key) {
  const Bytes material = GearMaterial(chunking_key);
  return chunker::GearTable::FromMaterial(std::span<const uint8_t, chunker::GearTable::kMaterialSize>(material));
}

}  // namespace

Bytes GearMaterial(ByteSpan chunking_key) {
  Bytes material;
  for (uint32_t i = 0; i < 64; ++i) {
    WireWriter counter;
    counter.U32(i);
    Append(material, HmacSha256(chunking_key, {AsBytes("cairn gear 1"), counter.bytes()}).bytes());
  }
  return material;
}

// One file: its reader cuts it into stretches of whole chunks, and any thread stores a stretch. Shared, because a task
// of the executor may come when all is done.
class ContentBackup::File : public std::enable_shared_from_this<File> {
 public:
  explicit File(ContentBackup& all) : all_(all) {}

  Result<StoredContent> Read(SourceFile& source, std::optional<Error>& unreadable) {
    auto read = BeginLate(source, unreadable);
    if (read && !unreadable) read = ReadRuns(source, unreadable);
    if (!read || unreadable) Drop();
    if (read && !unreadable) ChooseCuts({});  // where there was no data
    RETURN_IF_ERROR(Drain());
    RETURN_IF_ERROR(read);
    if (!unreadable && late_bytes_ > 0) RETURN_IF_ERROR(ReadLate(source, unreadable));
    StoredContent stored;
    if (unreadable) return stored;
    stored.bytes = list_->bytes();
    ASSIGN_OR_RETURN(stored.content, list_->Finish());
    if (is_text_) stored.chunker = *all_.cuts_.of_text;
    return stored;
  }

 private:
  // Chunks that follow each other, or a hole.
  struct Stretch {
    uint64_t hole = 0;
    Bytes buffer;
    std::vector<std::pair<BlobId, uint32_t>> chunks;  // the ids when it is done
    bool done = false;
  };

  Result<void> BeginLate(SourceFile& source, std::optional<Error>& unreadable) {
    auto late = source.LateBytes();
    if (!late) unreadable = std::move(late).error();
    late_bytes_ = late ? *late : 0;
    if (late_bytes_ == 0) return {};
    ChooseCuts({});
    CHECK(late_bytes_ <= all_.cuts_.of_item.size_max);
    run_begin_ = late_bytes_;
    return list_->AddFirstLater(static_cast<uint32_t>(late_bytes_));
  }

  Result<void> ReadLate(SourceFile& source, std::optional<Error>& unreadable) {
    auto bytes = source.ReadLate();
    if (bytes && bytes->size() != late_bytes_) {
      bytes = MakeError(ErrorCode::kIo, "its first {} bytes came as {}", late_bytes_, bytes->size());
    }
    if (!bytes) {
      unreadable = std::move(bytes).error();
      return {};
    }
    all_.bytes_read_ += bytes->size();
    all_.context_.progress.bytes_done += bytes->size();
    const SinkPool::Loan sink(all_.sinks_);
    ASSIGN_OR_RETURN(const BlobWriter::Added added, sink->Add(BlobKind::kData, *bytes));
    return list_->SetFirst(added.id);
  }

  Result<void> ReadRuns(SourceFile& source, std::optional<Error>& unreadable) {
    for (;;) {
      auto extent = source.NextExtent();
      if (!extent) {
        unreadable = std::move(extent).error();
        return {};
      }
      if (extent->length == 0) return {};
      if (extent->hole) {
        std::unique_lock lock(mutex_);
        order_.emplace_back();
        order_.back().hole = extent->length;
        order_.back().done = true;
        Feed(lock);
        continue;
      }
      RETURN_IF_ERROR(ReadRun(source, unreadable));
      if (unreadable) return {};
    }
  }

  // To the next hole, or the end.
  Result<void> ReadRun(SourceFile& source, std::optional<Error>& unreadable) {
    Bytes buffer = all_.TakeBuffer();
    size_t filled = 0;
    for (bool is_first = true;; is_first = false) {
      const size_t wanted = filled + kStretchBytes;
      if (buffer.size() < wanted) buffer.resize(wanted);
      bool ends = false;
      while (filled < wanted && !ends) {
        if (all_.context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
        auto got = source.Read(MutableByteSpan(buffer).first(wanted).subspan(filled));
        if (!got) {
          unreadable = std::move(got).error();
          return {};
        }
        ends = *got == 0;
        filled += *got;
        all_.bytes_read_ += *got;
        all_.context_.progress.bytes_done += *got;
      }
      ChooseCuts(ByteSpan(buffer).first(filled));
      if (is_first) cutter_->Reset(std::exchange(run_begin_, 0));
      std::vector<std::pair<BlobId, uint32_t>> chunks;
      size_t cut = 0;
      while (cut < filled) {
        const uint32_t length = cutter_->Next(ByteSpan(buffer).first(filled).subspan(cut), ends);
        if (length == 0) break;
        chunks.emplace_back(BlobId(), length);
        cut += length;
      }
      if (chunks.empty() && !ends) continue;  // a chunk longer than this: read on behind it
      Bytes next;
      if (!ends) {
        next = all_.TakeBuffer();
        if (next.size() < filled - cut) next.resize(filled - cut);
        std::copy(buffer.begin() + static_cast<ptrdiff_t>(cut), buffer.begin() + static_cast<ptrdiff_t>(filled),
                  next.begin());
      }
      filled -= cut;
      RETURN_IF_ERROR(HandOn(std::move(buffer), std::move(chunks)));
      if (ends) return {};
      buffer = std::move(next);
    }
  }

  // Once a file, by its first run of data.
  void ChooseCuts(ByteSpan first_run) {
    if (cutter_) return;
    is_text_ = all_.cuts_.of_text && IsText(first_run);
    const ChunkerSettings& settings = is_text_ ? *all_.cuts_.of_text : all_.cuts_.of_item;
    cutter_.emplace(ParamsOf(settings), all_.table_);
    list_.emplace(all_.metadata_sink_, ListAverage(settings));
  }

  // To whichever thread is free; this one where none is.
  Result<void> HandOn(Bytes buffer, std::vector<std::pair<BlobId, uint32_t>> chunks) {
    if (chunks.empty()) {
      all_.ReturnBuffer(std::move(buffer));
      return {};
    }
    std::unique_lock lock(mutex_);
    all_.waiting_bytes_ += buffer.size();
    order_.emplace_back();
    order_.back().buffer = std::move(buffer);
    order_.back().chunks = std::move(chunks);
    waiting_.push_back(&order_.back());
    // The last of a file has nothing beside it to be read meanwhile: not for one alone.
    if (waiting_.size() > 1 && helpers_ + 1 < all_.context_.executor.workers()) {
      ++helpers_;
      lock.unlock();
      all_.context_.executor.Submit([self = shared_from_this()] { self->Help(); });
      lock.lock();
    }
    while (!waiting_.empty() && IsMuch()) StoreNext(lock);
    // Those before it are under way in other threads, so this ends.
    changed_.wait(lock, [&] { return order_.size() <= kAheadMax || !waiting_.empty() || error_; });
    if (error_) return *error_;
    return {};
  }

  bool IsMuch() const {
    return waiting_.size() > kQueueMax || order_.size() > kAheadMax ||
           all_.waiting_bytes_ > all_.context_.limits.memory_bytes / kWaitingShare;
  }

  // Another thread's share.
  void Help() {
    std::unique_lock lock(mutex_);
    while (!waiting_.empty()) StoreNext(lock);
    --helpers_;
  }

  // The oldest that wait. The lock is held before and after.
  void StoreNext(std::unique_lock<std::mutex>& lock) {
    std::vector<Stretch*> taken;
    size_t bytes = 0;
    while (!waiting_.empty() && taken.size() < kStretchesAtOnce) {
      bytes += waiting_.front()->buffer.size();
      if (!taken.empty() && bytes > kBytesAtOnce) break;
      taken.push_back(waiting_.front());
      waiting_.pop_front();
    }
    ++under_way_;
    const bool skip = error_.has_value() || is_dropped_;
    lock.unlock();
    for (const Stretch* stretch : taken) all_.waiting_bytes_ -= stretch->buffer.size();
    Result<void> stored;
    if (!skip) stored = StoreChunks(taken);
    for (Stretch* stretch : taken) all_.ReturnBuffer(std::move(stretch->buffer));
    lock.lock();
    for (Stretch* stretch : taken) stretch->done = true;
    if (!stored && !error_) error_ = stored.error();
    Feed(lock);
    --under_way_;
    changed_.notify_all();
  }

  Result<void> StoreChunks(const std::vector<Stretch*>& stretches) {
    const SinkPool::Loan sink(is_text_ ? all_.text_sinks_ : all_.sinks_);
    std::vector<ByteSpan> parts;
    for (const Stretch* stretch : stretches) {
      size_t begin = 0;
      for (const auto& [id, length] : stretch->chunks) {
        parts.push_back(ByteSpan(stretch->buffer).subspan(begin, length));
        begin += length;
      }
    }
    if (all_.context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    std::vector<BlobWriter::Added> added(parts.size());
    RETURN_IF_ERROR(sink->AddEach(BlobKind::kData, parts, added));
    auto next = added.begin();
    for (Stretch* stretch : stretches) {
      for (auto& chunk : stretch->chunks) chunk.first = (next++)->id;
    }
    return {};
  }

  // Lists what is done, in order; one thread at a time, and the others go on. The lock is held before and after: not
  // meanwhile, for a list that is full is stored.
  void Feed(std::unique_lock<std::mutex>& lock) {
    // A hole may come before the data that decide how the list is made.
    if (is_feeding_ || !list_) return;
    is_feeding_ = true;
    while (!error_ && !is_dropped_ && !order_.empty() && order_.front().done) {
      const Stretch front = std::move(order_.front());
      order_.pop_front();
      lock.unlock();
      auto listed = List(front);
      lock.lock();
      if (!listed && !error_) error_ = listed.error();
    }
    is_feeding_ = false;
  }

  Result<void> List(const Stretch& stretch) {
    if (stretch.hole > 0) RETURN_IF_ERROR(list_->AddHole(stretch.hole));
    for (const auto& [id, length] : stretch.chunks) RETURN_IF_ERROR(list_->AddBlob(id, length));
    return {};
  }

  // Nothing of it is wanted any more.
  void Drop() {
    const std::lock_guard lock(mutex_);
    is_dropped_ = true;
  }

  // Until nothing is under way. An error of the storing.
  Result<void> Drain() {
    std::unique_lock lock(mutex_);
    while (!waiting_.empty()) StoreNext(lock);
    changed_.wait(lock, [&] { return under_way_ == 0; });
    Feed(lock);  // where holes are all that there is
    if (error_) return *error_;
    return {};
  }

  ContentBackup& all_;
  // The reader's.
  std::optional<chunker::Cutter> cutter_;
  bool is_text_ = false;
  uint64_t late_bytes_ = 0;
  uint64_t run_begin_ = 0;  // of the next run, where it is not its own beginning: behind what is late

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<Stretch> order_;     // from the first that is not listed yet; a stretch keeps its place in memory
  std::deque<Stretch*> waiting_;  // for a thread
  unsigned helpers_ = 0;          // tasks of the executor, begun or not
  unsigned under_way_ = 0;        // threads that store stretches, or list them, now
  std::optional<ListBuilder> list_;
  std::optional<Error> error_;  // the first
  bool is_dropped_ = false;
  bool is_feeding_ = false;  // a thread is at list_
};

ContentBackup::ContentBackup(const JobContext& context, BlobTarget& target, AddingSink& metadata_sink,
                             const ContentCuts& cuts, ByteSpan chunking_key)
    : context_(context),
      metadata_sink_(metadata_sink),
      cuts_(cuts),
      table_(MakeTable(chunking_key)),
      sinks_(target, FrameBytes(context.limits, cuts.of_item.source)),
      text_sinks_(target, context.limits.frame_bytes_rows) {}

Result<std::unique_ptr<ContentBackup>> ContentBackup::New(const JobContext& context, BlobTarget& target,
                                                          AddingSink& metadata_sink, const ContentCuts& cuts,
                                                          ByteSpan chunking_key) {
  RETURN_IF_ERROR(CheckSettings(cuts.of_item));
  if (cuts.of_text) RETURN_IF_ERROR(CheckSettings(*cuts.of_text));
  return std::unique_ptr<ContentBackup>(new ContentBackup(context, target, metadata_sink, cuts, chunking_key));
}

Result<StoredContent> ContentBackup::Store(SourceFile& file, std::optional<Error>& unreadable) {
  return std::make_shared<File>(*this)->Read(file, unreadable);
}

Result<void> ContentBackup::Finish() {
  auto finished = sinks_.Finish();
  auto text_finished = text_sinks_.Finish();
  return finished ? text_finished : finished;
}

Bytes ContentBackup::TakeBuffer() {
  const std::lock_guard lock(mutex_);
  if (buffers_.empty()) return {};
  Bytes buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

void ContentBackup::ReturnBuffer(Bytes buffer) {
  if (buffer.empty() || buffer.size() > kBufferBytesKept) return;
  const std::lock_guard lock(mutex_);
  if (buffers_.size() < kBuffersKept) buffers_.push_back(std::move(buffer));
}

}  // namespace cairn
