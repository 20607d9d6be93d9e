#include "repo-format/config_object.h"

#include <set>

#include "repo-format/limits.h"

namespace cairn {
namespace {

constexpr uint8_t kFixed = 1, kGear = 2;  // chunkers
constexpr uint32_t kGearSizeMin = 64;

constexpr std::string_view kPublicWhat = "config, public part";
constexpr std::string_view kSealedWhat = "config, sealed part";

PublicKey ReadPublicKey(WireReader& reader) {
  PublicKey key{};
  const uint16_t algorithm = reader.U16();
  if (!reader.failed() && algorithm != kKemX25519) {
    reader.Unsupported(fmt::format("an epoch's public key has algorithm {:#06x}", algorithm));
  }
  const ByteSpan bytes = reader.String(limits::kEnvelopeBytesMax);
  if (!reader.failed() && bytes.size() != key.size()) {
    reader.Fail(fmt::format("a public key has {} bytes, expected {}", bytes.size(), key.size()));
  }
  if (!reader.failed()) std::ranges::copy(bytes, key.begin());
  return key;
}

template <size_t N>
std::array<uint8_t, N> ReadArray(WireReader& reader) {
  std::array<uint8_t, N> array{};
  const ByteSpan raw = reader.Raw(N);
  if (!raw.empty()) std::ranges::copy(raw, array.begin());
  return array;
}

Bytes EncodeCertificate(const Certificate& certificate) {
  WireWriter writer;
  writer.Put(certificate.slot);
  writer.Raw(certificate.ed25519);
  writer.Raw(certificate.x25519);
  writer.U32(certificate.rights.bits);
  writer.U16(certificate.domain);
  writer.String(certificate.host_pattern);
  writer.String(certificate.label);
  writer.U8(certificate.revoked ? 2 : 1);
  writer.U64(certificate.counter_max);
  writer.Time(certificate.issued);
  return std::move(writer).Take();
}

Certificate ReadCertificate(WireReader& reader) {
  Certificate certificate;
  certificate.slot = reader.Get<SlotId>();
  certificate.ed25519 = ReadArray<32>(reader);
  certificate.x25519 = ReadArray<32>(reader);
  certificate.rights.bits = reader.U32();
  certificate.domain = reader.U16();
  certificate.host_pattern = ToString(reader.String(limits::kNameBytesMax));
  certificate.label = ToString(reader.String(limits::kNameBytesMax));
  const uint8_t state = reader.U8();
  if (!reader.failed() && state != 1 && state != 2)
    reader.Unsupported(fmt::format("a certificate has state {}", state));
  certificate.revoked = state == 2;
  certificate.counter_max = reader.U64();
  certificate.issued = reader.Time();
  if (!reader.failed() && certificate.domain != 0) {
    reader.Unsupported(fmt::format("a certificate is of domain {}, this cairn knows domain 0", certificate.domain));
  }
  if (!certificate.revoked && certificate.counter_max != 0) {
    reader.Fail(fmt::format("a valid certificate has last counter {}, expected 0", certificate.counter_max));
  }
  return certificate;
}

// A key that two slots share would let one sign for the other.
Result<void> CheckKeysDiffer(const std::vector<Certificate>& certificates) {
  std::set<PublicKey> signing, sealing;
  for (const Certificate& certificate : certificates) {
    if (signing.insert(certificate.ed25519).second && sealing.insert(certificate.x25519).second) continue;
    return Corrupt("{}: slot {} has a key of another slot", kSealedWhat, certificate.slot.ToHex());
  }
  return {};
}

}  // namespace

// --- public part ---

Bytes ConfigPublicPart::Encode() const {
  RecordWriter records;
  records.Add(1, repository.bytes());
  records.Add(3, previous.bytes());
  WireWriter bits;
  bits.U64(features.incompat);
  bits.U64(features.ro_compat);
  bits.U64(features.compat);
  records.Add(5, bits.bytes());
  for (const EpochPublicKeys& keys : epochs) {
    WireWriter writer;
    writer.U32(keys.epoch);
    writer.U16(kKemX25519);
    writer.String(keys.content);
    writer.U16(kKemX25519);
    writer.String(keys.metadata);
    records.Add(7, writer.bytes());
  }
  for (const SlotEnvelope& one : envelopes) {
    WireWriter writer;
    writer.Put(one.slot);
    one.envelope.Write(writer);
    records.Add(9, writer.bytes());
  }
  records.Add(unknown);
  return std::move(records).Take();
}

Result<ConfigPublicPart> ConfigPublicPart::Parse(ByteSpan bytes) {
  ConfigPublicPart part;
  unsigned seen = 0;
  RETURN_IF_ERROR(ReadRecords(
      bytes, kPublicWhat, part.unknown, [](uint64_t tag) { return tag == 7 || tag == 9; },
      [&](uint64_t tag, WireReader& value) {
        if (tag <= 5 && tag % 2 == 1) seen |= 1u << tag;
        switch (tag) {
          case 1:
            part.repository = value.Get<RepositoryId>();
            return true;
          case 3:
            part.previous = value.Get<Digest>();
            return true;
          case 5: {
            part.features.incompat = value.U64();
            part.features.ro_compat = value.U64();
            part.features.compat = value.U64();
            return true;
          }
          case 7: {
            EpochPublicKeys keys;
            keys.epoch = value.U32();
            keys.content = ReadPublicKey(value);
            keys.metadata = ReadPublicKey(value);
            const uint32_t least = part.epochs.empty() ? 0 : part.epochs.back().epoch;
            if (!value.failed() && keys.epoch <= least) value.Fail("epochs do not ascend");
            part.epochs.push_back(keys);
            return true;
          }
          case 9: {
            SlotEnvelope one;
            one.slot = value.Get<SlotId>();
            one.envelope = Envelope::Read(value);
            if (!part.envelopes.empty() && one.slot <= part.envelopes.back().slot) value.Fail("slots do not ascend");
            part.envelopes.push_back(std::move(one));
            return true;
          }
          default:
            return false;
        }
      }));
  if (seen != (1u << 1 | 1u << 3 | 1u << 5)) return Corrupt("{}: a needed record is missing", kPublicWhat);
  if (part.epochs.empty() || part.epochs.size() > limits::kEpochsMax || part.envelopes.empty() ||
      part.envelopes.size() > limits::kSlotsMax) {
    return Corrupt("{}: {} epochs and {} slots, expected 1 to {} and 1 to {}", kPublicWhat, part.epochs.size(),
                   part.envelopes.size(), limits::kEpochsMax, limits::kSlotsMax);
  }
  return part;
}

// --- sealed part ---

Bytes ConfigSealedPart::Encode() const {
  RecordWriter records;
  records.AddU8(1, static_cast<uint8_t>(suite));
  WireWriter size;
  size.U32(pack_bytes);
  records.Add(2, size.bytes());
  for (const ChunkerSettings& settings : chunkers) {
    WireWriter writer;
    WriteChunkerSettings(writer, settings);
    records.Add(3, writer.bytes());
  }
  if (keep_deleted_seconds > 0) records.AddV(4, keep_deleted_seconds);
  for (const Certificate& certificate : certificates) records.Add(5, EncodeCertificate(certificate));
  records.Add(unknown);
  return std::move(records).Take();
}

Result<ConfigSealedPart> ConfigSealedPart::Parse(ByteSpan bytes) {
  ConfigSealedPart part;
  bool has_suite = false;
  RETURN_IF_ERROR(ReadRecords(
      bytes, kSealedWhat, part.unknown, [](uint64_t tag) { return tag == 3 || tag == 5; },
      [&](uint64_t tag, WireReader& value) {
        switch (tag) {
          case 1: {
            const auto suite = ParseSuite(value.U8());
            if (suite) part.suite = *suite;
            if (!value.failed() && !suite) value.Unsupported(suite.error().message());
            has_suite = true;
            return true;
          }
          case 2: {
            part.pack_bytes = value.U32();
            const bool sane = part.pack_bytes >= 4 * kKiB && part.pack_bytes <= limits::kPackTargetBytesMax;
            if (!value.failed() && !sane) value.Fail(fmt::format("the target size of packs is {}", part.pack_bytes));
            return true;
          }
          case 3: {
            const ChunkerSettings settings = ReadChunkerSettings(value);
            if (!part.chunkers.empty() && settings.source <= part.chunkers.back().source) {
              value.Fail("chunker parameters do not ascend");
            }
            part.chunkers.push_back(settings);
            return true;
          }
          case 4: {
            const uint64_t seconds = value.V();
            if (!value.failed() && (seconds == 0 || seconds > UINT32_MAX)) {
              value.Fail(fmt::format("what is forgotten is kept for {} seconds", seconds));
            }
            part.keep_deleted_seconds = static_cast<uint32_t>(seconds);
            return true;
          }
          case 5: {
            Certificate certificate = ReadCertificate(value);
            if (!part.certificates.empty() && certificate.slot <= part.certificates.back().slot) {
              value.Fail("certificates do not ascend");
            }
            part.certificates.push_back(std::move(certificate));
            return true;
          }
          default:
            return false;
        }
      }));
  if (!has_suite) return Corrupt("{}: it names no suite", kSealedWhat);
  RETURN_IF_ERROR(CheckKeysDiffer(part.certificates));
  if (part.certificates.empty() || part.certificates.size() > limits::kSlotsMax) {
    return Corrupt("{}: {} certificates, expected 1 to {}", kSealedWhat, part.certificates.size(), limits::kSlotsMax);
  }
  return part;
}

void WriteChunkerSettings(WireWriter& writer, const ChunkerSettings& settings) {
  writer.U8(static_cast<uint8_t>(settings.source));
  writer.U8(settings.chunker);
  writer.U32(settings.size_min);
  writer.U32(settings.size_average);
  writer.U32(settings.size_max);
}

bool IsKnownChunker(uint8_t source, uint8_t chunker) {
  return source >= 1 && source <= 4 && (chunker == kFixed || chunker == kGear);
}

ChunkerSettings ReadChunkerSettings(WireReader& reader) {
  ChunkerSettings settings;
  const uint8_t source = reader.U8();
  settings.source = static_cast<SourceKind>(source);
  settings.chunker = reader.U8();
  settings.size_min = reader.U32();
  settings.size_average = reader.U32();
  settings.size_max = reader.U32();
  if (reader.failed()) return settings;
  if (source < 1 || source > 4) reader.Unsupported(fmt::format("source kind {} is not known", source));
  if (!IsKnownChunker(source, settings.chunker)) return settings;  // refused when something is to be cut by it
  const uint32_t least = settings.chunker == kGear ? kGearSizeMin : 1;
  const bool is_fixed = settings.size_min == settings.size_average && settings.size_average == settings.size_max;
  const bool ordered = (settings.chunker == kGear || is_fixed) && settings.size_min >= least &&
                       settings.size_min <= settings.size_average && settings.size_average <= settings.size_max &&
                       settings.size_max <= limits::kBlobBytesMax;
  if (!ordered) {
    reader.Fail(fmt::format("chunk sizes are {}, {}, {}", settings.size_min, settings.size_average, settings.size_max));
  }
  return settings;
}

// --- body ---

Bytes ConfigBody::Encode() const {
  WireWriter writer;
  writer.U32(static_cast<uint32_t>(public_part.size()));
  writer.Raw(public_part);
  writer.U32(static_cast<uint32_t>(sealed_part.size()));
  writer.Raw(sealed_part);
  writer.Raw(signature);
  return std::move(writer).Take();
}

Result<ConfigBody> ConfigBody::Parse(ByteSpan body) {
  if (body.size() > limits::kConfigBytesMax) {
    return Corrupt("config body has {} bytes, at most {} are allowed", body.size(), limits::kConfigBytesMax);
  }
  WireReader reader(body, "config body");
  ConfigBody parsed;
  parsed.public_part = ToBytes(reader.Raw(reader.U32()));
  parsed.sealed_part = ToBytes(reader.Raw(reader.U32()));
  parsed.signature = ReadArray<64>(reader);
  RETURN_IF_ERROR(reader.Finish());
  return parsed;
}

ByteSpan ConfigBody::SignedPart(ByteSpan body) {
  CHECK(body.size() >= sizeof(Signature));
  return body.first(body.size() - sizeof(Signature));
}

}  // namespace cairn
