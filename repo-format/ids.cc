#include "repo-format/ids.h"

#include <algorithm>

namespace cairn {

Result<PackName> PackName::Parse(std::string_view text) {
  PackName name;
  const auto bad = [&] {
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is not a pack name: expected <64 hex>-<16 hex>", text);
  };
  if (text.size() != 81 || text[64] != '-') return bad();
  const auto digest = FromHex(text.substr(0, 64));
  const auto put = FromHex(text.substr(65));
  if (!digest || !put) return bad();
  name.digest = Digest::FromBytes(*digest);
  std::ranges::copy(*put, name.put.begin());
  return name;
}

std::string PackName::ToString() const { return digest.ToHex() + "-" + ToHex(put); }

std::string_view Name(BlobKind kind) { return kind == BlobKind::kData ? "data" : "metadata"; }

}  // namespace cairn
