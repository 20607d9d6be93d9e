// How large an allocation was asked for while a test looked. This executable's operator new is replaced for it.
#pragma once

#include <cstddef>

namespace cairn::codec_test {

// Of this thread.
void ForgetAllocations();
size_t LargestAllocation();

}  // namespace cairn::codec_test
