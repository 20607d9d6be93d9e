#include "engine/store/sftp/sftp_packet.h"

#include <algorithm>

#include "repo-format/tree_path.h"
#include "repo-format/wire_reader.h"

namespace cairn::sftp {
namespace {

constexpr size_t kHeadSize = 4;
constexpr size_t kBufferSize = 64 * kKiB;
constexpr size_t kMessageSizeMax = 300;
constexpr uint32_t kNameSizeMax = 64 * kKiB;
constexpr uint64_t kExtensionsMax = 200;
constexpr uint32_t kProtocolVersion = 3;

enum AttributeFlag : uint32_t {
  kHasSize = 1,
  kHasOwner = 2,
  kHasPermissions = 4,
  kHasTimes = 8,
  kHasExtended = 0x8000'0000,
};

// What breaks the protocol says nothing about an object: another connection may do better.
Error Broken(std::string message) { return Error(ErrorCode::kIo, std::move(message)).Transient(); }
Result<void> StatusOf(const WireReader& reader) {
  const auto status = reader.status();
  return status ? status : Broken(status.error().message());
}

// The protocol's integers have their highest byte first.
uint32_t BigU32(WireReader& reader) { return __builtin_bswap32(reader.U32()); }
uint64_t BigU64(WireReader& reader) { return __builtin_bswap64(reader.U64()); }

ByteSpan BigString(WireReader& reader, uint32_t size_max) {
  const uint32_t size = BigU32(reader);
  if (size > size_max) reader.Fail(fmt::format("a string of {} bytes, at most {}", size, size_max));
  return reader.Raw(size);
}

uint32_t U32At(ByteSpan bytes) {
  return static_cast<uint32_t>(bytes[0]) << 24 | static_cast<uint32_t>(bytes[1]) << 16 |
         static_cast<uint32_t>(bytes[2]) << 8 | bytes[3];
}

void PutU32At(Bytes& bytes, size_t offset, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) bytes[offset + i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

Attributes ReadAttributes(WireReader& reader) {
  Attributes attributes;
  const uint32_t flags = BigU32(reader);
  if (flags & kHasSize) attributes.size = BigU64(reader);
  if (flags & kHasOwner) reader.Raw(8);
  if (flags & kHasPermissions) attributes.mode = BigU32(reader);
  if (flags & kHasTimes) {
    BigU32(reader);  // of the last access
    attributes.modified_seconds = BigU32(reader);
  }
  if (flags & kHasExtended) {
    const uint32_t pairs = BigU32(reader);
    for (uint32_t i = 0; i < pairs && !reader.failed(); ++i) {
      BigString(reader, kNameSizeMax);
      BigString(reader, kNameSizeMax);
    }
  }
  return attributes;
}

}  // namespace

PacketWriter::PacketWriter(PacketType type, size_t size_hint) {
  bytes_.reserve(64 + size_hint);
  bytes_.resize(9);
  bytes_[4] = static_cast<uint8_t>(type);
}

PacketWriter& PacketWriter::U32(uint32_t value) {
  bytes_.resize(bytes_.size() + 4);
  PutU32At(bytes_, bytes_.size() - 4, value);
  return *this;
}

PacketWriter& PacketWriter::U64(uint64_t value) {
  return U32(static_cast<uint32_t>(value >> 32)).U32(static_cast<uint32_t>(value));
}

PacketWriter& PacketWriter::String(ByteSpan bytes) {
  U32(static_cast<uint32_t>(bytes.size()));
  Append(bytes_, bytes);
  return *this;
}

PacketWriter& PacketWriter::Permissions(uint32_t mode) { return U32(kHasPermissions).U32(mode); }

Bytes PacketWriter::Take(uint32_t id) && {
  PutU32At(bytes_, 0, static_cast<uint32_t>(bytes_.size() - kHeadSize));
  PutU32At(bytes_, 5, id);
  return std::move(bytes_);
}

Bytes InitPacket() { return PacketWriter(PacketType::kInit).Take(kProtocolVersion); }  // it has no id

PacketSplitter::PacketSplitter() { buffer_.resize(kBufferSize); }

MutableByteSpan PacketSplitter::Space() {
  if (partial_) return MutableByteSpan(*partial_).subspan(partial_size_);
  return MutableByteSpan(buffer_).subspan(buffered_);
}

Result<uint32_t> PacketSplitter::LengthOf(ByteSpan head) const {
  const uint32_t length = U32At(head);
  if (length >= 1 && length <= kPacketSizeMax) return length;
  const auto is_text = [](uint8_t c) {
    return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\r' || c == '\t' || c == 27;
  };
  if (is_first_ && std::ranges::all_of(head.first(kHeadSize), is_text)) {
    std::string_view line = AsText(head.first(std::min<size_t>(head.size(), 60)));
    line = line.substr(0, line.find_first_of("\r\n"));
    const std::string text = PathForPeople(AsBytes(line));
    return MakeError(
        ErrorCode::kUnsupported,
        "the server writes text where SFTP begins (\"{}\"): something that its login shell starts, .bashrc "
        "for example, must print nothing when nobody is there",
        text);
  }
  return Broken(
      fmt::format("the SFTP server sent a packet of {} bytes, at most {} are allowed", length, kPacketSizeMax));
}

Result<void> PacketSplitter::Filled(size_t size) {
  CHECK(size <= Space().size());
  if (partial_) {
    partial_size_ += size;
    if (partial_size_ < partial_->size()) return {};
    ready_.push_back(*std::move(partial_));
    partial_.reset();
    return {};
  }
  buffered_ += size;
  ByteSpan rest = ByteSpan(buffer_).first(buffered_);
  while (rest.size() >= kHeadSize) {
    ASSIGN_OR_RETURN(const uint32_t length, LengthOf(rest));
    is_first_ = false;
    rest = rest.subspan(kHeadSize);
    Bytes packet(length);
    const size_t there = std::min<size_t>(length, rest.size());
    if (there > 0) std::memcpy(packet.data(), rest.data(), there);
    rest = rest.subspan(there);
    if (there == length) {
      ready_.push_back(std::move(packet));
      continue;
    }
    partial_ = std::move(packet);
    partial_size_ = there;
    break;
  }
  buffered_ = partial_ ? 0 : rest.size();
  if (buffered_ > 0) std::memmove(buffer_.data(), rest.data(), buffered_);
  return {};
}

std::optional<Bytes> PacketSplitter::Next() {
  if (ready_.empty()) return std::nullopt;
  std::optional<Bytes> packet = std::move(ready_.front());
  ready_.pop_front();
  return packet;
}

Result<Answer> ParseAnswer(Bytes packet) {
  WireReader reader(packet, "an answer of the SFTP server");
  const uint8_t type = reader.U8();
  const uint32_t id = BigU32(reader);
  RETURN_IF_ERROR(StatusOf(reader));
  switch (static_cast<PacketType>(type)) {
    case PacketType::kStatus:
    case PacketType::kHandle:
    case PacketType::kData:
    case PacketType::kName:
    case PacketType::kAttributes:
    case PacketType::kExtendedReply:
      return Answer{static_cast<PacketType>(type), id, std::move(packet)};
    default:
      return Broken(fmt::format("the SFTP server sent a packet of type {}, which is no answer", type));
  }
}

bool ServerVersion::Has(std::string_view name, std::string_view wanted) const {
  const auto found = extensions.find(std::string(name));
  return found != extensions.end() && found->second == wanted;
}

Result<ServerVersion> ParseVersion(ByteSpan packet) {
  WireReader reader(packet, "the greeting of the SFTP server");
  ServerVersion version;
  if (static_cast<PacketType>(reader.U8()) != PacketType::kVersion) reader.Fail("it is no greeting");
  version.version = BigU32(reader);
  for (uint64_t count = 0; reader.remaining() > 0 && count < kExtensionsMax; ++count) {
    const std::string name = ToString(BigString(reader, kNameSizeMax));
    const std::string value = ToString(BigString(reader, kNameSizeMax));
    version.extensions.emplace(name, value);
  }
  RETURN_IF_ERROR(StatusOf(reader));
  if (version.version == kProtocolVersion) return version;
  return MakeError(ErrorCode::kUnsupported, "the server speaks SFTP version {}, and 3 is needed", version.version);
}

Result<Status> ParseStatus(ByteSpan body) {
  WireReader reader(body, "a status of the SFTP server");
  Status status{.code = static_cast<StatusCode>(BigU32(reader))};
  // Some servers leave out the text, or its language.
  if (reader.remaining() > 0) {
    ByteSpan message = BigString(reader, kPacketSizeMax);
    status.message = PathForPeople(message.first(std::min(message.size(), kMessageSizeMax)));
  }
  RETURN_IF_ERROR(StatusOf(reader));
  return status;
}

Result<std::string> ParseHandle(ByteSpan body) {
  WireReader reader(body, "a handle of the SFTP server");
  const ByteSpan handle = BigString(reader, kHandleSizeMax);
  RETURN_IF_ERROR(StatusOf(reader));
  return ToString(handle);
}

Result<ByteSpan> ParseData(ByteSpan body, uint32_t size_max) {
  WireReader reader(body, "data of the SFTP server");
  const ByteSpan data = BigString(reader, size_max);
  RETURN_IF_ERROR(StatusOf(reader));
  if (data.empty()) return Broken("the SFTP server sent no data, and not that there is none");
  return data;
}

Result<std::vector<Entry>> ParseNames(ByteSpan body) {
  WireReader reader(body, "a listing of the SFTP server");
  const uint32_t told = BigU32(reader);
  const size_t size_min = 12;  // two strings and the attributes' flags
  if (told > reader.remaining() / size_min) reader.Fail(fmt::format("{} entries do not fit into it", told));
  std::vector<Entry> entries;
  for (uint32_t i = 0; i < told && !reader.failed(); ++i) {
    Entry entry;
    entry.name = ToString(BigString(reader, kNameSizeMax));
    BigString(reader, kPacketSizeMax);  // a line for people
    entry.attributes = ReadAttributes(reader);
    if (entry.name.empty() || entry.name.find('/') != std::string::npos || entry.name.find('\0') != std::string::npos) {
      reader.Fail("a name that no file can have");
    }
    entries.push_back(std::move(entry));
  }
  RETURN_IF_ERROR(StatusOf(reader));
  return entries;
}

Result<Attributes> ParseAttributes(ByteSpan body) {
  WireReader reader(body, "attributes of the SFTP server");
  const Attributes attributes = ReadAttributes(reader);
  RETURN_IF_ERROR(StatusOf(reader));
  return attributes;
}

Result<Space> ParseSpace(ByteSpan body) {
  WireReader reader(body, "statvfs of the SFTP server");
  BigU64(reader);
  const uint64_t unit = BigU64(reader);
  BigU64(reader);
  BigU64(reader);
  const uint64_t free_units = BigU64(reader);
  BigU64(reader);
  BigU64(reader);
  Space space{.free_files = BigU64(reader)};
  BigU64(reader);
  space.is_read_only = (BigU64(reader) & 1) != 0;
  BigU64(reader);
  RETURN_IF_ERROR(StatusOf(reader));
  if (__builtin_mul_overflow(unit, free_units, &space.free_bytes)) space.free_bytes = UINT64_MAX;
  return space;
}

Result<ServerLimits> ParseLimits(ByteSpan body) {
  WireReader reader(body, "limits of the SFTP server");
  ServerLimits limits;
  limits.packet_size = BigU64(reader);
  limits.read_size = BigU64(reader);
  limits.write_size = BigU64(reader);
  limits.handles = BigU64(reader);
  RETURN_IF_ERROR(StatusOf(reader));
  return limits;
}

}  // namespace cairn::sftp
