// In what two nodes at one path differ.
#pragma once

#include <optional>

#include "engine/tree/tree_walker.h"

namespace cairn {

// Folders by themselves, without what is in them. Nothing: they are equal, as DiffTrees has it.
std::optional<Difference> CompareNodes(const Node& before, const Node& after);

}  // namespace cairn
