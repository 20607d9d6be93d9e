#include "frontends/browse/snapshot_text.h"

#include <algorithm>

#include "engine/env/number_text.h"
#include "engine/repo/time_text.h"
#include "engine/tree/mode_text.h"
#include "frontends/browse/glyphs.h"
#include "repo-format/base/utf8.h"

namespace cairn::browse {
namespace {

constexpr size_t kLabelWidth = 16;
constexpr size_t kTextProbe = 8192;  // bytes that are looked at to tell text from others
constexpr size_t kBytesALine = 16;

void AddLine(std::vector<TextLine>& lines, std::string_view label, const std::string& value, Style style = kPlain) {
  if (!value.empty()) lines.push_back({fmt::format(" {:<{}}{}", label, kLabelWidth, value), style});
}

std::string OwnerText(ByteSpan name, uint64_t id) {
  return name.empty() ? fmt::format("{}", id) : fmt::format("{} ({})", PathForPeople(name), id);
}

std::string TimeText(const WireTime& time, const Clock& clock) {
  return fmt::format("{}.{:09}", FormatTimeThen(time, clock), time.nanoseconds);
}

std::string ValueText(const Attribute& attribute) {
  constexpr size_t kShownMax = 64;
  if (!attribute.value) return fmt::format("{} bytes", attribute.blob->length);
  const ByteSpan value = *attribute.value;
  const bool is_text = IsUtf8(value) && std::ranges::none_of(value, [](uint8_t byte) { return byte < 0x20; });
  const ByteSpan shown = value.first(std::min(value.size(), kShownMax));
  const std::string text = is_text ? "\"" + PathForPeople(shown) + "\"" : "0x" + ToHex(shown);
  return text + (shown.size() < value.size() ? fmt::format("... ({} bytes)", value.size()) : "");
}

bool IsText(ByteSpan bytes) {
  const ByteSpan probe = bytes.first(std::min(bytes.size(), kTextProbe));
  if (std::ranges::find(probe, 0) != probe.end()) return false;
  const auto odd = std::ranges::count_if(probe, [](uint8_t byte) {
    return (byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r' && byte != 0x1b);
  });
  if (static_cast<size_t>(odd) * 20 > probe.size()) return false;
  size_t wrong = 0;
  for (size_t at = 0; at < probe.size();) {
    const size_t length = FirstUtf8(probe.subspan(at)).length;
    wrong += length == 0 ? 1 : 0;
    at += std::max<size_t>(length, 1);
  }
  return wrong * 10 <= probe.size();  // a text in another encoding is text, too
}

std::string HexLine(uint64_t offset, ByteSpan bytes) {
  std::string hex, text;
  for (size_t i = 0; i < kBytesALine; ++i) {
    hex += i < bytes.size() ? fmt::format("{:02x} ", bytes[i]) : "   ";
    if (i == kBytesALine / 2 - 1) hex += " ";
    if (i < bytes.size()) text += bytes[i] >= 0x20 && bytes[i] < 0x7f ? static_cast<char>(bytes[i]) : '.';
  }
  return fmt::format("{:08x}  {} {}", offset, hex, text);
}

}  // namespace

std::string KindOf(ItemKind kind) {
  switch (kind) {
    case ItemKind::kPostgres:
      return "PostgreSQL";
    case ItemKind::kSqlite:
      return "SQLite";
    default:
      return std::string(Name(kind));
  }
}

std::string KindOf(const LoadedSnapshot& snapshot) {
  const auto& items = snapshot.inner.items;
  return items.size() == 1 ? KindOf(items.front().kind) : fmt::format("{} items", items.size());
}

std::string PathsOf(const LoadedSnapshot& snapshot) {
  std::string text;
  const auto& items = snapshot.inner.items;
  for (const SnapshotItem& item : items) {
    if (items.size() > 1) {
      text += (text.empty() ? "" : "; ") + PathForPeople(AsBytes(item.name)) + (item.paths.empty() ? "" : ":");
    }
    for (const Bytes& path : item.paths) text += (text.empty() ? "" : " ") + PathForPeople(path);
  }
  return text;
}

std::string NameOf(const ShownDatabase& database) {
  const SnapshotItem& item = database.item();
  if (!database.file.empty()) return "/" + PathForPeople(database.file);
  return PathForPeople(item.paths.size() == 1 ? ByteSpan(item.paths.front()) : AsBytes(item.name));
}

std::string TagsOf(const LoadedSnapshot& snapshot) {
  std::string text;
  for (const std::string& tag : snapshot.tags) text += (text.empty() ? "" : ",") + PathForPeople(AsBytes(tag));
  const auto beside = [&](std::string_view word) { text += fmt::format("{}({})", text.empty() ? "" : " ", word); };
  if (snapshot.inner.snapshot_class != SnapshotClass::kOrdinary) beside(Name(snapshot.inner.snapshot_class));
  if (snapshot.is_protected) beside("protected");
  return text;
}

std::string PlaceOf(const LoadedSnapshot& snapshot, const TreePath& path, const Clock& clock) {
  return fmt::format("{} {}:/{}", FormatTimeThen(snapshot.inner.start, clock), PathForPeople(snapshot.inner.host),
                     PathForPeople(path));
}

std::vector<TextLine> SnapshotLines(const LoadedSnapshot& snapshot, const Clock& clock) {
  const SnapshotInner& inner = snapshot.inner;
  std::vector<TextLine> lines;
  const auto add = [&](std::string_view label, const std::string& value) { AddLine(lines, label, value); };
  add("id", snapshot.id.ToHex());
  add("begun", TimeText(inner.start, clock));
  add("ended", TimeText(inner.end, clock));
  add("host", PathForPeople(inner.host));
  add("user", PathForPeople(inner.user));
  add("tags", TagsOf(snapshot));
  add("description", PathForPeople(AsBytes(snapshot.description)));
  add("files", HumanCount(inner.totals.files));
  add("folders", HumanCount(inner.totals.folders));
  add("others", HumanCount(inner.totals.others));
  add("size", fmt::format("{} ({} bytes)", HumanBytes(inner.totals.bytes), HumanCount(inner.totals.bytes)));
  add("stored anew", HumanBytes(inner.totals.bytes_stored));
  add("written by", PathForPeople(AsBytes(inner.program)));
  for (const SnapshotItem& item : inner.items) {
    lines.push_back({""});
    lines.push_back({fmt::format(" {}: {}", PathForPeople(AsBytes(item.name)), KindOf(item.kind)), kBold});
    for (const Bytes& path : item.paths) add("path", PathForPeople(path));
    if (!item.complete) {
      AddLine(lines, "incomplete", fmt::format("{} files or folders could not be read", item.unread_nodes), kWarning);
    }
  }
  return lines;
}

std::vector<TextLine> NodeLines(const Node& node, const TreePath& path, uint64_t names, const Clock& clock) {
  std::vector<TextLine> lines;
  const auto add = [&](std::string_view label, const std::string& value) { AddLine(lines, label, value); };
  add("path", "/" + PathForPeople(path));
  add("type", std::string(Name(node.type)));
  if (node.type == NodeType::kSymlink) add("leads to", PathForPeople(node.target));
  if (node.device) add("device", fmt::format("{}, {}", node.device->major, node.device->minor));
  if (node.content) add("size", fmt::format("{} ({} bytes)", HumanBytes(node.size), HumanCount(node.size)));
  if (node.rows) add("rows", HumanCount(*node.rows));
  add("mode", fmt::format("{}  {:04o}", ModeText(node.type, node.mode), node.mode));
  add("owner", OwnerText(node.user, node.uid));
  add("group", OwnerText(node.group, node.gid));
  add("modified", TimeText(node.modified, clock));
  if (node.changed) add("status changed", TimeText(*node.changed, clock));
  if (node.born) add("made", TimeText(*node.born, clock));
  if (node.link_group && node.type != NodeType::kFolder) {
    add("names", names == 0 ? "several (hard links)" : fmt::format("{} in this snapshot (hard links)", names));
  }
  if (node.flags != 0) add("flags", fmt::format("{:#x}", node.flags));
  if (node.changed_while_read) AddLine(lines, "note", "it changed while it was backed up", kWarning);
  if (node.attributes.empty()) return lines;
  lines.push_back({""});
  lines.push_back({" extended attributes", kBold});
  for (const Attribute& one : node.attributes)
    lines.push_back({"   " + PathForPeople(one.name) + " = " + ValueText(one)});
  return lines;
}

std::string ContentMark(const Node& node) {
  std::string mark = fmt::format("{} {} ", static_cast<int>(node.type), node.size);
  if (node.subtree) mark += node.subtree->root.ToHex();
  if (node.device) mark += fmt::format("{},{}", node.device->major, node.device->minor);
  mark += AsText(node.target);
  if (!node.content) return mark;
  mark += fmt::format("{} ", node.content->depth);
  if (node.content->depth > 0) return mark + node.content->root.id.ToHex();
  for (const ListEntry& entry : node.content->entries) {
    mark += fmt::format("{} {} {}{} ", static_cast<int>(entry.type), entry.length, entry.count, entry.id.ToHex());
  }
  return mark;
}

std::vector<TextLine> PreviewLines(ByteSpan bytes, uint64_t size) {
  std::vector<TextLine> lines;
  if (IsText(bytes)) {
    for (std::string_view rest = AsText(bytes); !rest.empty();) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      std::string_view line = rest.substr(0, end);
      if (line.ends_with('\r')) line.remove_suffix(1);
      lines.push_back({WithoutTabs(line)});
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  } else {
    for (size_t at = 0; at < bytes.size(); at += kBytesALine) {
      lines.push_back({HexLine(at, bytes.subspan(at, std::min(kBytesALine, bytes.size() - at)))});
    }
  }
  if (size == 0) lines.push_back({"the file is empty", kDim});
  if (size > bytes.size()) {
    lines.push_back({fmt::format("--- only the first {} of {} ---", HumanBytes(bytes.size()), HumanBytes(size)), kDim});
  }
  return lines;
}

}  // namespace cairn::browse
