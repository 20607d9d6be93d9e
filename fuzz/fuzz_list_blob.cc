#include "repo-format/list_blob.h"

#include "fuzz/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cairn::CheckOneEncoding<cairn::ListBlob>(data, size);
  return 0;
}
