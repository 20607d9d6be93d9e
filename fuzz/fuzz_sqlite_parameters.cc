#include "repo-format/sqlite_parameters.h"

#include "fuzz/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cairn::CheckStableEncoding<cairn::SqliteParameters>(data, size);
  return 0;
}
