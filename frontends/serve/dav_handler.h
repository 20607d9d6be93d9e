// WebDAV over a view, read-only: class 1 of RFC 4918 without what writes, and pages for web browsers.
#pragma once

#include <atomic>
#include <functional>

#include "engine/env/job_context.h"
#include "engine/tree/read_ahead.h"
#include "frontends/serve/gate.h"
#include "frontends/serve/resource_tree.h"

namespace cairn::serve {

struct DavOptions {
  uint64_t ahead_bytes = 16ULL * 1024 * 1024;  // read ahead of all readers together
};

// Borrows the view, the gate, and the executor of what is read ahead, which ends before the view does.
class DavHandler final : public Handler {
 public:
  DavHandler(view::ViewTree& tree, Gate& gate, Executor& ahead, DavOptions options)
      : tree_(tree), gate_(gate), ahead_(ahead), options_(options) {}

  std::optional<Answer> Refuse(const Request& request) override;
  Answer Give(const Request& request, ByteSpan body) override;

 private:
  Answer Route(const Request& request, ByteSpan body);
  Answer ListProperties(const Request& request, ByteSpan body, const ResourceTree::Found& found);
  Answer GiveFolder(const ResourceTree::Found& found);
  Answer GiveFile(const Request& request, const ResourceTree::Found& found);
  Answer Fail(const ResourceTree::Found& found, const Error& error);
  std::function<void(const Error&)> Teller(const ResourceTree::Found& found);

  ResourceTree tree_;
  Gate& gate_;
  Executor& ahead_;
  const DavOptions options_;
  std::atomic<unsigned> readers_ = 0;  // of files, at this moment
};

}  // namespace cairn::serve
