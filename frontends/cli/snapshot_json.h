// Snapshots as JSON and as rows of a table.
#pragma once

#include <nlohmann/json.hpp>

#include "engine/repo/snapshot_store.h"
#include "frontends/cli/text.h"
#include "repo-format/node.h"

namespace cairn {

// Bytes as JSON text: what is no UTF-8 becomes replacement characters.
std::string JsonText(ByteSpan bytes);
// A name or path under `key`; where it is not plain text (no UTF-8, control characters), its bytes under `key`_hex too.
void PutPath(nlohmann::json& json, const std::string& key, const std::string& prefix, ByteSpan bytes);
// RFC 3339 in UTC, with nanoseconds.
std::string JsonTime(const WireTime& time);
nlohmann::json SnapshotJson(const LoadedSnapshot& snapshot);
nlohmann::json NodeJson(const Node& node);
Table SnapshotTable(const std::vector<const LoadedSnapshot*>& snapshots);
// Of what was forgotten and is kept, with until when by the store's clock.
nlohmann::json DeletedJson(const DeletedSnapshot& deleted);
Table DeletedTable(const std::vector<const DeletedSnapshot*>& deleted);
// One line of `ls -l`.
std::string LongLine(const Node& node, const std::string& path);

}  // namespace cairn
