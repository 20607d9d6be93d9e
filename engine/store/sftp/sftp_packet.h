// SFTP version 3 (draft-ietf-secsh-filexfer-02) in bytes: requests written, answers read.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"
#include "repo-format/base/units.h"

namespace cairn::sftp {

enum class PacketType : uint8_t {
  kInit = 1,
  kVersion = 2,
  kOpen = 3,
  kClose = 4,
  kRead = 5,
  kWrite = 6,
  kFileStat = 8,
  kOpenFolder = 11,
  kReadFolder = 12,
  kRemove = 13,
  kMakeFolder = 14,
  kStat = 17,
  kRename = 18,
  kStatus = 101,
  kHandle = 102,
  kData = 103,
  kName = 104,
  kAttributes = 105,
  kExtended = 200,
  kExtendedReply = 201,
};

enum class StatusCode : uint32_t {
  kOk = 0,
  kEndOfFile = 1,
  kNoSuchFile = 2,
  kPermissionDenied = 3,
  kFailure = 4,
  kBadMessage = 5,
  kNoConnection = 6,
  kConnectionLost = 7,
  kUnsupported = 8,
  // Of later versions; some servers send them all the same.
  kFileAlreadyExists = 11,
  kWriteProtect = 12,
  kNoSpace = 14,
  kQuotaExceeded = 15,
};

inline constexpr uint32_t kOpenRead = 1, kOpenWrite = 2, kOpenCreate = 8, kOpenExclusive = 32;

// A packet is at most this long behind its length: what servers take, and a head.
inline constexpr uint32_t kPacketSizeMax = 256 * kKiB + kKiB;
inline constexpr uint32_t kHandleSizeMax = 256;
inline constexpr uint32_t kDataSizeMin = 32 * kKiB;   // each server takes that much in a read or write
inline constexpr uint32_t kDataSizeMax = 255 * kKiB;  // and none more than that

// A request; its length and id are filled in by Take. One thread at a time.
class PacketWriter {
 public:
  explicit PacketWriter(PacketType type, size_t size_hint = 0);
  PacketWriter& U32(uint32_t value);
  PacketWriter& U64(uint64_t value);
  PacketWriter& String(ByteSpan bytes);
  PacketWriter& String(std::string_view text) { return String(AsBytes(text)); }
  PacketWriter& Permissions(uint32_t mode);  // attributes with nothing else in them
  PacketWriter& NoAttributes() { return U32(0); }
  size_t size() const { return bytes_.size(); }
  Bytes Take(uint32_t id) &&;

 private:
  Bytes bytes_;
};
Bytes InitPacket();

// Cuts what a server sends into packets (without their lengths). Memory: one packet and 64 KiB, and what is not taken.
// One thread at a time.
class PacketSplitter {
 public:
  PacketSplitter();
  // Where the next bytes go, never empty, and that `size` of them are there. An Error where they are no packet: the
  // stream is of no use any more.
  MutableByteSpan Space();
  Result<void> Filled(size_t size);
  std::optional<Bytes> Next();

 private:
  Result<uint32_t> LengthOf(ByteSpan head) const;

  bool is_first_ = true;
  Bytes buffer_;
  size_t buffered_ = 0;           // an incomplete head at the beginning of buffer_
  std::optional<Bytes> partial_;  // a packet whose head is known
  size_t partial_size_ = 0;       // of it, what is there
  std::deque<Bytes> ready_;
};

// An answer: its type and what stands behind the id.
struct Answer {
  PacketType type = PacketType::kStatus;
  uint32_t id = 0;
  Bytes packet;  // whole
  ByteSpan body() const { return ByteSpan(packet).subspan(5); }
};
Result<Answer> ParseAnswer(Bytes packet);

struct ServerVersion {
  uint32_t version = 0;
  std::map<std::string, std::string> extensions;  // name, version
  bool Has(std::string_view name, std::string_view version) const;
};
Result<ServerVersion> ParseVersion(ByteSpan packet);

struct Status {
  StatusCode code = StatusCode::kOk;
  std::string message;  // the server's words, made printable; maybe ""
};
struct Attributes {
  std::optional<uint64_t> size;
  std::optional<uint32_t> mode;
  int64_t modified_seconds = 0;  // 0: not told
  bool is_folder() const { return mode && (*mode & 0170000) == 0040000; }
  bool is_file() const { return mode && (*mode & 0170000) == 0100000; }
  bool is_link() const { return mode && (*mode & 0170000) == 0120000; }
};
struct Entry {
  std::string name;
  Attributes attributes;
};
struct Space {
  uint64_t free_bytes = 0;  // for who is not root
  uint64_t free_files = 0;
  bool is_read_only = false;
};
struct ServerLimits {
  uint64_t packet_size = 0, read_size = 0, write_size = 0, handles = 0;  // 0: not told
};

// Each reads the body of an answer of its type; a transient kIo where it is broken (not kCorrupt: that would be said of
// an object).
Result<Status> ParseStatus(ByteSpan body);
Result<std::string> ParseHandle(ByteSpan body);
Result<ByteSpan> ParseData(ByteSpan body, uint32_t size_max);
Result<std::vector<Entry>> ParseNames(ByteSpan body);
Result<Attributes> ParseAttributes(ByteSpan body);
Result<Space> ParseSpace(ByteSpan body);
Result<ServerLimits> ParseLimits(ByteSpan body);

}  // namespace cairn::sftp
