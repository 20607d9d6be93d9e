#include "repo-format/key_object.h"

#include <algorithm>

#include "repo-format/limits.h"

namespace cairn {
namespace {

constexpr std::string_view kBodyWhat = "key object";
constexpr std::string_view kSecretsWhat = "secrets of a key object";
constexpr std::string_view kSlotWhat = "secrets of a slot";

template <size_t N>
void ReadInto(WireReader& reader, std::array<uint8_t, N>& array) {
  const ByteSpan raw = reader.Raw(N);
  if (!raw.empty()) std::ranges::copy(raw, array.begin());
}

}  // namespace

Bytes KeyObjectBody::Encode() const {
  WireWriter writer;
  writer.U8(kdf);
  writer.U32(memory_kib);
  writer.U32(passes);
  writer.U8(lanes);
  writer.Raw(salt);
  writer.Raw(commitment);
  writer.Raw(sealed);
  return std::move(writer).Take();
}

Result<KeyObjectBody> KeyObjectBody::Parse(ByteSpan body) {
  if (body.size() > limits::kKeyObjectBytesMax) {
    return Corrupt("{}: {} bytes, at most {} are allowed", kBodyWhat, body.size(), limits::kKeyObjectBytesMax);
  }
  WireReader reader(body, kBodyWhat);
  KeyObjectBody parsed;
  parsed.kdf = reader.U8();
  if (!reader.failed() && parsed.kdf != 1) {
    return MakeError(ErrorCode::kUnsupported, "{}: key derivation {} is not known to this version of cairn", kBodyWhat,
                     parsed.kdf);
  }
  parsed.memory_kib = reader.U32();
  parsed.passes = reader.U32();
  parsed.lanes = reader.U8();
  ReadInto(reader, parsed.salt);
  ReadInto(reader, parsed.commitment);
  parsed.sealed = ToBytes(reader.Raw(reader.remaining()));
  RETURN_IF_ERROR(reader.Finish());
  const bool memory_ok =
      parsed.memory_kib >= limits::kArgonMemoryKiBMin && parsed.memory_kib <= limits::kArgonMemoryKiBMax;
  const bool passes_ok = parsed.passes >= 1 && parsed.passes <= limits::kArgonPassesMax;
  if (!memory_ok || !passes_ok || parsed.lanes != 1) {
    return Corrupt("{}: Argon2id with {} KiB, {} passes, {} lanes is outside the limits ({} to {} KiB, 1 to {}, 1)",
                   kBodyWhat, parsed.memory_kib, parsed.passes, parsed.lanes, limits::kArgonMemoryKiBMin,
                   limits::kArgonMemoryKiBMax, limits::kArgonPassesMax);
  }
  return parsed;
}

Bytes KeyObjectSecrets::Encode() const {
  WireWriter writer;
  writer.Put(slot);
  writer.Raw(x25519_secret);
  writer.Raw(ed25519_seed);
  writer.Raw(root_public);
  writer.U64(config_min);
  RecordWriter records;
  if (!label.empty()) records.Add(2, AsBytes(label));
  records.Add(unknown);
  writer.Raw(std::move(records).Take());
  return std::move(writer).Take();
}

Result<KeyObjectSecrets> KeyObjectSecrets::Parse(ByteSpan plain) {
  WireReader reader(plain, kSecretsWhat);
  KeyObjectSecrets secrets;
  secrets.slot = reader.Get<SlotId>();
  ReadInto(reader, secrets.x25519_secret);
  ReadInto(reader, secrets.ed25519_seed);
  ReadInto(reader, secrets.root_public);
  secrets.config_min = reader.U64();
  RETURN_IF_ERROR(reader.status());
  RETURN_IF_ERROR(ReadRecords(
      reader.Raw(reader.remaining()), kSecretsWhat, secrets.unknown, [](uint64_t) { return false; },
      [&](uint64_t tag, WireReader& value) {
        if (tag != 2) return false;
        secrets.label = ToString(value.Raw(value.remaining()));
        return true;
      }));
  return secrets;
}

Bytes SlotSecrets::Encode() const {
  RecordWriter records;
  const auto add = [&](uint64_t tag, const std::optional<Key>& key) {
    if (key) records.Add(tag, *key);
  };
  add(1, data_id);
  add(3, metadata_id);
  add(5, chunking);
  add(7, root_seed);
  for (const Epoch& epoch : epochs) {
    WireWriter writer;
    writer.U32(epoch.epoch);
    writer.Raw(epoch.index);
    writer.Raw(epoch.preshared);
    writer.U8(static_cast<uint8_t>((epoch.content_secret ? 1 : 0) | (epoch.metadata_secret ? 2 : 0)));
    if (epoch.content_secret) writer.Raw(*epoch.content_secret);
    if (epoch.metadata_secret) writer.Raw(*epoch.metadata_secret);
    records.Add(9, writer.bytes());
  }
  records.Add(unknown);
  return std::move(records).Take();
}

namespace {

SlotSecrets::Epoch ReadEpoch(WireReader& value) {
  SlotSecrets::Epoch epoch;
  epoch.epoch = value.U32();
  ReadInto(value, epoch.index);
  ReadInto(value, epoch.preshared);
  const uint8_t flags = value.U8();
  if (flags > 3) value.Unsupported(fmt::format("an epoch's secrets have flags {}", flags));
  if ((flags & 1) != 0) ReadInto(value, epoch.content_secret.emplace());
  if ((flags & 2) != 0) ReadInto(value, epoch.metadata_secret.emplace());
  return epoch;
}

}  // namespace

Result<SlotSecrets> SlotSecrets::Parse(ByteSpan plain) {
  SlotSecrets secrets;
  RETURN_IF_ERROR(ReadRecords(
      plain, kSlotWhat, secrets.unknown, [](uint64_t tag) { return tag == 9; },
      [&](uint64_t tag, WireReader& value) {
        switch (tag) {
          case 1:
            ReadInto(value, secrets.data_id.emplace());
            return true;
          case 3:
            ReadInto(value, secrets.metadata_id.emplace());
            return true;
          case 5:
            ReadInto(value, secrets.chunking.emplace());
            return true;
          case 7:
            ReadInto(value, secrets.root_seed.emplace());
            return true;
          case 9: {
            Epoch epoch = ReadEpoch(value);
            if (!secrets.epochs.empty() && epoch.epoch <= secrets.epochs.back().epoch)
              value.Fail("epochs do not ascend");
            secrets.epochs.push_back(epoch);
            return true;
          }
          default:
            return false;
        }
      }));
  if (secrets.epochs.empty() || secrets.epochs.size() > limits::kEpochsMax) {
    return Corrupt("{}: {} epochs, expected 1 to {}", kSlotWhat, secrets.epochs.size(), limits::kEpochsMax);
  }
  return secrets;
}

}  // namespace cairn
