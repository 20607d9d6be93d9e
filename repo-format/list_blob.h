// The blobs of a file in order, as metadata blobs. SPEC section 10.1.
#pragma once

#include <cstdint>
#include <vector>

#include "repo-format/ids.h"
#include "repo-format/wire_reader.h"

namespace cairn {

struct ListEntry {
  enum class Type : uint8_t { kBlob = 0, kHole = 1, kRun = 2 };  // never renumber
  Type type = Type::kBlob;
  uint64_t length = 0;  // bytes of the blob, of the hole, of one blob of the run
  uint64_t count = 1;   // blobs of the run; 1 otherwise
  BlobId id;            // zero for holes

  uint64_t TotalBytes() const { return length * count; }  // checked when parsed
  void Write(WireWriter& writer) const;
  static ListEntry Read(WireReader& reader);
  friend bool operator==(const ListEntry&, const ListEntry&) = default;
};

struct ListChild {            // inner entry
  uint64_t bytes = 0;         // of the file, below it
  uint64_t leaf_entries = 0;  // below it
  BlobId id;
  void Write(WireWriter& writer) const;
  static ListChild Read(WireReader& reader);
  friend bool operator==(const ListChild&, const ListChild&) = default;
};

struct ListBlob {
  uint8_t depth = 0;
  std::vector<ListEntry> entries;   // depth 0
  std::vector<ListChild> children;  // depth > 0

  Bytes Encode() const;
  static Result<ListBlob> Parse(ByteSpan blob);
};

// Does a list blob end after an entry with this id? Only the content rule; the counts (8 to 128) are the builder's.
// `average`: 128 for files and streams, 32 for pages and rows.
bool CutsList(const BlobId& id, uint32_t average);

}  // namespace cairn
