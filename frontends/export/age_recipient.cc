#include "frontends/export/age_recipient.h"

#include <algorithm>
#include <vector>

namespace cairn::exports {
namespace {

// Bech32 (BIP 173), without its limit of 90 characters.
constexpr std::string_view kAlphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr std::string_view kPrefix = "age";
constexpr size_t kChecksumChars = 6;

uint32_t Polymod(const std::vector<uint8_t>& values) {
  constexpr std::array<uint32_t, 5> kGenerator = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
  uint32_t sum = 1;
  for (const uint8_t value : values) {
    const uint32_t top = sum >> 25U;
    sum = (sum & 0x1ffffffU) << 5U ^ value;
    for (size_t i = 0; i < kGenerator.size(); ++i) {
      if ((top >> i & 1U) != 0) sum ^= kGenerator[i];
    }
  }
  return sum;
}

bool HasChecksum(std::string_view prefix, const std::vector<uint8_t>& data) {
  std::vector<uint8_t> values;
  for (const char c : prefix) values.push_back(static_cast<uint8_t>(c) >> 5U);
  values.push_back(0);
  for (const char c : prefix) values.push_back(static_cast<uint8_t>(c) & 31U);
  values.insert(values.end(), data.begin(), data.end());
  return Polymod(values) == 1;
}

// Groups of 5 bits as bytes; nothing where bits are left that are no padding.
std::optional<Bytes> ToOctets(std::span<const uint8_t> groups) {
  Bytes bytes;
  uint32_t bits = 0, count = 0;
  for (const uint8_t group : groups) {
    bits = bits << 5U | group;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<uint8_t>(bits >> count));
    bits &= (1U << count) - 1;
  }
  if (count >= 5 || bits != 0) return std::nullopt;
  return bytes;
}

Error Wrong(std::string_view why) {
  return MakeError(ErrorCode::kInvalidArgument, "a recipient of age is \"age1\" and 58 characters: {}", why);
}

}  // namespace

Result<AgeRecipient> AgeRecipient::Parse(std::string_view text) {
  if (text.starts_with("AGE-SECRET-KEY-")) {
    return Wrong("this is a secret key; age-keygen -y gives its recipient");
  }
  if (!text.starts_with(kPrefix) || text.substr(kPrefix.size(), 1) != "1") return Wrong("this begins in another way");
  std::vector<uint8_t> data;
  for (const char c : text.substr(kPrefix.size() + 1)) {
    const size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return Wrong("there is a character in it that none has");
    data.push_back(static_cast<uint8_t>(value));
  }
  if (data.size() < kChecksumChars || !HasChecksum(kPrefix, data))
    return Wrong("its checksum differs: a typing error?");
  const auto octets = ToOctets(std::span(data).first(data.size() - kChecksumChars));
  AgeRecipient recipient;
  if (!octets || octets->size() != recipient.key.size()) return Wrong("it has another length");
  std::ranges::copy(*octets, recipient.key.begin());
  return recipient;
}

}  // namespace cairn::exports
