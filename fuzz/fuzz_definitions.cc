#include "frontends/postgres/definitions.h"

// What is read of untrusted bytes can be asked for all that belongs together, and that ends.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto definitions = cairn::postgres::Definitions::Parse({data, size});
  if (!definitions) return 0;
  for (const auto& one : definitions->all()) {
    cairn::postgres::ReferencedTable(one.create);
    definitions->WithTheirs({one.id});
    definitions->PartitionsOf({one.schema, one.name});
  }
  return 0;
}
