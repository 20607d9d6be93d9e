#include "repo-format/node.h"

#include <algorithm>

#include "repo-format/base/checked_math.h"
#include "repo-format/limits.h"
#include "repo-format/node_check.h"

namespace cairn {
namespace {

bool HasContent(NodeType type) { return type == NodeType::kFile; }
bool IsDevice(NodeType type) { return type == NodeType::kCharDevice || type == NodeType::kBlockDevice; }

Bytes EncodeContent(const Content& content) {
  WireWriter writer;
  writer.U8(content.depth);
  if (content.depth == 0) {
    writer.V(content.entries.size());
    for (const ListEntry& entry : content.entries) entry.Write(writer);
  } else {
    content.root.Write(writer);
  }
  return std::move(writer).Take();
}

Content ReadContent(WireReader& value) {
  Content content;
  content.depth = value.U8();
  if (content.depth > limits::kBlobTreeDepthMax + 1) value.Fail(fmt::format("content has depth {}", content.depth));
  if (content.depth > 0) {
    content.root = ListChild::Read(value);
    if (!value.failed() && content.root.leaf_entries <= limits::kContentInlineEntriesMax) {
      value.Fail(fmt::format("a list has {} entries, up to {} stand in the node", content.root.leaf_entries,
                             limits::kContentInlineEntriesMax));
    }
    return content;
  }
  const uint64_t count = value.Count(2, limits::kContentInlineEntriesMax);
  for (uint64_t i = 0; i < count && !value.failed(); ++i) content.entries.push_back(ListEntry::Read(value));
  return content;
}

Bytes EncodeAttributes(const std::vector<Attribute>& attributes) {
  WireWriter writer;
  writer.V(attributes.size());
  for (const Attribute& attribute : attributes) {
    writer.String(attribute.name);
    if (attribute.blob) {
      writer.U8(1);
      writer.V(attribute.blob->length);
      writer.Put(attribute.blob->id);
    } else {
      writer.U8(0);
      writer.String(attribute.value.value_or(Bytes()));
    }
  }
  return std::move(writer).Take();
}

std::vector<Attribute> ReadAttributes(WireReader& value) {
  std::vector<Attribute> attributes;
  const uint64_t count = value.Count(3, UINT32_MAX);
  if (!value.failed() && count == 0) value.Fail("a list of attributes is empty");
  for (uint64_t i = 0; i < count && !value.failed(); ++i) {
    Attribute attribute;
    attribute.name = ToBytes(value.String(limits::kNameBytesMax));
    const uint8_t form = value.U8();
    if (form == 0) {
      attribute.value = ToBytes(value.String(limits::kAclInlineBytesMax));
    } else if (form == 1) {
      const uint64_t length = value.V();
      if (!value.failed() && (length == 0 || length > limits::kAttributeBytesMax)) {
        value.Fail(fmt::format("an attribute's blob has {} bytes", length));
      }
      attribute.blob = BlobReference{value.Get<BlobId>(), static_cast<uint32_t>(length)};
    } else {
      value.Unsupported(fmt::format("an attribute has form {}", form));
    }
    if (attribute.name.empty()) value.Fail("an attribute has no name");
    if (!attributes.empty() && attribute.name <= attributes.back().name) value.Fail("attributes do not ascend");
    attributes.push_back(std::move(attribute));
  }
  return attributes;
}

uint64_t VWithin(WireReader& value, uint64_t max, std::string_view what) {
  const uint64_t number = value.V();
  if (!value.failed() && number > max) value.Fail(fmt::format("{} is {}, at most {} is allowed", what, number, max));
  return number;
}

Bytes RestOf(WireReader& value, uint64_t size_max) {
  if (value.remaining() > size_max) value.Fail(fmt::format("a field has {} bytes", value.remaining()));
  return ToBytes(value.Raw(value.remaining()));
}

// Nobody needs it to read the file: one of a later version (false) stays as it is.
bool ReadChunker(Node& node, WireReader& value) {
  WireReader look = value;
  const uint8_t source = look.U8();
  const uint8_t chunker = look.U8();
  if (!look.failed() && !IsKnownChunker(source, chunker)) return false;
  node.chunker = ReadChunkerSettings(value);
  return true;
}

// Does this tag belong to this type of node?
bool Belongs(uint64_t tag, NodeType type) {
  switch (tag) {
    case 9:
    case 13:
      return HasContent(type);
    case 10:
      return type != NodeType::kFolder;
    case 11:
      return IsDevice(type);
    case 12:
      return type == NodeType::kFile || type == NodeType::kFolder;
    case 15:
      return type == NodeType::kFolder;
    case 16:
    case 26:
    case 28:
      return type == NodeType::kFile;
    case 17:
      return type == NodeType::kSymlink;
    default:
      return true;
  }
}

bool ReadField(Node& node, uint64_t tag, WireReader& value) {
  if (!Belongs(tag, node.type)) {
    value.Fail(fmt::format("tag {} does not belong to a {}", tag, Name(node.type)));
    return true;
  }
  switch (tag) {
    case 1:
      node.mode = static_cast<uint32_t>(VWithin(value, 07777, "a mode"));
      return true;
    case 2:
      node.user = RestOf(value, limits::kNameBytesMax);
      return true;
    case 3:
      node.uid = VWithin(value, UINT32_MAX, "a uid");
      return true;
    case 4:
      node.group = RestOf(value, limits::kNameBytesMax);
      return true;
    case 5:
      node.gid = VWithin(value, UINT32_MAX, "a gid");
      return true;
    case 6:
      node.changed = value.Time();
      return true;
    case 7:
      node.modified = value.Time();
      return true;
    case 8:
      node.born = value.Time();
      return true;
    case 9:
      node.size = VWithin(value, INT64_MAX, "a size");
      return true;
    case 10: {
      std::array<uint8_t, 8> group{};
      const ByteSpan raw = value.Raw(group.size());
      if (!raw.empty()) std::ranges::copy(raw, group.begin());
      node.link_group = group;
      return true;
    }
    case 11: {
      Device device;
      device.major = VWithin(value, UINT32_MAX, "a device's major number");
      device.minor = VWithin(value, UINT32_MAX, "a device's minor number");
      node.device = device;
      return true;
    }
    case 12: {
      node.flags = value.V();
      if (!value.failed() && (node.flags == 0 || (node.flags & ~kFlagsKnown) != 0)) {
        value.Fail(fmt::format("file system flags are {:#x}", node.flags));
      }
      return true;
    }
    case 13:
      node.content = ReadContent(value);
      return true;
    case 14:
      node.attributes = ReadAttributes(value);
      return true;
    case 15: {
      Subtree subtree;
      subtree.entries = value.V();
      subtree.root = value.Get<BlobId>();
      node.subtree = subtree;
      return true;
    }
    case 16: {
      if (value.V() != 1) value.Fail("the mark of a changed file is not 1");
      node.changed_while_read = true;
      return true;
    }
    case 17:
      node.target = RestOf(value, limits::kNameBytesMax);
      return true;
    case 26:
      return ReadChunker(node, value);
    case 28:
      node.rows = value.V();
      return true;
    default:
      return false;
  }
}

// What every node of its type must have, and the sum of its content.
Result<void> CheckWhole(const Node& node, uint32_t seen) {
  uint32_t needed = 1u << 1 | 1u << 3 | 1u << 5 | 1u << 7;
  if (node.type == NodeType::kFile) needed |= 1u << 9 | 1u << 13;
  if (IsDevice(node.type)) needed |= 1u << 11;
  if (node.type == NodeType::kFolder) needed |= 1u << 15;
  if (node.type == NodeType::kSymlink) needed |= 1u << 17;
  if ((seen & needed) != needed) return Corrupt("a {} lacks a needed field (have {:#x})", Name(node.type), seen);
  if (node.type == NodeType::kSymlink) {
    const bool bad = node.target.empty() || std::ranges::find(node.target, 0) != node.target.end();
    if (bad) return Corrupt("a symbolic link's target is empty or holds a zero byte");
  }
  if (!node.content) return {};
  uint64_t bytes = node.content->depth == 0 ? 0 : node.content->root.bytes;
  for (const ListEntry& entry : node.content->entries) {
    const auto sum = CheckedAdd(bytes, entry.TotalBytes());
    if (!sum) return Corrupt("a file's content is longer than a file can be");
    bytes = *sum;
  }
  if (bytes != node.size) return Corrupt("a file says {} bytes, its content has {}", node.size, bytes);
  return {};
}

}  // namespace

std::string_view Name(NodeType type) {
  switch (type) {
    case NodeType::kFile:
      return "file";
    case NodeType::kFolder:
      return "folder";
    case NodeType::kSymlink:
      return "symbolic link";
    case NodeType::kCharDevice:
      return "character device";
    case NodeType::kBlockDevice:
      return "block device";
    case NodeType::kFifo:
      return "fifo";
    case NodeType::kSocket:
      return "socket";
    case NodeType::kDatabase:
      return "database";
    case NodeType::kTable:
      return "table";
    case NodeType::kPages:
      return "pages";
    case NodeType::kRowGroup:
      return "row group";
  }
  return "unknown";
}

bool IsNodeName(ByteSpan name) {
  if (name.empty() || name.size() > limits::kNameBytesMax) return false;
  const std::string_view text = AsText(name);
  if (text == "." || text == "..") return false;
  return text.find('/') == std::string_view::npos && text.find('\0') == std::string_view::npos;
}

void Node::Write(WireWriter& writer) const {
  if (opaque) {
    writer.String(name);
    writer.U8(opaque->type);
    writer.String(opaque->fields);
    return;
  }
  RecordWriter fields;
  fields.AddV(1, mode);
  if (!user.empty()) fields.Add(2, user);
  fields.AddV(3, uid);
  if (!group.empty()) fields.Add(4, group);
  fields.AddV(5, gid);
  if (changed) fields.AddTime(6, *changed);
  fields.AddTime(7, modified);
  if (born) fields.AddTime(8, *born);
  if (type == NodeType::kFile) fields.AddV(9, size);
  if (link_group) fields.Add(10, *link_group);
  if (device) {
    WireWriter value;
    value.V(device->major);
    value.V(device->minor);
    fields.Add(11, value.bytes());
  }
  if (flags != 0) fields.AddV(12, flags);
  if (content) fields.Add(13, EncodeContent(*content));
  if (!attributes.empty()) fields.Add(14, EncodeAttributes(attributes));
  if (subtree) {
    WireWriter value;
    value.V(subtree->entries);
    value.Put(subtree->root);
    fields.Add(15, value.bytes());
  }
  if (changed_while_read) fields.AddV(16, 1);
  if (type == NodeType::kSymlink) fields.Add(17, target);
  if (chunker) {
    WireWriter value;
    WriteChunkerSettings(value, *chunker);
    fields.Add(26, value.bytes());
  }
  if (rows) fields.AddV(28, *rows);
  fields.Add(unknown);
  writer.String(name);
  writer.U8(static_cast<uint8_t>(type));
  writer.String(std::move(fields).Take());
}

Node Node::Read(WireReader& reader) {
  Node node;
  node.name = ToBytes(reader.String(limits::kNameBytesMax));
  const uint8_t type = reader.U8();
  const ByteSpan fields = reader.String(limits::kBlobBytesReadMax);
  if (reader.failed()) return node;
  if (!IsNodeName(node.name)) {
    reader.Fail("a node's name is empty, too long, \".\", \"..\", or holds \"/\" or a zero byte");
    return node;
  }
  if (type < 1 || type > 6) {
    node.opaque = {type, ToBytes(fields), fmt::format("node type {} is not known to this version of cairn", type)};
    return node;
  }
  node.type = static_cast<NodeType>(type);
  uint32_t seen = 0;
  auto parsed = ReadRecords(
      fields, "node", node.unknown, [](uint64_t) { return false; },
      [&](uint64_t tag, WireReader& value) {
        if (tag < 32) seen |= 1u << tag;
        return ReadField(node, tag, value);
      });
  if (parsed) parsed = CheckWhole(node, seen);
  if (parsed) return node;
  if (parsed.error().code() != ErrorCode::kUnsupported) {
    reader.Fail(parsed.error().message());
    return node;
  }
  Node unread;
  unread.name = std::move(node.name);
  unread.opaque = {type, ToBytes(fields), parsed.error().message()};
  return unread;
}

}  // namespace cairn
