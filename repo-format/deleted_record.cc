#include "repo-format/deleted_record.h"

#include "repo-format/limits.h"

namespace cairn {

Bytes DeletedRecord::Encode() const {
  RecordWriter records;
  records.Add(1, object);
  records.AddV(3, keep_seconds);
  records.AddTime(5, time);
  records.Add(7, by.bytes());
  records.Add(unknown);
  return std::move(records).Take();
}

Result<DeletedRecord> DeletedRecord::Parse(ByteSpan plain) {
  DeletedRecord record;
  uint32_t seen = 0;
  RETURN_IF_ERROR(ReadRecords(
      plain, "deleted snapshot", record.unknown, [](uint64_t) { return false; },
      [&](uint64_t tag, WireReader& value) {
        if (tag < 32) seen |= 1u << tag;
        switch (tag) {
          case 1:
            if (value.remaining() > limits::kSnapshotBytesMax) value.Fail("its snapshot is larger than one may be");
            record.object = ToBytes(value.Raw(value.remaining()));
            return true;
          case 3: {
            const uint64_t seconds = value.V();
            if (!value.failed() && (seconds == 0 || seconds > UINT32_MAX)) {
              value.Fail(fmt::format("it is to be kept for {} seconds", seconds));
            }
            record.keep_seconds = static_cast<uint32_t>(seconds);
            return true;
          }
          case 5:
            record.time = value.Time();
            return true;
          case 7:
            record.by = value.Get<SessionId>();
            return true;
          default:
            return false;
        }
      }));
  constexpr uint32_t kNeeded = 1u << 1 | 1u << 3 | 1u << 5 | 1u << 7;
  if ((seen & kNeeded) != kNeeded) return Corrupt("deleted snapshot: a needed record is missing");
  return record;
}

}  // namespace cairn
