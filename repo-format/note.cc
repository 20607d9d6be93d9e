#include "repo-format/note.h"

namespace cairn {

Bytes NoteRecord::Encode() const {
  RecordWriter records;
  records.Add(1, snapshot.bytes());
  for (const std::string& tag : tags_added) records.Add(2, AsBytes(tag));
  records.AddU64(3, counter);
  for (const std::string& tag : tags_removed) records.Add(4, AsBytes(tag));
  records.AddTime(5, time);
  if (description) records.Add(6, AsBytes(*description));
  if (protect) records.AddU8(8, *protect ? 1 : 0);
  if (sets_expiry) {
    WireWriter writer;
    if (expiry) writer.Time(*expiry);
    records.Add(10, writer.bytes());
  }
  records.Add(unknown);
  return std::move(records).Take();
}

Result<NoteRecord> NoteRecord::Parse(ByteSpan plain) {
  NoteRecord note;
  uint32_t seen = 0;
  const auto text = [](WireReader& value) { return ToString(value.Raw(value.remaining())); };
  RETURN_IF_ERROR(ReadRecords(
      plain, "note", note.unknown, [](uint64_t tag) { return tag == 2 || tag == 4; },
      [&](uint64_t tag, WireReader& value) {
        if (tag < 32) seen |= 1u << tag;
        switch (tag) {
          case 1:
            note.snapshot = value.Get<SnapshotId>();
            return true;
          case 2:
            note.tags_added.push_back(text(value));
            return true;
          case 3:
            note.counter = value.U64();
            return true;
          case 4:
            note.tags_removed.push_back(text(value));
            return true;
          case 5:
            note.time = value.Time();
            return true;
          case 6:
            note.description = text(value);
            return true;
          case 8: {
            const uint8_t on = value.U8();
            if (on > 1) value.Fail(fmt::format("protection is {}, expected 0 or 1", on));
            note.protect = on == 1;
            return true;
          }
          case 10: {
            note.sets_expiry = true;
            if (value.remaining() > 0) note.expiry = value.Time();
            return true;
          }
          default:
            return false;
        }
      }));
  constexpr uint32_t kNeeded = 1u << 1 | 1u << 3 | 1u << 5;
  if ((seen & kNeeded) != kNeeded) return Corrupt("note: a needed record is missing");
  return note;
}

Bytes ForgottenRecord::Encode() const {
  RecordWriter records;
  for (const ForgottenSnapshot& gone : snapshots) {
    WireWriter writer;
    writer.Put(gone.snapshot);
    writer.Put(gone.slot);
    writer.U64(gone.counter);
    writer.Put(gone.digest);
    writer.U8(static_cast<uint8_t>(gone.why));
    records.Add(1, writer.bytes());
  }
  records.AddTime(3, time);
  records.Add(unknown);
  return std::move(records).Take();
}

Result<ForgottenRecord> ForgottenRecord::Parse(ByteSpan plain) {
  ForgottenRecord record;
  bool has_time = false;
  RETURN_IF_ERROR(ReadRecords(
      plain, "forgotten record", record.unknown, [](uint64_t tag) { return tag == 1; },
      [&](uint64_t tag, WireReader& value) {
        if (tag == 3) {
          record.time = value.Time();
          has_time = true;
          return true;
        }
        if (tag != 1) return false;
        ForgottenSnapshot gone;
        gone.snapshot = value.Get<SnapshotId>();
        gone.slot = value.Get<SlotId>();
        gone.counter = value.U64();
        gone.digest = value.Get<Digest>();
        const uint8_t why = value.U8();
        if (!value.failed() && (why < 1 || why > 2)) value.Unsupported(fmt::format("reason {} to forget", why));
        gone.why = static_cast<ForgottenWhy>(why);
        if (!record.snapshots.empty() && gone <= record.snapshots.back()) value.Fail("snapshots do not ascend");
        record.snapshots.push_back(gone);
        return true;
      }));
  if (!has_time || record.snapshots.empty()) return Corrupt("forgotten record: a needed record is missing");
  return record;
}

}  // namespace cairn
