#include <string>

#include "engine/http/xml_events.h"
#include "frontends/serve/propfind.h"
#include "frontends/serve/web_path.h"
#include "fuzz/round_trip.h"

// What a client asks is untrusted: it is taken or refused, and the answer is XML, and has the name, whatever was asked.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using cairn::serve::Propfind;
  const cairn::ByteSpan body(data, size);
  const auto asked = Propfind::Parse(body);
  const auto names = cairn::serve::ParseTarget(cairn::AsText(body));
  if (names) CHECK(cairn::serve::ParseTarget(cairn::serve::EncodePath(*names)).value() == *names);
  if (!asked) return 0;
  CHECK(asked->names.size() <= Propfind::kNamesMax);
  const cairn::serve::Resource resource{
      .name = cairn::ToBytes(body), .href = "/a", .size = size, .modified = cairn::WireTime{1, 0}, .etag = "\"e\""};
  const std::string answer = cairn::serve::MultistatusBegin() + cairn::serve::MultistatusEntry(resource, *asked) +
                             cairn::serve::MultistatusEnd();
  CHECK(cairn::http::ReadXml(cairn::AsBytes(answer), {}).has_value());
  return 0;
}
