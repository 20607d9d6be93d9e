#include "fuzz/round_trip.h"
#include "repo-format/object_header.h"

// Of an object, the first 96 bytes; what follows them is not the header's.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto parsed = cairn::ObjectHeader::Parse({data, size});
  if (!parsed) return 0;
  const auto again = parsed->Encode();
  CHECK(cairn::Equal(again, cairn::ByteSpan(data, cairn::ObjectHeader::kSize)));
  return 0;
}
