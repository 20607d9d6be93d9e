#include "frontends/export/age_recipient.h"

#include <gtest/gtest.h>
#include <sodium.h>

namespace cairn::exports {
namespace {

// The specification's own: of the secret key whose bytes are all 0x42.
constexpr std::string_view kRecipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

TEST(AgeRecipient, IsTheKeyOfTheSpecification) {
  std::array<uint8_t, 32> secret{}, key{};
  secret.fill(0x42);
  ASSERT_EQ(::crypto_scalarmult_base(key.data(), secret.data()), 0);
  const auto recipient = AgeRecipient::Parse(kRecipient);
  ASSERT_TRUE(recipient) << recipient.error().message();
  EXPECT_EQ(recipient->key, key);
}

TEST(AgeRecipient, RejectsEachChangedCharacter) {
  for (size_t i = 0; i < kRecipient.size(); ++i) {
    std::string text(kRecipient);
    text[i] = text[i] == 'q' ? 'p' : 'q';
    EXPECT_FALSE(AgeRecipient::Parse(text)) << i;
  }
}

TEST(AgeRecipient, RejectsOtherLengthsAndForms) {
  for (const std::string_view text :
       {"", "age1", "age", "age1qqqqqq", "AGE1ZVKYG2LQZRAA2LNJVQEJ32NKUU0UES2S82HZRYE869XEEXVN73EQUNUJWJ"}) {
    EXPECT_FALSE(AgeRecipient::Parse(text)) << text;
  }
  EXPECT_FALSE(AgeRecipient::Parse(kRecipient.substr(0, kRecipient.size() - 1)));
  EXPECT_FALSE(AgeRecipient::Parse(std::string(kRecipient) + "q"));
}

TEST(AgeRecipient, NeverSaysASecretKeyAgain) {
  const std::string secret = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
  const auto recipient = AgeRecipient::Parse(secret);
  ASSERT_FALSE(recipient);
  EXPECT_EQ(recipient.error().message().find("GFPYY"), std::string::npos);
}

}  // namespace
}  // namespace cairn::exports
