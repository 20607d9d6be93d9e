// What is shown of one entry of a snapshot: its first bytes, and all that is known of it.
#pragma once

#include <memory>

#include "frontends/browse/screen.h"

namespace cairn::browse {

std::unique_ptr<Screen> MakePreview(ScreenHost& host, const view::ShownSnapshot& snapshot, const TreePath& path);
std::unique_ptr<Screen> MakeDetails(ScreenHost& host, const view::ShownSnapshot& snapshot, const TreePath& path);

}  // namespace cairn::browse
