// A folder's entries as the body of an answer, an entry at a time.
#pragma once

#include <functional>
#include <memory>

#include "frontends/serve/exchange.h"
#include "frontends/serve/propfind.h"
#include "frontends/serve/resource_tree.h"

namespace cairn::serve {

// Told where a listing ends before its time. The text of the listing then has no end.
using ListingFailed = std::function<void(const Error&)>;

// The folder itself and what is in it. Borrows the tree that the list is of.
std::unique_ptr<Body> MakeMultistatus(const Resource& folder, std::unique_ptr<ResourceTree::List> list, Propfind asked,
                                      ListingFailed failed);
// For people, in HTML.
std::unique_ptr<Body> MakePage(const Resource& folder, std::unique_ptr<ResourceTree::List> list, ListingFailed failed);

}  // namespace cairn::serve
