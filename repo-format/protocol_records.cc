#include "repo-format/protocol_records.h"

namespace cairn {
namespace {

bool Never(uint64_t) { return false; }

// All of the given odd tags stood there?
Result<void> Need(std::string_view what, uint32_t seen, uint32_t needed) {
  if ((seen & needed) == needed) return {};
  return Corrupt("{}: a needed record is missing (have {:#x}, need {:#x})", what, seen, needed);
}

uint32_t Bit(uint64_t tag) { return tag < 32 ? 1u << tag : 0; }

}  // namespace

Bytes SessionRecord::Encode() const {
  RecordWriter records;
  records.AddTime(1, start);
  records.Add(2, AsBytes(program));
  records.AddU8(3, static_cast<uint8_t>(purpose));
  records.Add(4, host);
  records.AddU64(5, features);
  records.Add(6, machine.bytes());
  records.AddV(8, process);
  records.Add(unknown);
  return std::move(records).Take();
}

Result<SessionRecord> SessionRecord::Parse(ByteSpan plain) {
  SessionRecord record;
  uint32_t seen = 0;
  RETURN_IF_ERROR(ReadRecords(plain, "session", record.unknown, Never, [&](uint64_t tag, WireReader& value) {
    seen |= Bit(tag);
    switch (tag) {
      case 1:
        record.start = value.Time();
        return true;
      case 2:
        record.program = ToString(value.Raw(value.remaining()));
        return true;
      case 3: {
        const uint8_t purpose = value.U8();
        if (!value.failed() && (purpose < 1 || purpose > 3)) value.Unsupported(fmt::format("purpose {}", purpose));
        record.purpose = static_cast<SessionPurpose>(purpose);
        return true;
      }
      case 4:
        record.host = ToBytes(value.Raw(value.remaining()));
        return true;
      case 5:
        record.features = value.U64();
        return true;
      case 6:
        record.machine = value.Get<ObjectId>();
        return true;
      case 8:
        record.process = value.V();
        return true;
      default:
        return false;
    }
  }));
  RETURN_IF_ERROR(Need("session", seen, Bit(1) | Bit(3) | Bit(5)));
  return record;
}

Bytes MomentRecord::Encode() const {
  RecordWriter records;
  records.AddTime(1, time);
  if (number != 0) records.AddV(3, number);
  records.Add(unknown);
  return std::move(records).Take();
}

Result<MomentRecord> MomentRecord::Parse(ByteSpan plain) {
  MomentRecord record;
  uint32_t seen = 0;
  RETURN_IF_ERROR(ReadRecords(plain, "moment", record.unknown, Never, [&](uint64_t tag, WireReader& value) {
    seen |= Bit(tag);
    if (tag == 1) record.time = value.Time();
    if (tag == 3) {
      const uint64_t number = value.V();
      if (!value.failed() && (number == 0 || number > UINT32_MAX)) value.Fail("a sign of life has no number");
      record.number = static_cast<uint32_t>(number);
    }
    return tag == 1 || tag == 3;
  }));
  RETURN_IF_ERROR(Need("moment", seen, Bit(1)));
  return record;
}

Bytes FenceRecord::Encode() const {
  RecordWriter records;
  records.AddU8(1, static_cast<uint8_t>(reason));
  records.AddTime(2, time);
  records.Add(3, by.bytes());
  records.Add(unknown);
  return std::move(records).Take();
}

Result<FenceRecord> FenceRecord::Parse(ByteSpan plain) {
  FenceRecord record;
  uint32_t seen = 0;
  RETURN_IF_ERROR(ReadRecords(plain, "fence", record.unknown, Never, [&](uint64_t tag, WireReader& value) {
    seen |= Bit(tag);
    switch (tag) {
      case 1: {
        const uint8_t reason = value.U8();
        if (!value.failed() && (reason < 1 || reason > 2)) value.Unsupported(fmt::format("reason {}", reason));
        record.reason = static_cast<FenceReason>(reason);
        return true;
      }
      case 2:
        record.time = value.Time();
        return true;
      case 3:
        record.by = value.Get<SessionId>();
        return true;
      default:
        return false;
    }
  }));
  RETURN_IF_ERROR(Need("fence", seen, Bit(1) | Bit(3)));
  return record;
}

Bytes TombstoneRecord::Encode() const {
  WireWriter name;
  name.Put(pack);
  RecordWriter records;
  records.Add(1, name.bytes());
  records.Add(3, run.bytes());
  records.AddU8(5, static_cast<uint8_t>(kind));
  records.AddTime(7, time);
  records.Add(unknown);
  return std::move(records).Take();
}

Result<TombstoneRecord> TombstoneRecord::Parse(ByteSpan plain) {
  TombstoneRecord record;
  uint32_t seen = 0;
  RETURN_IF_ERROR(ReadRecords(plain, "tombstone", record.unknown, Never, [&](uint64_t tag, WireReader& value) {
    seen |= Bit(tag);
    switch (tag) {
      case 1:
        record.pack = value.GetPackName();
        return true;
      case 3:
        record.run = value.Get<SessionId>();
        return true;
      case 5: {
        const uint8_t kind = value.U8();
        if (!value.failed() && (kind < 1 || kind > 2)) value.Unsupported(fmt::format("pack kind {}", kind));
        record.kind = static_cast<BlobKind>(kind);
        return true;
      }
      case 7:
        record.time = value.Time();
        return true;
      default:
        return false;
    }
  }));
  RETURN_IF_ERROR(Need("tombstone", seen, Bit(1) | Bit(3) | Bit(5) | Bit(7)));
  return record;
}

Bytes SeenListRecord::Encode() const {
  RecordWriter records;
  for (const SessionId& run : runs) records.Add(1, run.bytes());
  for (const SessionId& session : sessions) records.Add(3, session.bytes());
  records.AddTime(5, time);
  records.Add(unknown);
  return std::move(records).Take();
}

Result<SeenListRecord> SeenListRecord::Parse(ByteSpan plain) {
  SeenListRecord record;
  uint32_t seen = 0;
  const auto add = [](std::vector<SessionId>& ids, WireReader& value) {
    const auto id = value.Get<SessionId>();
    if (!ids.empty() && id <= ids.back()) value.Fail("sessions do not ascend");
    ids.push_back(id);
  };
  RETURN_IF_ERROR(ReadRecords(
      plain, "seen list", record.unknown, [](uint64_t tag) { return tag == 1 || tag == 3; },
      [&](uint64_t tag, WireReader& value) {
        seen |= Bit(tag);
        switch (tag) {
          case 1:
            add(record.runs, value);
            return true;
          case 3:
            add(record.sessions, value);
            return true;
          case 5:
            record.time = value.Time();
            return true;
          default:
            return false;
        }
      }));
  RETURN_IF_ERROR(Need("seen list", seen, Bit(1) | Bit(5)));
  return record;
}

}  // namespace cairn
