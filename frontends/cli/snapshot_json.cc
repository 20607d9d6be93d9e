#include "frontends/cli/snapshot_json.h"

#include <algorithm>

#include "frontends/cli/long_line.h"
#include "repo-format/tree_path.h"

namespace cairn {

std::string JsonText(ByteSpan bytes) { return ToString(bytes); }

void PutPath(nlohmann::json& json, const std::string& key, const std::string& prefix, ByteSpan bytes) {
  json[key] = prefix + ToString(bytes);
  if (PathForPeople(bytes) != ToString(bytes)) json[key + "_hex"] = ToHex(bytes);
}

std::string JsonTime(const WireTime& time) {
  std::string text = FormatTime(time, 0);
  if (text.starts_with("@")) return text;
  text[10] = 'T';
  return fmt::format("{}.{:09}Z", text, time.nanoseconds);
}

nlohmann::json SnapshotJson(const LoadedSnapshot& snapshot) {
  nlohmann::json json = {
      {"id", snapshot.id.ToHex()}, {"short_id", snapshot.id.Short()}, {"slot", snapshot.slot.ToHex()}};
  if (!snapshot.opened) return json;
  const SnapshotInner& inner = snapshot.inner;
  nlohmann::json items = nlohmann::json::array();
  nlohmann::json paths = nlohmann::json::array();
  for (const SnapshotItem& item : inner.items) {
    nlohmann::json item_paths = nlohmann::json::array();
    for (const Bytes& path : item.paths) {
      item_paths.push_back(JsonText(path));
      paths.push_back(JsonText(path));
    }
    items.push_back({{"name", item.name},
                     {"kind", Name(item.kind)},
                     {"paths", item_paths},
                     {"root", item.root.ToHex()},
                     {"complete", item.complete},
                     {"unread", item.unread_nodes}});
  }
  json.update({{"time", JsonTime(inner.start)},
               {"end", JsonTime(inner.end)},
               {"host", JsonText(inner.host)},
               {"user", JsonText(inner.user)},
               {"program", inner.program},
               {"class", Name(inner.snapshot_class)},
               {"tags", snapshot.tags},
               {"description", snapshot.description},
               {"protected", snapshot.is_protected},
               {"parent", inner.parent ? nlohmann::json(inner.parent->ToHex()) : nlohmann::json()},
               {"original", inner.original ? nlohmann::json(inner.original->ToHex()) : nlohmann::json()},
               {"paths", paths},
               {"items", items},
               {"totals",
                {{"files", inner.totals.files},
                 {"folders", inner.totals.folders},
                 {"others", inner.totals.others},
                 {"bytes", inner.totals.bytes},
                 {"bytes_new", inner.totals.bytes_new},
                 {"bytes_stored", inner.totals.bytes_stored}}}});
  return json;
}

nlohmann::json NodeJson(const Node& node) {
  nlohmann::json json = {{"type", Name(node.type)},
                         {"mode", node.mode},
                         {"uid", node.uid},
                         {"gid", node.gid},
                         {"user", JsonText(node.user)},
                         {"group", JsonText(node.group)},
                         {"mtime", JsonTime(node.modified)}};
  if (node.type == NodeType::kFile) json["size"] = node.size;
  PutPath(json, "name", "", node.name);
  if (!node.target.empty()) PutPath(json, "target", "", node.target);
  if (node.device) json["device"] = {{"major", node.device->major}, {"minor", node.device->minor}};
  if (node.link_group) json["link_group"] = ToHex(*node.link_group);
  if (!node.attributes.empty()) {
    for (const Attribute& attribute : node.attributes) json["xattrs"].push_back(JsonText(attribute.name));
  }
  if (node.subtree) json["tree"] = node.subtree->root.ToHex();
  return json;
}

// "/home /etc"; of several items "files: /home /etc; app.db: /srv/app.db".
std::string PathsForPeople(const SnapshotInner& inner) {
  std::string text;
  for (const SnapshotItem& item : inner.items) {
    if (inner.items.size() > 1)
      text += (text.empty() ? "" : "; ") + PathForPeople(AsBytes(item.name)) + (item.paths.empty() ? "" : ":");
    for (const Bytes& path : item.paths) text += (text.empty() ? "" : " ") + PathForPeople(path);
  }
  return text;
}

Table SnapshotTable(const std::vector<const LoadedSnapshot*>& snapshots) {
  const bool any_described =
      std::ranges::any_of(snapshots, [](const LoadedSnapshot* one) { return !one->description.empty(); });
  std::vector<std::string> headers{"ID", "Time", "Host", "Tags", ">Files", ">Size", "Paths"};
  if (any_described) headers.emplace_back("Description");
  Table table(std::move(headers));
  for (const LoadedSnapshot* snapshot : snapshots) {
    const SnapshotInner& inner = snapshot->inner;
    if (!snapshot->opened) {
      std::vector<std::string> cells{snapshot->id.Short(), "(this role cannot open it)", "", "", "", "", ""};
      if (any_described) cells.emplace_back();
      table.Add(std::move(cells));
      continue;
    }
    std::string paths = PathsForPeople(inner);
    const bool complete = std::ranges::all_of(inner.items, &SnapshotItem::complete);
    std::string tags;
    for (const std::string& tag : snapshot->tags) tags += (tags.empty() ? "" : ",") + tag;
    if (inner.snapshot_class != SnapshotClass::kOrdinary) {
      tags += (tags.empty() ? "(" : " (") + std::string(Name(inner.snapshot_class)) + ")";
    }
    if (snapshot->is_protected) tags += tags.empty() ? "(protected)" : " (protected)";
    if (!complete) paths += "  (incomplete)";
    std::vector<std::string> cells{snapshot->id.Short(),
                                   FormatTimeThen(inner.start, SystemClock()),
                                   PathForPeople(inner.host),
                                   tags,
                                   HumanCount(inner.totals.files),
                                   HumanBytes(inner.totals.bytes),
                                   paths};
    if (any_described) cells.push_back(snapshot->description);
    table.Add(std::move(cells));
  }
  return table;
}

nlohmann::json DeletedJson(const DeletedSnapshot& deleted) {
  nlohmann::json json = SnapshotJson(deleted.snapshot);
  json["deleted"] = {{"by_slot", deleted.by.ToHex()}, {"keep_seconds", deleted.keep_seconds}};
  if (deleted.put != 0) {
    const UnixNs until = deleted.put + int64_t{deleted.keep_seconds} * 1'000'000'000;
    json["deleted"]["time"] = JsonTime(ToWireTime(deleted.put));
    json["deleted"]["until"] = JsonTime(ToWireTime(until));
  }
  return json;
}

Table DeletedTable(const std::vector<const DeletedSnapshot*>& deleted) {
  Table table({"ID", "Time", "Host", "Tags", ">Files", ">Size", "Forgotten", "Kept until", "Paths"});
  for (const DeletedSnapshot* one : deleted) {
    const LoadedSnapshot& snapshot = one->snapshot;
    const SnapshotInner& inner = snapshot.inner;
    std::string tags;
    for (const std::string& tag : snapshot.tags) tags += (tags.empty() ? "" : ",") + tag;
    const UnixNs until = one->put + int64_t{one->keep_seconds} * 1'000'000'000;
    table.Add({snapshot.id.Short(),
               snapshot.opened ? FormatTimeThen(inner.start, SystemClock()) : "(this role cannot open it)",
               PathForPeople(inner.host), tags, HumanCount(inner.totals.files), HumanBytes(inner.totals.bytes),
               one->put == 0 ? "?" : FormatTimeThen(ToWireTime(one->put), SystemClock()),
               one->put == 0 ? "?" : FormatTimeThen(ToWireTime(until), SystemClock()), PathsForPeople(inner)});
  }
  return table;
}

std::string LongLine(const Node& node, const std::string& path) { return LongLine(node, path, false); }

}  // namespace cairn
