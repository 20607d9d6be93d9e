#include "engine/index/index_table.h"

#include <rocksdb/write_batch.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "engine/index/pack_rows.h"
#include "engine/index/table_state.h"

namespace cairn {
namespace {

using index_rows::BlobRow;
using index_rows::FrameRow;
using index_rows::kSessionsFrame;
using index_rows::PackRow;
using index_rows::SegmentRow;

constexpr size_t kBatchBytesMax = 1 << 20;
constexpr uint32_t kNumberMax = 1 << 30;  // of a pack: there is memory for each number that ever was
constexpr std::string_view kCopyKey = "copy";
constexpr std::string_view kNextKey = "next";
constexpr std::string_view kGenerationKey = "generation";

}  // namespace

// Rows on their way in. They go in one step as long as they are few; else in several, in the order of the calls.
class IndexTable::Batch {
 public:
  explicit Batch(State& state) : state_(state) {}

  void Put(Family family, ByteSpan key, ByteSpan value) {
    static_cast<void>(batch_.Put(state_.family(family), ToSlice(key), ToSlice(value)));
  }
  void Delete(Family family, ByteSpan key) { static_cast<void>(batch_.Delete(state_.family(family), ToSlice(key))); }
  Result<void> WriteIfLarge() { return batch_.GetDataSize() < kBatchBytesMax ? Result<void>() : Write(); }
  Result<void> Write() {
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    const rocksdb::Status status = state_.db->Write(options, &batch_);
    batch_.Clear();
    return state_.ToResult(status);
  }

 private:
  State& state_;
  rocksdb::WriteBatch batch_;
};

IndexTable::IndexTable(std::unique_ptr<State> state) : state_(std::move(state)) {}
IndexTable::~IndexTable() = default;

Result<std::unique_ptr<IndexTable>> IndexTable::Open(const Options& options) {
  bool is_new = false;
  ASSIGN_OR_RETURN(auto state, State::Open(options, &is_new));
  std::unique_ptr<IndexTable> table(new IndexTable(std::move(state)));
  RETURN_IF_ERROR(table->CheckCopy(options.repository, is_new));
  return table;
}

Result<void> IndexTable::CheckCopy(const RepositoryId& repository, bool is_new) {
  const Bytes expected = index_rows::EncodeCopy(repository);
  if (is_new) {
    Batch batch(*state_);
    batch.Put(Family::kDefault, AsBytes(kCopyKey), expected);
    RETURN_IF_ERROR(batch.Write());
    return Flush();
  }
  rocksdb::PinnableSlice value;
  RETURN_IF_ERROR(state_->Get(Family::kDefault, ToSlice(kCopyKey), &value));
  if (Equal(ToSpan(value), expected)) return {};
  return Corrupt("index copy in {} is of another repository or layout", state_->folder);
}

Result<void> IndexTable::Places(const BlobId& id, const EachPlace& each) const {
  auto rows = state_->TakeBlobLookup();
  for (rows->Seek(ToSlice(id.bytes())); rows->Valid(); rows->Next()) {
    ASSIGN_OR_RETURN(const BlobRow row, index_rows::ParseBlobRow(ToSpan(rows->key()), ToSpan(rows->value())));
    if (row.id != id) break;
    each(row.place);
  }
  RETURN_IF_ERROR(state_->ToResult(rows->status()));
  state_->GiveBack(std::move(rows));
  return {};
}

Result<void> IndexTable::ForEachBlobRow(ByteSpan first, ByteSpan end, const EachBlobRow& each) const {
  const auto rows = state_->NewIterator(State::ScanOptions(), Family::kBlobs);
  for (rows->Seek(ToSlice(first)); rows->Valid(); rows->Next()) {
    if (!end.empty() && rows->key().compare(ToSlice(end)) >= 0) break;
    ASSIGN_OR_RETURN(const BlobRow row, index_rows::ParseBlobRow(ToSpan(rows->key()), ToSpan(rows->value())));
    RETURN_IF_ERROR(each(row));
  }
  return state_->ToResult(rows->status());
}

namespace {

Result<IndexedFrame> ToIndexedFrame(ByteSpan bytes, const std::vector<PackSession>& sessions) {
  ASSIGN_OR_RETURN(FrameRow row, FrameRow::Parse(bytes));
  IndexedFrame frame{.offset = row.offset};
  // Padding belongs to no session, and need not have one.
  if (row.entry.session < sessions.size()) frame.session = sessions[row.entry.session];
  frame.entry = std::make_shared<const FrameEntry>(std::move(row.entry));
  return frame;
}

}  // namespace

Result<IndexedFrame> IndexTable::Frame(uint32_t pack, uint32_t frame) const {
  rocksdb::PinnableSlice sessions_row, frame_row;
  const auto sessions_key = index_rows::ToFrameKey(pack, kSessionsFrame);
  const auto frame_key = index_rows::ToFrameKey(pack, frame);
  RETURN_IF_ERROR(state_->Get(Family::kFrames, ToSlice(sessions_key), &sessions_row));
  RETURN_IF_ERROR(state_->Get(Family::kFrames, ToSlice(frame_key), &frame_row));
  ASSIGN_OR_RETURN(const auto sessions, index_rows::ParseSessions(ToSpan(sessions_row)));
  return ToIndexedFrame(ToSpan(frame_row), sessions);
}

Result<std::vector<IndexedFrame>> IndexTable::Frames(uint32_t pack) const {
  rocksdb::PinnableSlice sessions_row;
  const auto sessions_key = index_rows::ToFrameKey(pack, kSessionsFrame);
  RETURN_IF_ERROR(state_->Get(Family::kFrames, ToSlice(sessions_key), &sessions_row));
  ASSIGN_OR_RETURN(const auto sessions, index_rows::ParseSessions(ToSpan(sessions_row)));

  std::vector<IndexedFrame> frames;
  const auto rows = state_->NewIterator(rocksdb::ReadOptions(), Family::kFrames);
  const auto first = index_rows::ToFrameKey(pack, 0);
  for (rows->Seek(ToSlice(first)); rows->Valid() && rows->key().compare(ToSlice(sessions_key)) < 0; rows->Next()) {
    ASSIGN_OR_RETURN(IndexedFrame frame, ToIndexedFrame(ToSpan(rows->value()), sessions));
    frames.push_back(std::move(frame));
  }
  RETURN_IF_ERROR(state_->ToResult(rows->status()));
  return frames;
}

Result<void> IndexTable::EachFrame(uint32_t pack, uint32_t first, uint32_t count, const EachFrameEntry& each) const {
  const auto rows = state_->NewIterator(rocksdb::ReadOptions(), Family::kFrames);
  const uint32_t end = first + std::min(count, kSessionsFrame - first);
  rows->Seek(ToSlice(index_rows::ToFrameKey(pack, first)));
  for (uint32_t number = first; number < end && rows->Valid(); rows->Next(), ++number) {
    if (!Equal(ToSpan(rows->key()), index_rows::ToFrameKey(pack, number))) break;  // the pack has no more
    ASSIGN_OR_RETURN(const FrameRow row, FrameRow::Parse(ToSpan(rows->value())));
    if (!each(number, row.entry)) break;
  }
  return state_->ToResult(rows->status());
}

Result<void> IndexTable::ForEachPack(const EachPack& each) const {
  const auto rows = state_->NewIterator(State::ScanOptions(), Family::kPacks);
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
    ASSIGN_OR_RETURN(const uint32_t number, index_rows::ParseNumber(ToSpan(rows->key())));
    ASSIGN_OR_RETURN(const PackRow row, PackRow::Parse(ToSpan(rows->value())));
    if (number > kNumberMax) return Corrupt("pack row has number {}", number);
    each(number, row);
  }
  return state_->ToResult(rows->status());
}

uint64_t IndexTable::EstimatePacks() const {
  constexpr uint64_t kRowBytes = 100;
  return state_->EstimateRows(Family::kPacks, kRowBytes);
}

Result<void> IndexTable::ForEachSegment(const EachSegment& each) const {
  const auto rows = state_->NewIterator(State::ScanOptions(), Family::kSegments);
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
    if (rows->key().size() != SegmentId::kSize) return Corrupt("segment row has a key of {} bytes", rows->key().size());
    ASSIGN_OR_RETURN(const SegmentRow row, SegmentRow::Parse(ToSpan(rows->value())));
    each(SegmentId::FromBytes(ToSpan(rows->key())), row);
  }
  return state_->ToResult(rows->status());
}

Result<SegmentRow> IndexTable::Segment(const SegmentId& id) const {
  rocksdb::PinnableSlice value;
  RETURN_IF_ERROR(state_->Get(Family::kSegments, ToSlice(id.bytes()), &value));
  return SegmentRow::Parse(ToSpan(value));
}

Result<uint32_t> IndexTable::NextNumber() const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status =
      state_->db->Get(rocksdb::ReadOptions(), state_->family(Family::kDefault), ToSlice(kNextKey), &value);
  if (status.IsNotFound()) return uint32_t{0};
  RETURN_IF_ERROR(state_->ToResult(status));
  ASSIGN_OR_RETURN(const uint32_t next, index_rows::ParseNumber(ToSpan(value)));
  if (next > kNumberMax + 1) return Corrupt("the next number of a pack is {}", next);
  return next;
}

Result<void> IndexTable::TakeNumber(uint32_t number) {
  const std::lock_guard lock(number_mutex_);  // over a write into memory
  if (number < next_number_) return {};
  ASSIGN_OR_RETURN(const uint32_t written, NextNumber());
  if (number >= written) {
    Batch batch(*state_);
    batch.Put(Family::kDefault, AsBytes(kNextKey), index_rows::ToNumberKey(number + 1));
    RETURN_IF_ERROR(batch.Write());
  }
  next_number_ = std::max(written, number + 1);
  return {};
}

// Rows of frames come before those of their blobs in a batch.
class IndexTable::BatchSink {
 public:
  BatchSink(Batch& batch, uint32_t pack) : batch_(batch), pack_(pack) {}
  void Frame(const index_rows::FrameKey& key, const Bytes& row) { batch_.Put(Family::kFrames, key, row); }
  void Blob(const BlobId& id, uint32_t frame, uint32_t blob, uint32_t length) {
    const auto value = index_rows::ToBlobValue(frame, blob, length);
    batch_.Put(Family::kBlobs, index_rows::ToBlobKey(id, pack_), ByteSpan(value.bytes).first(value.size));
  }
  Result<void> EndFrame() { return batch_.WriteIfLarge(); }

 private:
  Batch& batch_;
  const uint32_t pack_;
};

Result<PackRow> IndexTable::PutPack(uint32_t number, const SegmentPack& pack, std::span<const PackSession> sessions,
                                    const PackDigest& digest) {
  RETURN_IF_ERROR(TakeNumber(number));
  Batch batch(*state_);
  const PackRow begun{.name = pack.name, .digest = digest, .kind = pack.kind, .size = pack.size};
  batch.Put(Family::kPacks, index_rows::ToNumberKey(number), begun.Encode());
  BatchSink sink(batch, number);
  ASSIGN_OR_RETURN(PackRow row, index_rows::WritePackRows(number, pack, sessions, digest, sink));
  batch.Put(Family::kPacks, index_rows::ToNumberKey(number), row.Encode());
  RETURN_IF_ERROR(batch.Write());
  constexpr uint32_t kPacksBetweenFits = 1024;
  if (number % kPacksBetweenFits == 0) state_->FitCache();
  return row;
}

Result<void> IndexTable::DropPack(uint32_t number) {
  Batch batch(*state_);
  batch.Delete(Family::kPacks, index_rows::ToNumberKey(number));
  RETURN_IF_ERROR(batch.Write());
  const std::lock_guard lock(state_->dropping_mutex);
  state_->dropping.push_back(number);
  return {};
}

void IndexTable::SetDropped(std::vector<bool> numbers) { state_->dropped->Set(std::move(numbers)); }

Result<void> IndexTable::LeaveOutDropped(uint64_t live_blobs, const std::stop_token& stop) {
  if (state_->EstimateRows(Family::kBlobs, kBlobRowBytes) < 2 * live_blobs + kDroppedRowsKept) return {};
  std::atomic<bool> canceled = false;
  const std::stop_callback cancel(stop, [&canceled] { canceled = true; });
  rocksdb::CompactRangeOptions options;
  options.canceled = &canceled;
  for (const Family family : {Family::kBlobs, Family::kFrames}) {
    const rocksdb::Status status = state_->db->CompactRange(options, state_->family(family), nullptr, nullptr);
    state_->DropLookups();
    if (canceled) return {};  // they stay for the next one
    RETURN_IF_ERROR(state_->ToResult(status));
  }
  return {};
}

Result<void> IndexTable::PutGeneration(const IndexGeneration& generation) {
  Batch batch(*state_);
  batch.Put(Family::kDefault, AsBytes(kGenerationKey), generation);
  return batch.Write();
}

Result<std::optional<IndexGeneration>> IndexTable::Generation() const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status =
      state_->db->Get(rocksdb::ReadOptions(), state_->family(Family::kDefault), ToSlice(kGenerationKey), &value);
  if (status.IsNotFound()) return std::optional<IndexGeneration>();
  RETURN_IF_ERROR(state_->ToResult(status));
  IndexGeneration generation;
  if (value.size() != generation.size()) return Corrupt("generation row has {} bytes", value.size());
  std::ranges::copy(ToSpan(value), generation.begin());
  return std::optional(generation);
}

Result<void> IndexTable::PutSegment(const SegmentId& id, const SegmentRow& row) {
  Batch batch(*state_);
  batch.Put(Family::kSegments, id.bytes(), row.Encode());
  return batch.Write();
}

Result<void> IndexTable::DropSegment(const SegmentId& id) {
  Batch batch(*state_);
  batch.Delete(Family::kSegments, id.bytes());
  return batch.Write();
}

Result<void> IndexTable::Flush() {
  std::vector<uint32_t> dropped;
  {
    const std::lock_guard lock(state_->dropping_mutex);
    dropped.swap(state_->dropping);
  }
  rocksdb::FlushOptions options;
  auto flushed = state_->ToResult(state_->db->Flush(options, state_->families));
  state_->DropLookups();
  if (flushed) {
    state_->dropped->Add(dropped);
    return flushed;
  }
  const std::lock_guard lock(state_->dropping_mutex);
  state_->dropping.insert(state_->dropping.end(), dropped.begin(), dropped.end());
  return flushed;
}

}  // namespace cairn
