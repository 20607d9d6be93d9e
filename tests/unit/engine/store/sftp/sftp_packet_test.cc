#include "engine/store/sftp/sftp_packet.h"

#include "tests/support/matchers.h"

namespace cairn::sftp {
namespace {

using testing::HasSubstr;

// A packet from hexadecimal with blanks, as it stands behind its length.
Bytes Hex(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != ' ') digits.push_back(c);
  }
  return FromHex(digits).value();
}

Bytes WithLength(ByteSpan packet) {
  Bytes bytes = {0, 0, static_cast<uint8_t>(packet.size() >> 8), static_cast<uint8_t>(packet.size())};
  Append(bytes, packet);
  return bytes;
}

Result<void> Feed(PacketSplitter& splitter, ByteSpan bytes, size_t step) {
  while (!bytes.empty()) {
    const MutableByteSpan space = splitter.Space();
    const size_t size = std::min({step, space.size(), bytes.size()});
    std::memcpy(space.data(), bytes.data(), size);
    RETURN_IF_ERROR(splitter.Filled(size));
    bytes = bytes.subspan(size);
  }
  return {};
}

MATCHER(IsBroken, "is a broken answer, which is no damage of an object") {
  return !arg.has_value() && arg.error().code() == ErrorCode::kIo && arg.error().transient();
}

TEST(SftpPacket, WritesTheRequestOfTheDraft) {
  // SSH_FXP_OPEN, id 7, "a/b", write + create + exclusive, permissions 0600.
  PacketWriter open(PacketType::kOpen);
  open.String("a/b").U32(kOpenWrite | kOpenCreate | kOpenExclusive).Permissions(0600);
  EXPECT_EQ(ToHex(std::move(open).Take(7)),
            ToHex(Hex("00000018 03 00000007 00000003 612f62 0000002a 00000004 00000180")));
  EXPECT_EQ(ToHex(InitPacket()), ToHex(Hex("00000005 01 00000003")));
  PacketWriter read(PacketType::kRead);
  read.String("h").U64(0x0102030405060708).U32(9);
  EXPECT_EQ(ToHex(std::move(read).Take(0xffffffff)),
            ToHex(Hex("00000016 05 ffffffff 00000001 68 0102030405060708 00000009")));
}

TEST(SftpPacket, IsCutOutOfPiecesOfAnySize) {
  Bytes big(200'000);
  for (size_t i = 0; i < big.size(); ++i) big[i] = static_cast<uint8_t>(i * 7);
  Bytes stream;
  const Bytes small = Hex("65 00000001");
  Append(stream, WithLength(small));
  Append(stream, Hex("00 03 0d 40"));
  Append(stream, big);
  for (int i = 0; i < 3; ++i) Append(stream, WithLength(small));
  for (const size_t step : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{4'096}, size_t{1'000'000}}) {
    PacketSplitter splitter;
    ASSERT_OK(Feed(splitter, stream, step));
    EXPECT_TRUE(Equal(splitter.Next().value(), small));
    EXPECT_TRUE(Equal(splitter.Next().value(), big));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(Equal(splitter.Next().value(), small));
    EXPECT_FALSE(splitter.Next());
  }
}

TEST(SftpPacket, RefusesBadLengths) {
  for (const std::string_view length : {"00000000", "00040401", "7fffffff", "ffffffff"}) {
    PacketSplitter splitter;
    EXPECT_THAT(Feed(splitter, Hex(length), 4), IsBroken()) << length;
    EXPECT_FALSE(splitter.Next());
  }
  PacketSplitter splitter;
  EXPECT_OK(Feed(splitter, Hex("00040400"), 4));
}

TEST(SftpPacket, TextOfALoginShellIsToldAsSuch) {
  PacketSplitter splitter;
  EXPECT_THAT(Feed(splitter, AsBytes("Welcome to host\n"), 100),
              ErrorIs(ErrorCode::kUnsupported, testing::AllOf(HasSubstr("Welcome to host"), HasSubstr(".bashrc"))));
  PacketSplitter later;
  ASSERT_OK(Feed(later, Hex("00000001 02"), 5));
  EXPECT_THAT(Feed(later, AsBytes("Welcome"), 7), IsBroken());
}

TEST(SftpPacket, AnswersHaveATypeAndAnId) {
  ASSERT_OK_AND_ASSIGN(const Answer answer, ParseAnswer(Hex("66 01020304 00000001 68")));
  EXPECT_EQ(answer.type, PacketType::kHandle);
  EXPECT_EQ(answer.id, 0x01020304U);
  EXPECT_THAT(ParseHandle(answer.body()), IsOkAnd(std::string("h")));
  for (const std::string_view packet :
       {"", "66", "66 010203", "00 00000001", "02 00000003", "03 00000001", "ff 00000001"}) {
    EXPECT_THAT(ParseAnswer(Hex(packet)), IsBroken()) << packet;
  }
}

TEST(SftpPacket, ReadsTheGreeting) {
  ASSERT_OK_AND_ASSIGN(const ServerVersion version, ParseVersion(Hex("02 00000003 00000001 61 00000001 31")));
  EXPECT_TRUE(version.Has("a", "1"));
  EXPECT_FALSE(version.Has("a", "2"));
  EXPECT_FALSE(version.Has("b", "1"));
  EXPECT_THAT(ParseVersion(Hex("02 00000006")), ErrorIs(ErrorCode::kUnsupported, HasSubstr("version 6")));
  for (const std::string_view packet :
       {"", "02", "02 000000", "65 00000003", "02 00000003 00000001 61", "02 00000003 ffffffff 61 00000001 31"}) {
    EXPECT_THAT(ParseVersion(Hex(packet)), IsBroken()) << packet;
  }
}

TEST(SftpPacket, ReadsAStatus) {
  ASSERT_OK_AND_ASSIGN(const Status status, ParseStatus(Hex("00000004 00000003 61 0a 62 00000002 656e")));
  EXPECT_EQ(status.code, StatusCode::kFailure);
  EXPECT_EQ(status.message, "a\\x0ab");
  EXPECT_OK(ParseStatus(Hex("00000000")));  // of servers that leave out the rest
  for (const std::string_view body : {"", "000000", "00000004 00", "00000004 00000003 6161"}) {
    EXPECT_THAT(ParseStatus(Hex(body)), IsBroken()) << body;
  }
}

TEST(SftpPacket, ReadsDataOfAtMostWhatWasAskedFor) {
  const Bytes body = Hex("00000003 616263");
  ASSERT_OK_AND_ASSIGN(const ByteSpan data, ParseData(body, 3));
  EXPECT_EQ(AsText(data), "abc");
  EXPECT_THAT(ParseData(body, 2), IsBroken());
  EXPECT_THAT(ParseData(Hex("00000000"), 3), IsBroken());
  EXPECT_THAT(ParseData(Hex("00000003 6162"), 3), IsBroken());
}

TEST(SftpPacket, ReadsAListing) {
  // "a" (a file of 5 bytes, 0644, at 100), "b" (no attributes), "c" (with an owner and an extended pair).
  ASSERT_OK_AND_ASSIGN(
      const std::vector<Entry> entries,
      ParseNames(Hex("00000003 00000001 61 00000002 6c6c 0000000d 0000000000000005 000081a4 00000001 00000064"
                     "00000001 62 00000000 00000000"
                     "00000001 63 00000000 80000006 00000001 00000002 000041c0 00000001 00000001 78 00000001 79")));
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].name, "a");
  EXPECT_EQ(entries[0].attributes.size, 5U);
  EXPECT_TRUE(entries[0].attributes.is_file());
  EXPECT_EQ(entries[0].attributes.modified_seconds, 100);
  EXPECT_FALSE(entries[1].attributes.mode);
  EXPECT_TRUE(entries[2].attributes.is_folder());
}

TEST(SftpPacket, RefusesABrokenListing) {
  for (const std::string_view body :
       {"", "00000001", "ffffffff 00000001 61 00000000 00000000", "00000002 00000001 61 00000000 00000000",
        "00000001 00000000 00000000 00000000",                          // no name
        "00000001 00000003 612f62 00000000 00000000",                   // with a slash
        "00000001 00000001 00 00000000 00000000",                       // with a zero
        "00000001 00000001 61 00000000 80000000 ffffffff 00000000 00",  // extended pairs that are not there
        "00000001 00000001 61 00000000 00000001 00000000"}) {
    EXPECT_THAT(ParseNames(Hex(body)), IsBroken()) << body;
  }
}

TEST(SftpPacket, ReadsSpaceAndLimits) {
  std::string numbers;
  for (int i = 1; i <= 11; ++i) numbers += "000000000000000" + std::string(1, "0123456789ab"[i]);
  ASSERT_OK_AND_ASSIGN(const Space space, ParseSpace(Hex(numbers)));
  EXPECT_EQ(space.free_bytes, 2U * 5U);
  EXPECT_EQ(space.free_files, 8U);
  EXPECT_FALSE(space.is_read_only);  // its tenth is 10
  EXPECT_THAT(ParseSpace(Hex(numbers.substr(2))), IsBroken());
  ASSERT_OK_AND_ASSIGN(const ServerLimits limits, ParseLimits(Hex(numbers.substr(0, 64))));
  EXPECT_EQ(limits.write_size, 3U);
  EXPECT_THAT(ParseLimits(Hex(numbers.substr(0, 62))), IsBroken());
}

}  // namespace
}  // namespace cairn::sftp
