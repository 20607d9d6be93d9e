#include "frontends/cli/long_line.h"

#include "engine/tree/mode_text.h"
#include "frontends/cli/snapshot_json.h"

namespace cairn {

std::string LongLine(const Node& node, const std::string& path, bool human_sizes) {
  const std::string user = node.user.empty() ? fmt::format("{}", node.uid) : PathForPeople(node.user);
  const std::string group = node.group.empty() ? fmt::format("{}", node.gid) : PathForPeople(node.group);
  const std::string size = node.device   ? fmt::format("{},{}", node.device->major, node.device->minor)
                           : human_sizes ? HumanBytes(node.size)
                                         : fmt::format("{}", node.size);
  std::string line = fmt::format("{} {:<8} {:<8} {:>{}} {} {}", ModeText(node.type, node.mode), user, group, size,
                                 human_sizes ? 10 : 12, FormatTimeThen(node.modified, SystemClock()), path);
  if (node.type == NodeType::kSymlink) line += " -> " + PathForPeople(node.target);
  return line;
}

}  // namespace cairn
