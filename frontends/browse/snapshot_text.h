// What people are told of a snapshot, and of what is in it.
#pragma once

#include <string>
#include <vector>

#include "engine/repo/snapshot_store.h"
#include "frontends/browse/browse_world.h"
#include "frontends/browse/text_pane.h"
#include "frontends/files/owner_names.h"
#include "repo-format/node.h"

namespace cairn::browse {

// "files", "PostgreSQL", "SQLite"; "3 items".
std::string KindOf(const LoadedSnapshot& snapshot);
std::string KindOf(ItemKind kind);
inline bool IsDatabase(ItemKind kind) { return kind == ItemKind::kPostgres || kind == ItemKind::kSqlite; }
std::string PathsOf(const LoadedSnapshot& snapshot);
// Of a database its path, where it has one, else its name.
std::string NameOf(const ShownDatabase& database);
// With what it is beside: "daily (protected)".
std::string TagsOf(const LoadedSnapshot& snapshot);
// "2026-11-22 12:58:12 web1:/home/ann"
std::string PlaceOf(const LoadedSnapshot& snapshot, const TreePath& path, const Clock& clock);

std::vector<TextLine> SnapshotLines(const LoadedSnapshot& snapshot, const Clock& clock);
// All that is known of an entry; `names` (0: not known) is how many names of the snapshot lead to it.
std::vector<TextLine> NodeLines(const Node& node, const TreePath& path, uint64_t names, const Clock& clock);

// Equal for what has the same bytes, target or entries.
std::string ContentMark(const Node& node);

// Of the first bytes of a file: its lines, or, where it is no text, its bytes in hexadecimal.
std::vector<TextLine> PreviewLines(ByteSpan bytes, uint64_t size);

}  // namespace cairn::browse
