#include <string>
#include <vector>

#include "engine/store/azure/answers.h"
#include "engine/store/s3/answers.h"
#include "engine/store/webdav/multistatus.h"
#include "fuzz/round_trip.h"

namespace {

constexpr std::string_view kFolder = "/dav/folder/";

// In pieces of `size`; the entries of an answer that was refused do not count.
std::vector<std::string> Read(cairn::ByteSpan answer, size_t size) {
  std::vector<std::string> entries;
  cairn::webdav::MultistatusReader reader(
      std::string(kFolder), [&](const cairn::webdav::Entry& entry) -> cairn::Result<void> {
        CHECK(entry.name.find('/') == std::string::npos);
        entries.push_back(fmt::format("{} {} {} {}", entry.name, entry.is_folder, entry.size, entry.modified));
        return {};
      });
  for (size_t at = 0; at < answer.size(); at += size) {
    if (!reader.Push(answer.subspan(at, std::min(size, answer.size() - at)))) return {};
  }
  return reader.Finish() ? entries : std::vector<std::string>();
}

}  // namespace

// What a server lists is untrusted: each reader takes it or says why not, and nothing is named outside its folder.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const cairn::ByteSpan answer(data, size);
  const auto s3 = cairn::s3::ParseListedPage(answer);
  const auto azure = cairn::azure::ParseListedPage(answer);
  const auto versions = cairn::s3::ParseVersionsPage(answer);
  CHECK(!s3 || !azure);
  CHECK(!s3 || !versions);
  CHECK(Read(answer, size + 1) == Read(answer, 7));
  return 0;
}
