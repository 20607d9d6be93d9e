#include "engine/jobs/live_places.h"

#include <array>

namespace cairn {
namespace {

using Record = std::array<uint8_t, 12>;

// Big-endian, so that records are in the order of their numbers.
void PutNumber(MutableByteSpan target, uint32_t number) {
  for (size_t i = 0; i < 4; ++i) target[i] = static_cast<uint8_t>(number >> (24 - 8 * i));
}

uint32_t GetNumber(ByteSpan source) {
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i) number = number << 8 | source[i];
  return number;
}

}  // namespace

LivePlaces::LivePlaces(const std::string& folder, uint64_t memory_bytes)
    : reader_bytes_(memory_bytes / 4),
      sorter_({.folder = folder, .record_bytes = sizeof(Record), .memory_bytes = memory_bytes - reader_bytes_}) {}

Result<void> LivePlaces::Add(const BlobPlace& place) {
  Record record;
  const MutableByteSpan bytes(record);
  PutNumber(bytes.first(4), place.pack);
  PutNumber(bytes.subspan(4, 4), place.frame);
  PutNumber(bytes.subspan(8, 4), place.blob);
  return sorter_.Add(record);
}

Result<void> LivePlaces::ReadNext() {
  ASSIGN_OR_RETURN(const ByteSpan record, reader_->Next());
  next_.reset();
  if (record.empty()) return {};
  next_ = {GetNumber(record), GetNumber(record.subspan(4)), GetNumber(record.subspan(8))};
  return {};
}

Result<void> LivePlaces::TakePack(uint32_t pack, const EachPlace& each) {
  if (reader_ == nullptr) {
    RETURN_IF_ERROR(sorter_.EndAdding());
    ASSIGN_OR_RETURN(reader_, sorter_.Read({}, {}, reader_bytes_));
    RETURN_IF_ERROR(ReadNext());
  }
  while (next_ && next_->pack < pack) RETURN_IF_ERROR(ReadNext());
  while (next_ && next_->pack == pack) {
    RETURN_IF_ERROR(each(next_->frame, next_->blob));
    RETURN_IF_ERROR(ReadNext());
  }
  return {};
}

}  // namespace cairn
