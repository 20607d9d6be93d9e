#include "engine/tree/node_difference.h"

namespace cairn {

std::optional<Difference> CompareNodes(const Node& before, const Node& after) {
  if (before.type != after.type) return Difference::kType;
  const bool same_content = before.size == after.size && before.content == after.content &&
                            before.target == after.target && before.device == after.device;
  if (!same_content) return Difference::kContent;
  const bool same_metadata = before.mode == after.mode && before.uid == after.uid && before.gid == after.gid &&
                             before.user == after.user && before.group == after.group &&
                             before.modified == after.modified && before.flags == after.flags &&
                             before.attributes == after.attributes && before.unknown == after.unknown &&
                             before.link_group.has_value() == after.link_group.has_value();
  if (!same_metadata) return Difference::kMetadata;
  return std::nullopt;
}

}  // namespace cairn
