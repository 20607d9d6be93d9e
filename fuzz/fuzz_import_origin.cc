#include "repo-format/import_origin.h"

#include "fuzz/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cairn::CheckStableEncoding<cairn::ImportOrigin>(data, size);
  return 0;
}
