#include "frontends/export/pgdump_toc.h"
#include "repo-format/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using cairn::exports::PgdumpToc;
  const auto toc = PgdumpToc::Parse({data, size});
  if (!toc) return 0;
  const cairn::Bytes encoded = toc->EncodeCustom(false, nullptr);
  const auto again = PgdumpToc::Parse(encoded);
  CHECK(again.has_value());
  CHECK(cairn::Equal(again->EncodeCustom(false, nullptr), encoded));
  return 0;
}
