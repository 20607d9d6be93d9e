#include <string>
#include <vector>

#include "engine/store/rclone/json.h"
#include "fuzz/round_trip.h"

namespace {

// In pieces of `size`; the objects of a listing that was refused do not count.
std::vector<std::string> Read(cairn::ByteSpan listing, size_t size) {
  std::vector<std::string> objects;
  cairn::rclone::JsonListReader reader([&](std::string_view object) -> cairn::Result<void> {
    objects.emplace_back(object);
    return {};
  });
  for (size_t at = 0; at < listing.size(); at += size) {
    if (!reader.Push(listing.subspan(at, std::min(size, listing.size() - at)))) return {};
  }
  return reader.Finish() ? objects : std::vector<std::string>();
}

}  // namespace

// What rclone says comes from whatever its remote holds: it is read or refused, and what was read can be said again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const cairn::ByteSpan listing(data, size);
  CHECK(Read(listing, size + 1) == Read(listing, 7));
  const auto members = cairn::rclone::ParseJsonObject(cairn::AsText(listing));
  if (!members) return 0;
  std::string again = "{";
  for (const auto& [name, value] : *members) {
    again += (again.size() > 1 ? "," : "") + cairn::rclone::JsonQuoted(name) + ":" + cairn::rclone::JsonQuoted(value);
  }
  const auto read = cairn::rclone::ParseJsonObject(again + "}");
  CHECK(read && *read == *members);
  return 0;
}
