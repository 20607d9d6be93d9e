#include "repo-format/protocol_records.h"

#include "fuzz/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cairn::CheckStableEncoding<cairn::SeenListRecord>(data, size);
  return 0;
}
