#include <string_view>

#include "frontends/config/config_file.h"
#include "repo-format/base/check.h"

// Whatever the text, it is read or refused by its place.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto configuration = cairn::ParseConfiguration(text, "cairn.toml");
  CHECK(configuration || configuration.error().message().starts_with("cairn.toml:"));
  return 0;
}
