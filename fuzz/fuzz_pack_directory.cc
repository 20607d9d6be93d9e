#include "repo-format/pack_directory.h"

#include "fuzz/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cairn::CheckOneEncoding<cairn::PackDirectory>(data, size);
  return 0;
}
