#include "engine/crypto/secret.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "tests/unit/engine/crypto/crypto_fixture.h"

namespace cairn {
namespace {

using crypto_test::SecretFilledWith;

TEST(Secret32, HoldsWhatItWasGivenAndCopiesByName) {
  const Secret32 secret = SecretFilledWith(7);
  const Secret32 copy = secret.Copy();
  EXPECT_NE(secret.bytes().data(), copy.bytes().data());
  EXPECT_TRUE(secret.EqualTo(copy));
  EXPECT_FALSE(secret.EqualTo(SecretFilledWith(8)));
}

TEST(Secret32, DiffersInTheLastBit) {
  std::array<uint8_t, 32> bytes{};
  const Secret32 zero(bytes);
  bytes[31] = 1;
  EXPECT_FALSE(zero.EqualTo(Secret32(bytes)));
}

TEST(Secret32, IsWipedWhenItGoes) {
  const uint8_t* memory = nullptr;
  {
    const Secret32 secret = SecretFilledWith(7);
    memory = secret.bytes().data();
  }
  // Its slot stays mapped, for the next one.
  EXPECT_EQ(ToHex(ByteSpan(memory, 32)), std::string(64, '0'));
}

TEST(Secret32, SlotsDoNotOverlapAndAreUsedAgain) {
  std::vector<Secret32> secrets;
  std::set<const uint8_t*> places;
  for (int i = 0; i < 1'000; ++i) {
    secrets.push_back(SecretFilledWith(static_cast<uint8_t>(i)));
    places.insert(secrets.back().bytes().data());
  }
  EXPECT_EQ(places.size(), 1'000u);
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_TRUE(secrets[static_cast<size_t>(i)].EqualTo(SecretFilledWith(static_cast<uint8_t>(i)))) << i;
  }
  secrets.clear();
  EXPECT_TRUE(places.contains(SecretFilledWith(1).bytes().data()));
}

TEST(Secret32, IsMadeAndDroppedByManyThreads) {
  std::array<bool, 4> right{};
  {
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < right.size(); ++t) {
      threads.emplace_back([&right, t] {
        right[t] = true;
        for (int i = 0; i < 2'000; ++i) {
          const Secret32 secret = SecretFilledWith(static_cast<uint8_t>(t + 1));
          right[t] = right[t] && secret.bytes().front() == t + 1 && secret.bytes().back() == t + 1;
        }
      });
    }
  }
  EXPECT_EQ(right, (std::array<bool, 4>{true, true, true, true}));
}

TEST(WipeGuard, WipesAtTheEndOfItsScope) {
  std::array<uint8_t, 4> bytes = {1, 2, 3, 4};
  {
    const WipeGuard wipe(bytes);
  }
  EXPECT_EQ(bytes, (std::array<uint8_t, 4>{}));
}

}  // namespace
}  // namespace cairn
