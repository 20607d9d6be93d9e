#include "repo-format/base/bytes.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(Bytes, AppendKeepsWhatIsThereAndMovesSeldom) {
  constexpr size_t kPieces = 5'000;
  Bytes all;
  std::string expected;
  size_t moves = 0;
  for (size_t i = 0; i < kPieces; ++i) {
    const std::string piece(i % 37, static_cast<char>('a' + i % 26));
    const size_t room = all.capacity();
    Append(all, AsBytes(piece));
    if (all.capacity() != room) ++moves;
    expected += piece;
  }
  EXPECT_EQ(ToString(all), expected);
  EXPECT_LE(moves, 18u);  // doublings from 1 to 90,000
}

TEST(Bytes, AppendTakesRoomThatIsThere) {
  Bytes bytes;
  bytes.reserve(1'000);
  const uint8_t* const place = bytes.data();
  Append(bytes, Bytes(400));
  Append(bytes, Bytes(600));
  EXPECT_EQ(bytes.data(), place);
  EXPECT_EQ(bytes.size(), 1'000u);
  EXPECT_EQ(bytes.capacity(), 1'000u);
}

TEST(Bytes, AppendOfNothing) {
  Bytes bytes;
  Append(bytes, {});
  EXPECT_TRUE(bytes.empty());
  EXPECT_EQ(bytes.capacity(), 0u);
}

TEST(Bytes, GrowKeepsTheSize) {
  Bytes bytes = ToBytes(AsBytes("some"));
  Grow(bytes, 100);
  EXPECT_EQ(ToString(bytes), "some");
  EXPECT_GE(bytes.capacity(), 100u);
}

}  // namespace
}  // namespace cairn
