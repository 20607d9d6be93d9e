#include "repo-format/index_segment.h"

#include "fuzz/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cairn::CheckOneEncoding<cairn::IndexSegment>(data, size);
  return 0;
}
