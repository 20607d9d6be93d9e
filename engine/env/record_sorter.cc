#include "engine/env/record_sorter.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "repo-format/base/check.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

constexpr size_t kHead = sizeof(uint64_t);
constexpr uint64_t kRecordsMin = 1024;  // in memory
constexpr uint64_t kRunBufferMin = 4 * kKiB, kRunBufferMax = kMiB;

uint64_t HeadOf(const uint8_t* record) {
  uint64_t head;
  std::memcpy(&head, record, kHead);
  if constexpr (std::endian::native == std::endian::little) head = __builtin_bswap64(head);
  return head;
}

// Below zero: the record is below `bound`, of which the bytes that are missing are zeros.
int CompareWithBound(ByteSpan record, ByteSpan bound) {
  const size_t both = std::min(record.size(), bound.size());
  const int order = both == 0 ? 0 : std::memcmp(record.data(), bound.data(), both);
  if (order != 0 || record.size() >= bound.size()) return order;
  return -1;
}

}  // namespace

RecordSorter::RecordSorter(const Options& options)
    : options_(options),
      records_max_(std::clamp<uint64_t>(
          options.memory_bytes / (options.thread != nullptr ? 2 : 1) / (options.record_bytes + sizeof(Place)),
          kRecordsMin, UINT32_MAX)),
      batch_{.record_bytes = options.record_bytes},
      written_{.record_bytes = options.record_bytes} {
  CHECK(options.record_bytes >= kHead);
}

RecordSorter::~RecordSorter() {
  IgnoreError(AwaitRun(), "nobody wants the records any more");
  if (file_ >= 0) close(file_);
}

void RecordSorter::Batch::Add(ByteSpan record) {
  order.push_back({HeadOf(record.data()), static_cast<uint32_t>(records.size() / record_bytes)});
  Append(records, record);
  is_sorted = false;
}

bool RecordSorter::Batch::Less(const Place& a, const Place& b) const {
  if (a.head != b.head) return a.head < b.head;
  return std::memcmp(At(a) + kHead, At(b) + kHead, record_bytes - kHead) < 0;
}

void RecordSorter::Batch::Sort() {
  if (is_sorted) return;
  std::ranges::sort(order, [this](const Place& a, const Place& b) { return Less(a, b); });
  const auto repeated =
      std::ranges::unique(order, [this](const Place& a, const Place& b) { return a.head == b.head && !Less(a, b); });
  order.erase(repeated.begin(), repeated.end());
  is_sorted = true;
}

void RecordSorter::Batch::Compact() {
  std::ranges::sort(order, {}, &Place::index);
  for (uint32_t i = 0; i < order.size(); ++i) {
    std::memmove(records.data() + i * record_bytes, At(order[i]), record_bytes);
    order[i].index = i;
  }
  records.resize(order.size() * record_bytes);
  is_sorted = false;
}

void RecordSorter::Batch::Clear() {
  records.clear();
  order.clear();
  is_sorted = true;
}

Result<void> RecordSorter::Add(ByteSpan record) {
  CHECK(record.size() == options_.record_bytes && !ended_adding_);
  if (!failure_) return failure_;
  if (batch_.order.size() == records_max_) RETURN_IF_ERROR(Fail(MakeRoom()));
  // Pages that are never touched cost nothing; growing in steps would hold all of it twice.
  if (batch_.records.capacity() == 0) {
    batch_.records.reserve(records_max_ * options_.record_bytes);
    batch_.order.reserve(records_max_);
  }
  batch_.Add(record);
  ++added_;
  return {};
}

Result<void> RecordSorter::Fail(Result<void> result) {
  if (failure_ && !result) failure_ = result;
  return result;
}

Result<void> RecordSorter::EndAdding() {
  if (!ended_adding_) RETURN_IF_ERROR(Fail(AwaitRun()));
  if (!failure_) return failure_;
  ended_adding_ = true;
  written_ = Batch{.record_bytes = options_.record_bytes};
  batch_.Sort();
  return {};
}

Result<void> RecordSorter::MakeRoom() {
  if (options_.thread != nullptr) {
    RETURN_IF_ERROR(AwaitRun());
    std::swap(batch_, written_);
    {
      const std::lock_guard lock(mutex_);
      is_writing_ = true;
    }
    options_.thread->Submit([this] {
      written_.Sort();
      auto wrote = WriteRun(written_);
      const std::lock_guard lock(mutex_);
      write_result_ = std::move(wrote);
      is_writing_ = false;
      ended_.notify_all();
    });
    return {};
  }
  batch_.Sort();
  if (batch_.order.size() >= records_max_ / 2) return WriteRun(batch_);
  batch_.Compact();  // many were equal: there is room again
  return {};
}

Result<void> RecordSorter::AwaitRun() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return !is_writing_; });
  return write_result_;
}

// A folder that is gone is not what somebody asked for and is not there: kIo.
Error RecordSorter::Told(std::string_view what) const {
  const Error error = ErrnoError(errno, fmt::format("{} sorted records in {}", what, options_.folder));
  return Error(error.code() == ErrorCode::kNoSpace ? ErrorCode::kNoSpace : ErrorCode::kIo, error.message());
}

Result<void> RecordSorter::OpenFile() {
  if (file_ >= 0) return {};
  std::string path = options_.folder + "/sorting-XXXXXX";
  file_ = mkostemp(path.data(), O_CLOEXEC);
  if (file_ < 0) return Told("making a file for");
  unlink(path.c_str());
  return {};
}

Result<void> RecordSorter::WriteRun(Batch& batch) {
  RETURN_IF_ERROR(OpenFile());
  const uint64_t offset = file_bytes_;
  Bytes buffer;
  buffer.reserve(kMiB + batch.record_bytes);
  for (const Place& place : batch.order) {
    Append(buffer, {batch.At(place), batch.record_bytes});
    if (buffer.size() < kMiB) continue;
    RETURN_IF_ERROR(WriteFile(buffer));
    buffer.clear();
  }
  RETURN_IF_ERROR(WriteFile(buffer));
  runs_.push_back({offset, batch.order.size()});
  batch.Clear();
  return {};
}

Result<void> RecordSorter::WriteFile(ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(file_bytes_));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return Told("writing");
    bytes = bytes.subspan(static_cast<size_t>(wrote));
    file_bytes_ += static_cast<uint64_t>(wrote);
  }
  return {};
}

Result<void> RecordSorter::ReadFile(uint64_t offset, MutableByteSpan target) const {
  while (!target.empty()) {
    const ssize_t got = pread(file_, target.data(), target.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Told("reading");
    if (got == 0) return MakeError(ErrorCode::kIo, "sorted records in {} end before their end", options_.folder);
    target = target.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return {};
}

Result<uint64_t> RecordSorter::CountBelow(const Run& run, ByteSpan bound) const {
  uint64_t low = 0, high = run.records;
  Bytes record(options_.record_bytes);
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    RETURN_IF_ERROR(ReadFile(run.offset + middle * record.size(), record));
    if (CompareWithBound(record, bound) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

size_t RecordSorter::CountBelowInMemory(ByteSpan bound) const {
  const auto end = std::ranges::partition_point(batch_.order, [&](const Place& place) {
    return CompareWithBound({batch_.At(place), options_.record_bytes}, bound) < 0;
  });
  return static_cast<size_t>(end - batch_.order.begin());
}

// One of those that are merged. `record` is nullptr after the last.
struct RecordSorter::Reader::Source {
  uint64_t head = 0;
  const uint8_t* record = nullptr;
  // In memory:
  size_t next = 0, end = 0;  // in batch_.order
  // Or in the file:
  uint64_t offset = 0, offset_end = 0;
  Bytes buffer;
  size_t position = 0;  // in the buffer, of the next record

  Result<void> Advance(const RecordSorter& sorter, size_t buffer_bytes) {
    record = nullptr;
    if (next < end) {
      record = sorter.batch_.At(sorter.batch_.order[next++]);
    } else if (position < buffer.size() || offset < offset_end) {
      if (position == buffer.size()) RETURN_IF_ERROR(Refill(sorter, buffer_bytes));
      record = buffer.data() + position;
      position += sorter.options_.record_bytes;
    }
    if (record != nullptr) head = HeadOf(record);
    return {};
  }

  Result<void> Refill(const RecordSorter& sorter, size_t buffer_bytes) {
    buffer.resize(std::min<uint64_t>(buffer_bytes, offset_end - offset));
    RETURN_IF_ERROR(sorter.ReadFile(offset, buffer));
    offset += buffer.size();
    position = 0;
    return {};
  }
};

uint64_t RecordSorter::reader_bytes_min() const { return std::max<uint64_t>(runs_.size(), 1) * kRunBufferMin; }

Result<std::unique_ptr<RecordSorter::Reader>> RecordSorter::Read(ByteSpan first, ByteSpan end,
                                                                 uint64_t memory_bytes) const {
  CHECK(ended_adding_);
  std::unique_ptr<Reader> reader(new Reader(*this));
  const uint64_t each = std::clamp(memory_bytes / std::max<uint64_t>(runs_.size(), 1), kRunBufferMin, kRunBufferMax);
  reader->buffer_bytes_ = each / options_.record_bytes * options_.record_bytes;
  for (const Run& run : runs_) {
    auto source = std::make_unique<Reader::Source>();
    ASSIGN_OR_RETURN(const uint64_t from, CountBelow(run, first));
    uint64_t to = run.records;
    if (!end.empty()) {
      ASSIGN_OR_RETURN(to, CountBelow(run, end));
    }
    source->offset = run.offset + from * options_.record_bytes;
    source->offset_end = run.offset + std::max(from, to) * options_.record_bytes;
    RETURN_IF_ERROR(reader->AddSource(std::move(source)));
  }
  auto source = std::make_unique<Reader::Source>();
  source->next = CountBelowInMemory(first);
  source->end = end.empty() ? batch_.order.size() : CountBelowInMemory(end);
  RETURN_IF_ERROR(reader->AddSource(std::move(source)));
  return reader;
}

RecordSorter::Reader::Reader(const RecordSorter& sorter) : sorter_(sorter) {}
RecordSorter::Reader::~Reader() = default;

bool RecordSorter::Reader::Before(const Source* a, const Source* b) const {
  if (a->head != b->head) return a->head < b->head;
  return std::memcmp(a->record + kHead, b->record + kHead, sorter_.options_.record_bytes - kHead) < 0;
}

Result<void> RecordSorter::Reader::AddSource(std::unique_ptr<Source> source) {
  RETURN_IF_ERROR(source->Advance(sorter_, buffer_bytes_));
  if (source->record == nullptr) return {};
  heap_.push_back(source.get());
  std::ranges::push_heap(heap_, [this](const Source* a, const Source* b) { return Before(b, a); });
  sources_.push_back(std::move(source));
  return {};
}

// The first has another record, or is at its end.
void RecordSorter::Reader::SiftDown() {
  if (heap_.front()->record == nullptr) {
    heap_.front() = heap_.back();
    heap_.pop_back();
  }
  for (size_t here = 0;;) {
    size_t below = 2 * here + 1;
    if (below >= heap_.size()) return;
    if (below + 1 < heap_.size() && Before(heap_[below + 1], heap_[below])) ++below;
    if (!Before(heap_[below], heap_[here])) return;
    std::swap(heap_[here], heap_[below]);
    here = below;
  }
}

Result<ByteSpan> RecordSorter::Reader::Next() {
  const size_t size = sorter_.options_.record_bytes;
  while (!heap_.empty()) {
    Source& source = *heap_.front();
    const bool is_repeated = !last_.empty() && std::memcmp(last_.data(), source.record, size) == 0;
    if (!is_repeated) last_.assign(source.record, source.record + size);
    RETURN_IF_ERROR(source.Advance(sorter_, buffer_bytes_));
    SiftDown();
    if (!is_repeated) return ByteSpan(last_);
  }
  return ByteSpan();
}

}  // namespace cairn
