#include <cstddef>
#include <cstdint>

#include "repo-format/directory_blob.h"
#include "repo-format/base/check.h"

// What parses has one encoding: the bytes that were parsed.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto parsed = cairn::DirectoryBlob::Parse({data, size});
  if (!parsed) return 0;
  const cairn::Bytes again = parsed->Encode();
  CHECK(cairn::Equal(again, {data, size}));
  return 0;
}
