// The tree of a mount, given to the kernel: all that is libfuse's.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "engine/env/job_context.h"
#include "engine/tree/read_ahead.h"
#include "frontends/view/view_tree.h"

namespace cairn::mount {

struct FuseMountOptions {
  std::string folder;        // where it is mounted
  bool allow_other = false;  // other users than this one may look; then modes and ACLs decide
  unsigned threads = 12;     // that answer the kernel
  ReadAheadOptions ahead = {};
  size_t known_max = 100'000;  // entries that the kernel is let keep: InodeTable; what is beyond it is asked to forget
};

// Whether something can be mounted there: kNotFound, kInvalidArgument, kBusy (a mount whose program has died, or a
// folder that is not empty), kUnsupported (no FUSE here), each with the way out.
Result<void> CheckMountPoint(const std::string& folder);

// Read-only. One thread; borrows the tree, the context and the executor of what is read ahead.
class FuseMount {
 public:
  // On return it is mounted, and nobody answers yet.
  static Result<std::unique_ptr<FuseMount>> Make(view::ViewTree& tree, Executor& ahead, const JobContext& context,
                                                 const FuseMountOptions& options);
  virtual ~FuseMount() = default;
  // Answers until it is unmounted by others, or stop is asked for: then it unmounts; where somebody still is in it,
  // that is told, and what is left of it goes when the last one leaves. Once.
  virtual Result<void> Serve(std::stop_token stop) = 0;
};

}  // namespace cairn::mount
