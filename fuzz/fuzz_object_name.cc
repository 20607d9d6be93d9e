#include <string>
#include <string_view>

#include "fuzz/round_trip.h"
#include "repo-format/object_name.h"

// A listing of the store is untrusted: no name of it may lead out of the repository.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(cairn::ParseObjectName(text));
  const auto name = cairn::ObjectName::Parse(text);
  if (!name) return 0;
  CHECK(name->text() == text);
  const std::string around = "/" + std::string(text) + "/";
  for (const std::string_view wrong : {"//", "/./", "/../"}) CHECK(around.find(wrong) == std::string::npos);
  CHECK(text.find('\0') == std::string_view::npos);
  return 0;
}
