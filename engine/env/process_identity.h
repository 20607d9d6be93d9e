// Which process this is, also beside others of the same number.
#pragma once

#include <string>

namespace cairn {

// Of no other process on this machine, in whatever container, and of none before it with the same number: its number,
// when it began, and the system's run and process space in which that holds. One line.
std::string ProcessIdentity();

}  // namespace cairn
