// How memory is held by commands that somebody looks with for hours.
#pragma once

namespace cairn {

// What is kept of frames goes in another order than it came, between small things that stay: out of the heap of the C
// library it would come back to nobody. From here on each has pages of its own, which go back to the system with it.
// Before the first is read; of the whole process.
void GiveFramesPagesOfTheirOwn();

}  // namespace cairn
