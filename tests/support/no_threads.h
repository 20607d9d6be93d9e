// A system that gives no more threads.
#pragma once

#include <pthread.h>

#include <cstddef>

namespace cairn {

// While it lives each thread that is begun is refused, as for lack of memory: its stack is to be larger than there are
// addresses. One at a time.
class NoThreads {
 public:
  NoThreads();
  ~NoThreads();
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;

 private:
  pthread_attr_t before_{};
};

}  // namespace cairn
