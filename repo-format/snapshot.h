// A snapshot, in its two parts. SPEC section 11.1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "repo-format/config_object.h"
#include "repo-format/envelope.h"
#include "repo-format/ids.h"
#include "repo-format/object_header.h"
#include "repo-format/tree_path.h"

namespace cairn {

// What every role may open.
struct SnapshotOuter {
  uint64_t counter = 0;
  std::vector<Digest> heads;  // ascending
  uint32_t epoch = 0;
  Suite suite = Suite::kAes256Gcm;
  Envelope metadata_envelope;
  Bytes inner;  // salt 16, ciphertext, tag 16
  std::vector<UnknownRecord> unknown;

  Bytes Encode() const;
  static Result<SnapshotOuter> Parse(ByteSpan plain);
};

// Never renumber.
enum class ItemKind : uint8_t { kFiles = 1, kStream = 2, kPostgres = 3, kSqlite = 4, kPages = 5 };
enum class SnapshotClass : uint8_t { kOrdinary = 1, kSafety = 2, kArchive = 3, kDrill = 4 };
std::string_view Name(ItemKind kind);
std::string_view Name(SnapshotClass value);

// A data blob that a record refers to.
struct BlobReference {
  BlobId id;
  uint32_t length = 0;
  friend bool operator==(const BlobReference&, const BlobReference&) = default;
};

// UTF-8, 1 to 255 bytes, that a folder can be called by.
bool IsItemName(std::string_view name);

struct SnapshotItem {
  std::string name;  // no other item of the snapshot has it
  ItemKind kind = ItemKind::kFiles;
  BlobId root;  // directory blob
  bool complete = true;
  std::vector<Bytes> paths;  // as given by the user
  std::optional<ChunkerSettings> chunker;
  uint64_t unread_nodes = 0;
  std::optional<BlobReference> command_line;
  std::optional<Bytes> source_parameters;  // records
  std::vector<UnknownRecord> unknown;
  friend bool operator==(const SnapshotItem&, const SnapshotItem&) = default;
};

struct SnapshotTotals {
  uint64_t files = 0, folders = 0, others = 0, bytes = 0, bytes_new = 0, bytes_stored = 0;
  friend bool operator==(const SnapshotTotals&, const SnapshotTotals&) = default;
};

// What the metadata key opens.
struct SnapshotInner {
  Bytes host, user;
  WireTime start, end;
  std::string program;
  int32_t offset_minutes = 0;
  std::string zone;
  SnapshotClass snapshot_class = SnapshotClass::kOrdinary;
  std::vector<SnapshotItem> items;
  std::optional<SnapshotId> parent;
  std::vector<SnapshotId> needs;
  std::string description;
  std::vector<std::string> tags;  // ascending, no tag twice
  SnapshotTotals totals;
  std::optional<SnapshotId> original;
  std::vector<UnknownRecord> unknown;

  // Where the tree of an item of this snapshot is, in the one tree that the snapshot is seen as: at its root where it
  // is the only item; else in a folder of its name.
  TreePath PlaceOf(const SnapshotItem& item) const;

  Bytes Encode() const;
  static Result<SnapshotInner> Parse(ByteSpan plain);
  friend bool operator==(const SnapshotInner&, const SnapshotInner&) = default;
};

}  // namespace cairn
