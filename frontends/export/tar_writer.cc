#include "frontends/export/tar_writer.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace cairn::exports {
namespace {

constexpr size_t kBlockSize = 512;

// "<length> <key>=<value>\n", the length counting itself.
std::string PaxRecord(const std::string& key, const std::string& value) {
  const size_t rest = key.size() + value.size() + 3;
  size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length) length = std::to_string(length).size() + rest;
  return fmt::format("{} {}={}\n", length, key, value);
}

// An extended attribute's name as GNU tar writes it, and reads it: a record's key ends where the first "=" is.
std::string AttributeKey(const Bytes& name) {
  std::string key = "SCHILY.xattr.";
  for (const uint8_t byte : name) {
    if (byte == '=') {
      key += "%3D";
    } else if (byte == '%') {
      key += "%25";
    } else {
      key += static_cast<char>(byte);
    }
  }
  return key;
}

// An ACL as the kernel gives it (linux/posix_acl_xattr.h) in the text of star, which GNU tar and bsdtar read; empty
// where it is none. Users and groups are numbers: names are those of another machine.
std::string AclText(ByteSpan value) {
  constexpr size_t kHeadBytes = 4, kEntryBytes = 8;
  const auto number = [&](size_t offset, size_t size) {
    uint32_t sum = 0;
    for (size_t i = size; i-- > 0;) sum = sum << 8 | value[offset + i];
    return sum;
  };
  if (value.size() < kHeadBytes || (value.size() - kHeadBytes) % kEntryBytes != 0 || number(0, 4) != 2) return "";
  std::string text;
  for (size_t at = kHeadBytes; at < value.size(); at += kEntryBytes) {
    const uint32_t tag = number(at, 2), bits = number(at + 2, 2), id = number(at + 4, 4);
    const bool is_named = tag == 0x02 || tag == 0x08;
    const char* kind = tag == 0x01 || tag == 0x02   ? "user"
                       : tag == 0x04 || tag == 0x08 ? "group"
                       : tag == 0x10                ? "mask"
                       : tag == 0x20                ? "other"
                                                    : nullptr;
    if (kind == nullptr) return "";
    text += fmt::format("{}{}:{}:{}{}{}", text.empty() ? "" : ",", kind, is_named ? fmt::format("{}", id) : "",
                        (bits & 4) != 0 ? 'r' : '-', (bits & 2) != 0 ? 'w' : '-', (bits & 1) != 0 ? 'x' : '-');
    if (is_named) text += fmt::format(":{}", id);
  }
  return text;
}

std::string AttributeRecords(const std::vector<std::pair<Bytes, Bytes>>& attributes) {
  std::string records;
  for (const auto& [name, value] : attributes) {
    records += PaxRecord(AttributeKey(name), ToString(value));
    const bool is_access = AsText(name) == "system.posix_acl_access";
    if (!is_access && AsText(name) != "system.posix_acl_default") continue;
    const std::string text = AclText(value);
    if (!text.empty()) records += PaxRecord(is_access ? "SCHILY.acl.access" : "SCHILY.acl.default", text);
  }
  return records;
}

// What stands before the bytes of a sparse file: how many stretches, and where each is; filled up to whole blocks.
std::string SparseMap(const DataStretches& stretches, uint64_t size) {
  const bool ends_with_hole = stretches.empty() || stretches.back().offset + stretches.back().size < size;
  std::string map = fmt::format("{}\n", stretches.size() + (ends_with_hole ? 1 : 0));
  for (const DataStretch& stretch : stretches) map += fmt::format("{}\n{}\n", stretch.offset, stretch.size);
  if (ends_with_hole) map += fmt::format("{}\n0\n", size);
  map.resize((map.size() + kBlockSize - 1) / kBlockSize * kBlockSize, '\0');
  return map;
}

// A name for readers that do not know of sparse files, as GNU tar makes it.
std::string SparseName(const std::string& name) {
  const size_t slash = name.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : name.substr(0, slash + 1);
  return folder + "GNUSparseFile.0/" + name.substr(folder.size());
}

void PutText(std::array<char, kBlockSize>& block, size_t offset, size_t size, const std::string& text) {
  std::memcpy(block.data() + offset, text.data(), std::min(size, text.size()));
}

void PutOctal(std::array<char, kBlockSize>& block, size_t offset, size_t size, uint64_t value) {
  const std::string text = fmt::format("{:0{}o}", value, size - 1);
  if (text.size() == size - 1) PutText(block, offset, size - 1, text);  // else the pax header says it
}

char TypeOf(const Node& node) {
  switch (node.type) {
    case NodeType::kFolder:
      return '5';
    case NodeType::kSymlink:
      return '2';
    case NodeType::kCharDevice:
      return '3';
    case NodeType::kBlockDevice:
      return '4';
    case NodeType::kFifo:
      return '6';
    default:
      return '0';
  }
}

std::string TimeText(const WireTime& time) {
  if (time.seconds >= 0) return fmt::format("{}.{:09}", time.seconds, time.nanoseconds);
  if (time.nanoseconds == 0) return fmt::format("{}", time.seconds);
  return fmt::format("-{}.{:09}", -(time.seconds + 1), 1'000'000'000 - time.nanoseconds);
}

}  // namespace

Result<void> TarWriter::Block(const std::string& name, char type, uint64_t size, const Node* node,
                              const std::string& link) {
  std::array<char, kBlockSize> block{};
  PutText(block, 0, 100, name);
  PutOctal(block, 100, 8, node == nullptr ? 0644 : node->mode);
  PutOctal(block, 108, 8, node == nullptr ? 0 : node->uid);
  PutOctal(block, 116, 8, node == nullptr ? 0 : node->gid);
  PutOctal(block, 124, 12, size);
  PutOctal(block, 136, 12,
           node == nullptr || node->modified.seconds < 0 ? 0 : static_cast<uint64_t>(node->modified.seconds));
  block[156] = type;
  PutText(block, 157, 100, link);
  PutText(block, 257, 8, std::string("ustar\0", 6) + "00");
  if (node != nullptr) {
    PutText(block, 265, 31, ToString(node->user));
    PutText(block, 297, 31, ToString(node->group));
    if (node->device) {
      PutOctal(block, 329, 8, node->device->major);
      PutOctal(block, 337, 8, node->device->minor);
    }
  }
  std::memset(block.data() + 148, ' ', 8);
  uint64_t sum = 0;
  for (const char c : block) sum += static_cast<uint8_t>(c);
  PutText(block, 148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return output_.Write({reinterpret_cast<const uint8_t*>(block.data()), block.size()});
}

Result<void> TarWriter::Header(const TreePath& path, const Node& node,
                               const std::vector<std::pair<Bytes, Bytes>>& attributes, const TreePath* link_to,
                               const DataStretches* stretches) {
  std::string name = ToString(path) + (node.type == NodeType::kFolder ? "/" : "");
  const std::string link = link_to != nullptr ? ToString(*link_to) : ToString(node.target);
  uint64_t size = node.type == NodeType::kFile && link_to == nullptr ? node.size : 0;
  std::string pax = PaxRecord("mtime", TimeText(node.modified)), map;
  if (stretches != nullptr) {
    map = SparseMap(*stretches, size);
    pax += PaxRecord("GNU.sparse.major", "1") + PaxRecord("GNU.sparse.minor", "0") +
           PaxRecord("GNU.sparse.name", name) + PaxRecord("GNU.sparse.realsize", fmt::format("{}", size));
    name = SparseName(name);
    size = map.size();
    for (const DataStretch& stretch : *stretches) size += stretch.size;
  }
  if (name.size() > 100) pax += PaxRecord("path", name);
  if (link.size() > 100) pax += PaxRecord("linkpath", link);
  if (size >= uint64_t{1} << 33) pax += PaxRecord("size", fmt::format("{}", size));
  if (node.uid > 07777777) pax += PaxRecord("uid", fmt::format("{}", node.uid));
  if (node.gid > 07777777) pax += PaxRecord("gid", fmt::format("{}", node.gid));
  if (node.user.size() > 31) pax += PaxRecord("uname", ToString(node.user));
  if (node.group.size() > 31) pax += PaxRecord("gname", ToString(node.group));
  pax += AttributeRecords(attributes);
  RETURN_IF_ERROR(Block("./PaxHeaders/" + name.substr(0, 80), 'x', pax.size(), nullptr, ""));
  in_file_ = 0;
  RETURN_IF_ERROR(Data(AsBytes(pax)));
  RETURN_IF_ERROR(EndFile());
  RETURN_IF_ERROR(Block(name, link_to != nullptr ? '1' : TypeOf(node), size, &node, link));
  in_file_ = 0;
  return map.empty() ? Result<void>() : Data(AsBytes(map));
}

Result<void> TarWriter::Data(ByteSpan bytes) {
  in_file_ += bytes.size();
  return output_.Write(bytes);
}

Result<void> TarWriter::Zeros(uint64_t count) {
  static constexpr std::array<uint8_t, 65'536> kZeros{};
  while (count > 0) {
    const uint64_t piece = std::min<uint64_t>(count, kZeros.size());
    RETURN_IF_ERROR(Data(ByteSpan(kZeros).first(piece)));
    count -= piece;
  }
  return {};
}

Result<void> TarWriter::EndFile() {
  const uint64_t rest = (kBlockSize - in_file_ % kBlockSize) % kBlockSize;
  RETURN_IF_ERROR(Zeros(rest));
  in_file_ = 0;
  return {};
}

Result<void> TarWriter::Finish() { return Zeros(2 * kBlockSize); }

}  // namespace cairn::exports
