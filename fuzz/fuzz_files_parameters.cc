#include "repo-format/files_parameters.h"

#include "fuzz/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cairn::CheckStableEncoding<cairn::FilesParameters>(data, size);
  return 0;
}
