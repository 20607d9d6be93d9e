// A zip with metadata.json as the items of a snapshot. Private to frontends/import.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "frontends/import/import_source.h"
#include "frontends/import/import_tree.h"

namespace cairn::import {

inline constexpr uint32_t kPageBytesMin = 4'096;  // SPEC 12.3

// A folder an item, by its name, of kind files; of the folder database/ each SQLite database by itself, checked, of
// kind SQLite, under the folder's name where it is all that is in it, else under its own; what is beside the folders is
// the item "metadata". At least one.
Result<std::vector<ImportItem>> ItemsOfZip(const TreeEntry& root, std::vector<std::string>& notes,
                                           const std::stop_token& stop);

}  // namespace cairn::import
