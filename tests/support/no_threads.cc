#include "tests/support/no_threads.h"

#include "repo-format/base/check.h"

namespace cairn {
namespace {

constexpr size_t kStackBytes = size_t{1} << 47;

}  // namespace

NoThreads::NoThreads() {
  CHECK(pthread_getattr_default_np(&before_) == 0);
  pthread_attr_t none;
  CHECK(pthread_attr_init(&none) == 0);
  CHECK(pthread_attr_setstacksize(&none, kStackBytes) == 0);
  CHECK(pthread_setattr_default_np(&none) == 0);
  pthread_attr_destroy(&none);
}

NoThreads::~NoThreads() {
  CHECK(pthread_setattr_default_np(&before_) == 0);
  pthread_attr_destroy(&before_);
}

}  // namespace cairn
