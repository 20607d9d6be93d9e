#include "repo-format/wire_reader.h"

#include <functional>

#include "tests/support/seeded_random.h"
#include "tests/unit/repo-format/encoding_fixture.h"

namespace cairn::encoding_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

auto Corrupt(const std::string& why) {
  return ErrorIs(ErrorCode::kCorrupt, AllOf(HasSubstr("the thing: "), HasSubstr(why)));
}

// What a reader of `bytes` says after `read`.
Result<void> After(const Bytes& bytes, const std::function<void(WireReader&)>& read) {
  WireReader reader(bytes, "the thing");
  read(reader);
  return reader.Finish();
}

TEST(WireReader, IntegersAreNotReadFromLessThanTheirBytes) {
  const std::vector<std::pair<size_t, std::function<uint64_t(WireReader&)>>> reads = {
      {1, [](WireReader& reader) { return reader.U8(); }},
      {2, [](WireReader& reader) { return reader.U16(); }},
      {4, [](WireReader& reader) { return reader.U32(); }},
      {8, [](WireReader& reader) { return reader.U64(); }}};
  for (const auto& [size, read] : reads) {
    for (size_t have = 0; have <= size; ++have) {
      const Bytes bytes = Fill(have, 0xff);
      WireReader reader(bytes, "the thing");
      const uint64_t value = read(reader);
      if (have == size) {
        EXPECT_EQ(value, UINT64_MAX >> (64 - 8 * size));
        EXPECT_THAT(reader.Finish(), IsOk());
      } else {
        EXPECT_EQ(value, 0u);
        EXPECT_THAT(reader.Finish(), Corrupt(fmt::format("{} bytes are left, {} are needed", have, size)));
      }
    }
  }
}

TEST(WireReader, VarintsAreThoseOfTheWriter) {
  const SeededRandom random;
  for (unsigned bits = 0; bits < 64; ++bits) {
    for (const uint64_t value :
         {uint64_t{1} << bits, (uint64_t{1} << bits) - 1, (uint64_t{1} << bits) | random.Below(1u << 31)}) {
      WireWriter writer;
      writer.V(value);
      EXPECT_EQ(writer.bytes(), V(value)) << value;
      WireReader reader(writer.bytes(), "the thing");
      EXPECT_EQ(reader.V(), value);
      EXPECT_THAT(reader.Finish(), IsOk());
    }
  }
  EXPECT_EQ(ToHex(V(UINT64_MAX)), "ffffffffffffffffff01");
}

TEST(WireReader, VarintsHaveOneForm) {
  const auto v = [](WireReader& reader) { EXPECT_EQ(reader.V(), 0u); };
  for (size_t size = 2; size <= 10; ++size) {  // zeros, and a zero behind each length
    Bytes bytes = Fill(size, 0x80);
    bytes.back() = 0;
    EXPECT_THAT(After(bytes, v), Corrupt("a varint is longer than it needs to be")) << ToHex(bytes);
    bytes = Fill(size, 0xff);
    bytes.back() = 0;
    EXPECT_THAT(After(bytes, v), Corrupt("a varint is longer than it needs to be")) << ToHex(bytes);
  }
}

TEST(WireReader, VarintsAreBelow2To64) {
  for (int last = 2; last < 0x80; ++last) {
    const Bytes bytes = Join({Fill(9, 0x80), {static_cast<uint8_t>(last)}});
    EXPECT_THAT(After(bytes, [](WireReader& reader) { reader.V(); }), Corrupt("a varint is above 2^64")) << last;
  }
  const Bytes bytes = Join({Fill(9, 0x80), {1}});
  WireReader reader(bytes, "the thing");
  EXPECT_EQ(reader.V(), uint64_t{1} << 63);
}

TEST(WireReader, VarintsHaveAtMostTenBytes) {
  for (const uint8_t tenth : {0x80, 0x81}) {
    EXPECT_THAT(After(Join({Fill(9, 0x80), {tenth, 0x01}}), [](WireReader& reader) { reader.V(); }),
                Corrupt("a varint has more than 10 bytes"));
  }
}

TEST(WireReader, VarintsDoNotEndInTheMiddle) {
  for (size_t size = 0; size < 10; ++size) {
    EXPECT_THAT(After(Fill(size, 0x80), [](WireReader& reader) { reader.V(); }), Corrupt("0 bytes are left")) << size;
  }
}

TEST(WireReader, SignedNumbersAreZigzag) {
  const std::vector<std::pair<int64_t, std::string>> pairs = {{0, "00"},
                                                              {-1, "01"},
                                                              {1, "02"},
                                                              {-2, "03"},
                                                              {63, "7e"},
                                                              {-64, "7f"},
                                                              {64, "8001"},
                                                              {INT64_MAX, "feffffffffffffffff01"},
                                                              {INT64_MIN, "ffffffffffffffffff01"}};
  for (const auto& [value, hex] : pairs) {
    WireWriter writer;
    writer.S(value);
    EXPECT_EQ(ToHex(writer.bytes()), hex) << value;
    WireReader reader(writer.bytes(), "the thing");
    EXPECT_EQ(reader.S(), value);
  }
}

TEST(WireReader, TimesAreSecondsThenNanoseconds) {
  const auto time = [](WireReader& reader) { reader.Time(); };
  EXPECT_THAT(After(Join({{0x01}, V(999'999'999)}),
                    [](WireReader& reader) { EXPECT_EQ(reader.Time(), (WireTime{-1, 999'999'999})); }),
              IsOk());
  EXPECT_THAT(After(kTimeTooFine, time), Corrupt("a time has 1000000000 nanoseconds"));
  EXPECT_THAT(After(Join({{0x01}, V((uint64_t{1} << 32) | 5)}), time), Corrupt("4294967301 nanoseconds"));
  EXPECT_THAT(After({0x01}, time), Corrupt("0 bytes are left, 1 are needed"));
}

TEST(WireReader, NoSizeReachesBeyondTheEnd) {
  for (const uint64_t size : {uint64_t{4}, uint64_t{1} << 32, UINT64_MAX - 2, UINT64_MAX}) {
    EXPECT_THAT(After(Text("abc"), [&](WireReader& reader) { EXPECT_TRUE(reader.Raw(size).empty()); }),
                Corrupt(fmt::format("3 bytes are left, {} are needed", size)));
    EXPECT_THAT(After(Text("abc"), [&](WireReader& reader) { reader.U8(), reader.Raw(size); }), Corrupt("2 bytes"));
    EXPECT_THAT(After(Join({V(size), Text("abc")}), [](WireReader& reader) { reader.String(UINT64_MAX); }),
                Corrupt(fmt::format("3 bytes are left, {} are needed", size)));
  }
}

TEST(WireReader, IdsAreWhole) {
  EXPECT_THAT(After(Fill(16, 7), [](WireReader& reader) { EXPECT_EQ(reader.Get<SlotId>(), IdOf<SlotId>(7)); }), IsOk());
  EXPECT_THAT(After(Fill(15, 7), [](WireReader& reader) { EXPECT_TRUE(reader.Get<SlotId>().IsZero()); }),
              Corrupt("15"));
  for (const size_t size : {0, 31, 32, 39}) {
    EXPECT_THAT(After(Fill(size, 7), [](WireReader& reader) { reader.GetPackName(); }), Corrupt("are needed")) << size;
  }
  EXPECT_THAT(After(Fill(40, 7), [](WireReader& reader) { reader.GetPackName(); }), IsOk());
}

TEST(WireReader, CountsOfNothingAreFree) {
  EXPECT_THAT(After({0}, [](WireReader& reader) { EXPECT_EQ(reader.Count(1'000, 0), 0u); }), IsOk());
}

// A product of count and size that overflows must not pass.
TEST(WireReader, CountsDoNotOverflow) {
  const Bytes bytes = Join({V(uint64_t{1} << 63), Fill(100, 0)});
  EXPECT_THAT(After(bytes, [](WireReader& reader) { EXPECT_EQ(reader.Count(2, UINT64_MAX), 0u); }),
              Corrupt("a count is 9223372036854775808, but only 100 bytes are left"));
}

TEST(WireReader, TheFirstFailureIsTold) {
  EXPECT_THAT(After({}, [](WireReader& reader) { reader.Fail("one"), reader.Fail("two"); }), Corrupt("one"));
  EXPECT_THAT(After({}, [](WireReader& reader) { reader.Fail("one"), reader.Unsupported("two"); }), Corrupt("one"));
  EXPECT_THAT(After({}, [](WireReader& reader) { reader.Unsupported("one"), reader.Fail("two"); }),
              ErrorIs(ErrorCode::kUnsupported, "the thing: one"));
}

// What a newer program wrote behind an unsupported field is not read, and not told as damage.
TEST(WireReader, UnsupportedStaysSoWhateverIsLeft) {
  EXPECT_THAT(After(Text("abc"), [](WireReader& reader) { reader.Unsupported("new"), reader.U64(), reader.V(); }),
              ErrorIs(ErrorCode::kUnsupported, "the thing: new"));
}

TEST(WireReader, TellsWhereItFailed) {
  EXPECT_THAT(After(Text("abcd"), [](WireReader& reader) { reader.U16(), reader.Fail("bad"); }),
              Corrupt("bad, at byte 2 of 4"));
  EXPECT_THAT(After(Text("abcd"), [](WireReader& reader) { reader.U8(); }),
              Corrupt("3 bytes are left over behind byte 1"));
}

TEST(WireReader, BorrowsWhatItGives) {
  const Bytes bytes = Text("abc");
  WireReader reader(bytes, "the thing");
  EXPECT_EQ(reader.Raw(3).data(), bytes.data());
}

}  // namespace
}  // namespace cairn::encoding_test
