#include "frontends/cli/looking_memory.h"

#include <malloc.h>

#include "repo-format/base/units.h"

namespace cairn {

void GiveFramesPagesOfTheirOwn() {
  constexpr uint64_t kFrameBytesMin = 256 * kKiB;  // smaller ones fit in between
  ::mallopt(M_MMAP_THRESHOLD, static_cast<int>(kFrameBytesMin));
}

}  // namespace cairn
