#include <algorithm>
#include <cstring>

#include "engine/store/sftp/sftp_packet.h"

// What an SFTP server sends: any bytes, in pieces of any size, end as packets or as an Error, and each packet is read,
// or refused, as each kind of answer.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn::sftp;
  cairn::ByteSpan rest(data, size);
  const size_t step = rest.empty() ? 1 : 1 + rest[0];
  if (!rest.empty()) rest = rest.subspan(1);
  PacketSplitter splitter;
  while (!rest.empty()) {
    const cairn::MutableByteSpan space = splitter.Space();
    const size_t piece = std::min(step, std::min(space.size(), rest.size()));
    std::memcpy(space.data(), rest.data(), piece);
    rest = rest.subspan(piece);
    if (!splitter.Filled(piece)) return 0;
    while (auto packet = splitter.Next()) {
      cairn::IgnoreError(ParseVersion(*packet), "it must end");
      const auto answer = ParseAnswer(*std::move(packet));
      if (!answer) continue;
      cairn::IgnoreError(ParseStatus(answer->body()), "it must end");
      cairn::IgnoreError(ParseHandle(answer->body()), "it must end");
      cairn::IgnoreError(ParseData(answer->body(), 100), "it must end");
      cairn::IgnoreError(ParseNames(answer->body()), "it must end");
      cairn::IgnoreError(ParseAttributes(answer->body()), "it must end");
      cairn::IgnoreError(ParseSpace(answer->body()), "it must end");
      cairn::IgnoreError(ParseLimits(answer->body()), "it must end");
    }
  }
  return 0;
}
