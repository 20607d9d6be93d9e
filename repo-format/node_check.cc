#include "repo-format/node_check.h"

#include <algorithm>

#include "repo-format/limits.h"

namespace cairn {
namespace {

template <typename... Args>
Error Invalid(fmt::format_string<Args...> text, Args&&... args) {
  return Error(ErrorCode::kInvalidArgument, fmt::format(text, std::forward<Args>(args)...));
}

Result<void> CheckNumber(std::string_view what, uint64_t number, uint64_t max) {
  if (number <= max) return {};
  return Invalid("{} is {}, at most {} can be kept", what, number, max);
}

Result<void> CheckBytes(std::string_view what, ByteSpan bytes) {
  if (bytes.size() <= limits::kNameBytesMax) return {};
  return Invalid("{} has {} bytes, at most {} can be kept", what, bytes.size(), limits::kNameBytesMax);
}

Result<void> CheckTarget(const Node& node) {
  if (node.type != NodeType::kSymlink) return {};
  if (node.target.empty()) return Invalid("the symbolic link's target is empty");
  RETURN_IF_ERROR(CheckBytes("the symbolic link's target", node.target));
  if (std::ranges::find(node.target, 0) == node.target.end()) return {};
  return Invalid("the symbolic link's target holds a zero byte");
}

Result<void> CheckAttributes(const std::vector<Attribute>& attributes) {
  const Attribute* before = nullptr;
  for (const Attribute& attribute : attributes) {
    if (attribute.name.empty()) return Invalid("an extended attribute has no name");
    RETURN_IF_ERROR(CheckBytes("the name of an extended attribute", attribute.name));
    if (before != nullptr && attribute.name <= before->name) return Invalid("extended attributes do not ascend");
    before = &attribute;
  }
  return {};
}

}  // namespace

Result<void> CheckNode(const Node& node) {
  if (node.opaque) return {};
  if (!IsNodeName(node.name)) return Invalid("its name is that of no file");
  RETURN_IF_ERROR(CheckNumber("the mode", node.mode, 07777));
  RETURN_IF_ERROR(CheckNumber("the uid", node.uid, UINT32_MAX));
  RETURN_IF_ERROR(CheckNumber("the gid", node.gid, UINT32_MAX));
  RETURN_IF_ERROR(CheckNumber("the size", node.size, INT64_MAX));
  RETURN_IF_ERROR(CheckBytes("the user's name", node.user));
  RETURN_IF_ERROR(CheckBytes("the group's name", node.group));
  if (node.device) {
    RETURN_IF_ERROR(CheckNumber("the device's major number", node.device->major, UINT32_MAX));
    RETURN_IF_ERROR(CheckNumber("the device's minor number", node.device->minor, UINT32_MAX));
  }
  if ((node.flags & ~kFlagsKnown) != 0) return Invalid("its file system flags are {:#x}", node.flags);
  for (const auto& time : {std::optional(node.modified), node.changed, node.born}) {
    if (time && time->nanoseconds >= 1'000'000'000) return Invalid("a time of it has {} ns", time->nanoseconds);
  }
  RETURN_IF_ERROR(CheckTarget(node));
  return CheckAttributes(node.attributes);
}

}  // namespace cairn
