// Names of objects on a store. SPEC section 4.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "repo-format/base/result.h"
#include "repo-format/ids.h"

namespace cairn {

// A name that a store may be asked for: 1 to 120 characters of [0-9a-z./-], no empty, "." or ".." part, no leading or
// trailing "/". A value that exists is valid. Below are the only makers of cairn's own names.
class ObjectName {
 public:
  static Result<ObjectName> Parse(std::string_view text);

  const std::string& text() const { return text_; }
  // The part after the last "/".
  std::string_view base() const;

  friend auto operator<=>(const ObjectName&, const ObjectName&) = default;

 private:
  friend ObjectName MakeObjectName(std::string text);
  explicit ObjectName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// Prefixes under which List finds the objects of a kind; each ends with "/".
inline constexpr std::string_view kConfigPrefix = "config/";
inline constexpr std::string_view kKeyPrefix = "keys/";
inline constexpr std::string_view kDataPrefix = "data/";
inline constexpr std::string_view kMetaPrefix = "meta/";
inline constexpr std::string_view kIndexPrefix = "index/";
inline constexpr std::string_view kSessionPrefix = "sessions/";
inline constexpr std::string_view kSnapshotPrefix = "snapshots/";
inline constexpr std::string_view kTombstonePrefix = "tombstones/";
inline constexpr std::string_view kNotePrefix = "notes/";
inline constexpr std::string_view kForgottenPrefix = "forgotten/";
inline constexpr std::string_view kDeletedPrefix = "deleted/";

ObjectName ConfigName(uint64_t number);                               // config/<n>, decimal
ObjectName KeyName(const KeyId& key);                                 // keys/<id>
ObjectName PackObjectName(BlobKind kind, const PackName& pack);       // data|meta/<xx>/<pack>
ObjectName SegmentName(const SegmentId& segment);                     // index/<id>
ObjectName SessionName(const SessionId& session);                     // sessions/<sid>
ObjectName SessionEndName(const SessionId& session);                  // sessions/<sid>.end
ObjectName SignOfLifeName(const SessionId& session, uint32_t n);      // sessions/<sid>.<n>, decimal from 1
ObjectName SnapshotName(const SnapshotId& snapshot);                  // snapshots/<sid>
ObjectName TombstoneName(const PackName& pack);                       // tombstones/<pack>
ObjectName SeenListName(const SessionId& pruner);                     // tombstones/<sid>.seen
ObjectName NoteName(const SnapshotId& snapshot, const ObjectId& id);  // notes/<sid>/<id>
ObjectName ForgottenName(const ObjectId& id);                         // forgotten/<id>
ObjectName DeletedName(const SnapshotId& snapshot);                   // deleted/<sid>

// What a listed name says, for names of this version; kUnknown for every other (reported, never touched).
struct ParsedName {
  enum class Kind {
    kUnknown,
    kConfig,
    kKey,
    kPack,
    kSegment,
    kSession,
    kSessionEnd,
    kSignOfLife,
    kSnapshot,
    kTombstone,
    kSeenList,
    kNote,
    kForgotten,
    kDeleted,
    kReserved,  // kReserved: under parity/ trash/ journal/ ledger/ commits/
  };
  Kind kind = Kind::kUnknown;
  uint64_t number = 0;  // kConfig: n; kSignOfLife: n
  KeyId key;            // kKey
  BlobKind pack_kind = BlobKind::kData;
  PackName pack;      // kPack, kTombstone
  SegmentId segment;  // kSegment
  SessionId session;  // kSession, kSessionEnd, kSignOfLife, kSnapshot, kSeenList, kNote, kDeleted
  ObjectId id;        // kNote, kForgotten
};
ParsedName ParseObjectName(std::string_view name);

}  // namespace cairn
