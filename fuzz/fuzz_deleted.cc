#include "fuzz/round_trip.h"
#include "repo-format/deleted_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cairn::CheckStableEncoding<cairn::DeletedRecord>(data, size);
  return 0;
}
