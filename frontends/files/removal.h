// Takes away what stands in the way of a restore.
#pragma once

#include <string>

#include "frontends/files/descriptor.h"
#include "repo-format/base/result.h"

namespace cairn::files {

// Lets this user change a file that has no further name, or a folder and what is in it: takes the immutable and
// append-only flags away, and gives the owner the rights to a folder. Does what it can; follows no link, blocks on
// nothing.
void MakeChangeable(int folder, const std::string& name);

// While it lives, a file is neither immutable nor append-only.
class FlagsAside {
 public:
  FlagsAside(int folder, const std::string& name);
  ~FlagsAside();
  FlagsAside(const FlagsAside&) = delete;
  FlagsAside& operator=(const FlagsAside&) = delete;

 private:
  Descriptor file_;
  int flags_ = 0;  // to be set again; 0: none were taken away
};

// Removes a file, or an empty folder; success where nothing is there. kBusy for a folder on which another file system
// is mounted.
Result<void> Remove(int folder, const std::string& name);

// Renames `name` to `target`, in one folder, over whatever stands there but a folder with something in it; after an
// Error `name` is removed. Where both are names of one file the system does nothing.
Result<void> Replace(int folder, const std::string& name, const std::string& target);

}  // namespace cairn::files
