#include "repo-format/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace cairn {

void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "cairn: a bug in cairn itself: %s:%d: CHECK(%s) failed. Nothing more is written.\n", file, line,
               condition);
  std::abort();
}

}  // namespace cairn
