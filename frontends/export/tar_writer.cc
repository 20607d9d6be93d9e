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
                               const std::vector<std::pair<Bytes, Bytes>>& attributes, const TreePath* link_to) {
  const std::string name = ToString(path) + (node.type == NodeType::kFolder ? "/" : "");
  const std::string link = link_to != nullptr ? ToString(*link_to) : ToString(node.target);
  const uint64_t size = node.type == NodeType::kFile && link_to == nullptr ? node.size : 0;
  std::string pax = PaxRecord("mtime", TimeText(node.modified));
  if (name.size() > 100) pax += PaxRecord("path", name);
  if (link.size() > 100) pax += PaxRecord("linkpath", link);
  if (size >= uint64_t{1} << 33) pax += PaxRecord("size", fmt::format("{}", size));
  if (node.uid > 07777777) pax += PaxRecord("uid", fmt::format("{}", node.uid));
  if (node.gid > 07777777) pax += PaxRecord("gid", fmt::format("{}", node.gid));
  if (node.user.size() > 31) pax += PaxRecord("uname", ToString(node.user));
  if (node.group.size() > 31) pax += PaxRecord("gname", ToString(node.group));
  for (const auto& [key, value] : attributes) pax += PaxRecord(AttributeKey(key), ToString(value));
  RETURN_IF_ERROR(Block("./PaxHeaders/" + name.substr(0, 80), 'x', pax.size(), nullptr, ""));
  in_file_ = 0;
  RETURN_IF_ERROR(Data(AsBytes(pax)));
  RETURN_IF_ERROR(EndFile());
  RETURN_IF_ERROR(Block(name, link_to != nullptr ? '1' : TypeOf(node), size, &node, link));
  in_file_ = 0;
  return {};
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
