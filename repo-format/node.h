// An entry of a directory. SPEC section 10.3.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "repo-format/list_blob.h"
#include "repo-format/snapshot.h"

namespace cairn {

// Never renumber.
enum class NodeType : uint8_t {
  kFile = 1,
  kFolder = 2,
  kSymlink = 3,
  kCharDevice = 4,
  kBlockDevice = 5,
  kFifo = 6,
  kSocket = 7,
  kDatabase = 16,
  kTable = 17,
  kPages = 18,
  kRowGroup = 19,  // reserved
};
std::string_view Name(NodeType type);

struct Attribute {  // an extended attribute
  Bytes name;
  std::optional<Bytes> value;         // in line, or
  std::optional<BlobReference> blob;  // a data blob: exactly one of the two; an empty value is in line
  friend bool operator==(const Attribute&, const Attribute&) = default;
};

// The bytes of a file: few entries in line, or the root of a list.
struct Content {
  uint8_t depth = 0;
  std::vector<ListEntry> entries;  // depth 0: at most limits::kContentInlineEntriesMax
  ListChild root;                  // depth > 0: the root list blob has depth - 1
  friend bool operator==(const Content&, const Content&) = default;
};

struct Device {
  uint64_t major = 0, minor = 0;
  friend bool operator==(const Device&, const Device&) = default;
};

struct Subtree {
  uint64_t entries = 0;  // directly in it
  BlobId root;           // directory blob
  friend bool operator==(const Subtree&, const Subtree&) = default;
};

// A node that this version of cairn cannot read, as it stands: a type, or a needed field, of a later version.
struct OpaqueNode {
  uint8_t type = 0;
  Bytes fields;
  std::string why;
  friend bool operator==(const OpaqueNode&, const OpaqueNode&) = default;
};

struct Node {
  Bytes name;
  NodeType type = NodeType::kFile;
  uint32_t mode = 0;  // 07777
  uint64_t uid = 0, gid = 0;
  Bytes user, group;  // empty: unknown
  WireTime modified;
  std::optional<WireTime> changed, born;
  uint64_t size = 0;                                 // files
  std::optional<std::array<uint8_t, 8>> link_group;  // where the source's link count is above 1
  std::optional<Device> device;                      // devices
  uint64_t flags = 0;                                // FS_IOC_GETFLAGS bits of SPEC 10.3; 0: none
  std::optional<Content> content;                    // files
  std::vector<Attribute> attributes;                 // ascending by name
  std::optional<Subtree> subtree;                    // folders
  std::optional<ChunkerSettings> chunker;            // files: by what the content was cut, where not by the item's
  std::optional<uint64_t> rows;                      // files that are a table's rows: how many
  bool changed_while_read = false;
  Bytes target;  // symbolic links
  std::vector<UnknownRecord> unknown;
  // Where it is set, only the name is known beside it. The readers of engine/tree give such a node to nobody: they
  // tell, and go on without it.
  std::optional<OpaqueNode> opaque;

  // A leaf entry of a directory blob.
  void Write(WireWriter& writer) const;
  static Node Read(WireReader& reader);
  friend bool operator==(const Node&, const Node&) = default;
};

// May this be a node's name? SPEC 10.2: what could leave the target is refused.
bool IsNodeName(ByteSpan name);

}  // namespace cairn
