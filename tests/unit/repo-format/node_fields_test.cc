// Fields of nodes (SPEC 10.3) from bytes made by hand, each wrong in one thing.
#include "repo-format/directory_blob.h"
#include "repo-format/limits.h"
#include "tests/unit/repo-format/encoding_fixture.h"

namespace cairn::encoding_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const auto kCorrupt = ErrorCode::kCorrupt;
const auto kUnsupported = ErrorCode::kUnsupported;

Bytes NodeBytes(uint8_t type, const Records& fields, const Bytes& name = Text("a")) {
  return Join({String(name), {type}, String(fields.Encode())});
}
// A leaf of a directory with this one node.
Result<Bytes> Parse(const Bytes& node) {
  ASSIGN_OR_RETURN(const DirectoryBlob blob, DirectoryBlob::Parse(Join({{2, 1, 0, 1}, node})));
  const Bytes again = blob.Encode();
  if (const auto& opaque = blob.nodes.front().opaque) {
    EXPECT_EQ(again, Join({{2, 1, 0, 1}, node}));  // as it stands
    return Error(kUnsupported, opaque->why);
  }
  return ToBytes(ByteSpan(again).subspan(4));
}

Bytes BlobEntryBytes(uint64_t length) { return Join({{0}, V(length), Fill(32, 1)}); }
Bytes HoleBytes(uint64_t length) { return Join({{1}, V(length)}); }
Bytes RunBytes(uint64_t length, uint64_t count) { return Join({{2}, V(length), V(count), Fill(32, 2)}); }

Records Common() { return {{{1, V(0644)}, {3, V(1'000)}, {5, V(100)}, {7, kTime}}}; }
Records FieldsOf(uint8_t type) {
  switch (type) {
    case 1:
      return Common().Plus(9, V(175)).Plus(13, Join({{0, 3}, BlobEntryBytes(15), HoleBytes(100), RunBytes(20, 3)}));
    case 2:
      return Common().Plus(15, Join({V(4), Fill(32, 5)}));
    case 3:
      return Common().Plus(17, Text("../b"));
    case 4:
    case 5:
      return Common().Plus(11, Join({V(8), V(1)}));
    default:
      return Common();
  }
}
const std::vector<uint8_t> kTypes = {1, 2, 3, 4, 5, 6};

// Everything that a node of this type may have.
Records AllFieldsOf(uint8_t type) {
  Records all = FieldsOf(type).Plus(2, Text("user")).Plus(4, Text("group")).Plus(6, kTime).Plus(8, kTime);
  all = all.Plus(14, Join({{2}, String(Text("user.a")), {0, 0}, String(Text("user.b")), {1}, V(300), Fill(32, 7)}));
  if (type != 2) all = all.Plus(10, Fill(8, 9));
  if (type <= 2) all = all.Plus(12, V(0x8000f0));
  if (type == 1) all = all.Plus(16, {1});
  return all;
}

void ExpectBad(uint8_t type, uint64_t tag, const Bytes& value, ErrorCode code, const std::string& why) {
  EXPECT_THAT(Parse(NodeBytes(type, AllFieldsOf(type).With(tag, value))),
              ErrorIs(code, AllOf(HasSubstr("tag " + std::to_string(tag)), HasSubstr(why))))
      << "tag " << tag << ": " << ToHex(value);
}
void ExpectGood(uint8_t type, uint64_t tag, const Bytes& value) {
  const Bytes node = NodeBytes(type, AllFieldsOf(type).With(tag, value));
  EXPECT_THAT(Parse(node), IsOkAnd(node)) << "tag " << tag << ": " << ToHex(value);
}

TEST(NodeFields, AreWrittenAsTheyWereRead) {
  for (const uint8_t type : kTypes) {
    const Bytes least = NodeBytes(type, FieldsOf(type)), all = NodeBytes(type, AllFieldsOf(type));
    EXPECT_THAT(Parse(least), IsOkAnd(least)) << int{type};
    EXPECT_THAT(Parse(all), IsOkAnd(all)) << int{type};
  }
}

TEST(NodeFields, RejectEachNodeThatLacksOneThatIsNeeded) {
  for (const uint8_t type : kTypes) {
    for (const auto& [tag, value] : FieldsOf(type).list) {
      EXPECT_THAT(Parse(NodeBytes(type, AllFieldsOf(type).Without(tag))),
                  ErrorIs(kCorrupt, HasSubstr(fmt::format("a {} lacks a needed field", Name(NodeType{type})))))
          << "without tag " << tag;
    }
  }
}

TEST(NodeFields, RejectEachThatBelongsToAnotherType) {
  const std::vector<std::pair<uint64_t, std::vector<uint8_t>>> belongs = {
      {9, {1}}, {10, {1, 3, 4, 5, 6}}, {11, {4, 5}}, {12, {1, 2}}, {13, {1}}, {15, {2}}, {16, {1}}, {17, {3}}};
  for (const auto& [tag, types] : belongs) {
    for (const uint8_t type : kTypes) {
      if (std::ranges::find(types, type) != types.end()) continue;
      const Records owner = AllFieldsOf(types.front());
      const Bytes value = std::ranges::find(owner.list, tag, &Records::Record::first)->second;
      EXPECT_THAT(
          Parse(NodeBytes(type, FieldsOf(type).Plus(tag, value))),
          ErrorIs(kCorrupt, HasSubstr(fmt::format("tag {} does not belong to a {}", tag, Name(NodeType{type})))));
    }
  }
}

TEST(NodeFields, RejectEachThatStandsTwiceOrHasAByteMore) {
  for (const uint8_t type : kTypes) {
    const Records all = AllFieldsOf(type);
    for (size_t i = 0; i < all.list.size(); ++i) {
      const uint64_t tag = all.list[i].first;
      EXPECT_THAT(Parse(NodeBytes(type, all.Plus(tag, all.list[i].second))),
                  ErrorIs(kCorrupt, HasSubstr(fmt::format("tag {} stands twice", tag))));
      if (tag == 2 || tag == 4 || tag == 17) continue;  // bytes to the end
      Records longer = all;
      longer.list[i].second.push_back(0);
      EXPECT_THAT(Parse(NodeBytes(type, longer)), ErrorIs(kCorrupt, HasSubstr("1 bytes are left over"))) << tag;
      Records shorter = all;
      shorter.list[i].second.pop_back();
      EXPECT_THAT(Parse(NodeBytes(type, shorter)), ErrorIs(kCorrupt, HasSubstr("bytes are left"))) << tag;
    }
  }
}

TEST(NodeFields, RefuseWhatIsReservedAndCritical) {
  for (const uint8_t type : {0, 7, 8, 16, 17, 18, 19, 255}) {
    EXPECT_THAT(Parse(NodeBytes(type, Common())),
                ErrorIs(kUnsupported, HasSubstr(fmt::format("node type {} is not known", type))));
  }
  EXPECT_THAT(Parse(NodeBytes(6, Common().Plus(19, {}))), ErrorIs(kUnsupported, HasSubstr("critical tag 19")));
  for (const uint64_t tag : {18, 20, 22, 24}) {
    const Bytes later = NodeBytes(6, Common().Plus(tag, Text("later")));
    EXPECT_THAT(Parse(later), IsOkAnd(later)) << tag;
  }
}

TEST(NodeFields, NumbersAreWithinTheirBounds) {
  constexpr uint64_t k2To32 = uint64_t{1} << 32;
  ExpectGood(6, 1, V(07777));
  ExpectBad(6, 1, V(010000), kCorrupt, "a mode is 4096, at most 4095");
  for (const uint64_t tag : {3, 5}) {
    ExpectGood(6, tag, V(k2To32 - 1));
    ExpectBad(6, tag, V(k2To32), kCorrupt, "id is 4294967296, at most 4294967295");
  }
  ExpectGood(4, 11, Join({V(k2To32 - 1), V(k2To32 - 1)}));
  ExpectBad(4, 11, Join({V(k2To32), V(0)}), kCorrupt, "major number is 4294967296");
  ExpectBad(5, 11, Join({V(0), V(k2To32)}), kCorrupt, "minor number is 4294967296");
  ExpectBad(1, 16, {0}, kCorrupt, "is not 1");
  ExpectBad(1, 16, {2}, kCorrupt, "is not 1");
}

TEST(NodeFields, TimesHaveFewerThanABillionNanoseconds) {
  for (const uint64_t tag : {6, 7, 8}) ExpectBad(6, tag, kTimeTooFine, kCorrupt, "1000000000 nanoseconds");
}

TEST(NodeFields, VarintsHaveOneForm) {
  ExpectBad(6, 1, {0x81, 0x00}, kCorrupt, "longer than it needs to be");
  ExpectBad(4, 11, {0x88, 0x00, 0x01}, kCorrupt, "longer than it needs to be");
  ExpectBad(2, 15, Join({{0x84, 0x00}, Fill(32, 5)}), kCorrupt, "longer than it needs to be");
}

TEST(NodeFields, FlagsAreThoseThatCanBeRestored) {
  for (const uint64_t flag : {0x10, 0x20, 0x40, 0x80, 0x800000}) ExpectGood(1, 12, V(flag));
  ExpectBad(1, 12, V(0), kCorrupt, "flags are 0x0");
  ExpectBad(1, 12, V(0x30 | 0x1), kCorrupt, "flags are 0x31");
  ExpectBad(2, 12, V(uint64_t{1} << 40), kCorrupt, "flags are 0x10000000000");
}

TEST(NodeFields, OwnersAndTargetsAreLimited) {
  for (const uint64_t tag : {2, 4}) {
    ExpectGood(6, tag, Fill(4'096, 'x'));
    ExpectBad(6, tag, Fill(4'097, 'x'), kCorrupt, "has 4097 bytes");
  }
  ExpectGood(3, 17, Fill(4'096, 'x'));
  ExpectBad(3, 17, Fill(4'097, 'x'), kCorrupt, "has 4097 bytes");
}

TEST(NodeFields, ATargetIsNotEmptyAndHoldsNoZero) {
  for (const Bytes& target : {Bytes(), Bytes{0}, Bytes{'a', 0}, Bytes{0, 'a'}}) {
    EXPECT_THAT(Parse(NodeBytes(3, FieldsOf(3).With(17, target))),
                ErrorIs(kCorrupt, HasSubstr("target is empty or holds a zero byte")));
  }
}

// --- content ---

TEST(NodeFields, AnEmptyFileHasNoEntries) {
  const Bytes node = NodeBytes(1, Common().Plus(9, V(0)).Plus(13, {0, 0}));
  EXPECT_THAT(Parse(node), IsOkAnd(node));
}

TEST(NodeFields, ContentSumsUpToTheSize) {
  for (const uint64_t size : {0, 174, 176}) {
    EXPECT_THAT(Parse(NodeBytes(1, FieldsOf(1).With(9, V(size)))),
                ErrorIs(kCorrupt, HasSubstr(fmt::format("a file says {} bytes, its content has 175", size))));
  }
}

TEST(NodeFields, ANodeHoldsFourEntriesAtMost) {
  const auto content = [](uint8_t count) {
    Bytes bytes = {0, count};
    for (int i = 0; i < count; ++i) Append(bytes, BlobEntryBytes(35));
    return bytes;
  };
  const Records four = FieldsOf(1).With(9, V(4 * 35)).With(13, content(4));
  EXPECT_THAT(Parse(NodeBytes(1, four)), IsOkAnd(NodeBytes(1, four)));
  ExpectBad(1, 13, content(5), kCorrupt, "a count is 5, at most 4 is allowed");
}

TEST(NodeFields, ARootOfAListIsBelowItsDepth) {
  const auto root = [](uint8_t depth, uint64_t bytes, uint64_t entries) {
    return Join({{depth}, V(bytes), V(entries), Fill(32, 3)});
  };
  ExpectGood(1, 13, root(1, 175, 5));
  ExpectGood(1, 13, root(9, 175, 5));
  ExpectBad(1, 13, root(10, 175, 5), kCorrupt, "content has depth 10");
  ExpectBad(1, 13, root(255, 175, 5), kCorrupt, "content has depth 255");
  ExpectBad(1, 13, root(1, 0, 5), kCorrupt, "0 bytes in 5 entries");
  ExpectBad(1, 13, root(1, uint64_t{1} << 63, 5), kCorrupt, "9223372036854775808 bytes in 5 entries");
  ExpectBad(1, 13, root(1, 175, 0), kCorrupt, "175 bytes in 0 entries");
}

// Found by these tests: one file had two forms.
TEST(NodeFields, AFileOfFourEntriesHasNoList) {
  ExpectBad(1, 13, Join({{1}, V(175), V(4), Fill(32, 3)}), kCorrupt, "a list has 4 entries, up to 4 stand in the node");
}

TEST(NodeFields, EntriesOfContentAreThoseOfLists) {
  ExpectBad(1, 13, Join({{0, 1, 3}, V(175)}), kUnsupported, "list entry type 3 is not known");
  ExpectBad(1, 13, Join({{0, 1}, BlobEntryBytes(0)}), kCorrupt, "has 0 bytes");
  ExpectBad(1, 13, Join({{0, 1}, BlobEntryBytes((16u << 20) + 1)}), kCorrupt, "has 16777217 bytes");
  ExpectBad(1, 13, Join({{0, 1}, HoleBytes(0)}), kCorrupt, "has 0 bytes");
  ExpectBad(1, 13, Join({{0, 1}, HoleBytes(uint64_t{1} << 63)}), kCorrupt, "has 9223372036854775808 bytes");
  ExpectBad(1, 13, Join({{0, 1}, RunBytes(175, 0)}), kCorrupt, "a run has 0 blobs");
  ExpectBad(1, 13, Join({{0, 1}, RunBytes(175, 1)}), kCorrupt, "a run has 1 blobs");
  ExpectBad(1, 13, Join({{0, 1}, RunBytes(1u << 20, uint64_t{1} << 43)}), kCorrupt, "longer than a file can be");
  ExpectBad(1, 13, Join({{0, 1}, RunBytes(1u << 20, uint64_t{1} << 45)}), kCorrupt, "longer than a file can be");
}

TEST(NodeFields, ContentIsNoLongerThanAFileCanBe) {
  constexpr uint64_t kMax = INT64_MAX;
  const auto file = [](uint64_t size, const Bytes& entries, uint8_t count) {
    return Parse(NodeBytes(1, Common().Plus(9, V(size)).Plus(13, Join({{0, count}, entries}))));
  };
  EXPECT_THAT(file(kMax, HoleBytes(kMax), 1), IsOk());
  EXPECT_THAT(file(kMax + 1, Join({HoleBytes(kMax), BlobEntryBytes(1)}), 2),
              ErrorIs(kCorrupt, HasSubstr("a size is 9223372036854775808")));
  // The sum of three is 2^64 - 3 + 5: two, in 64 bits.
  EXPECT_THAT(file(2, Join({HoleBytes(kMax), HoleBytes(kMax), BlobEntryBytes(4)}), 3),
              ErrorIs(kCorrupt, HasSubstr("longer than a file can be")));
}

// --- attributes ---

Bytes Inline(std::string_view name, const Bytes& value) { return Join({String(Text(name)), {0}, String(value)}); }
Bytes InBlob(std::string_view name, uint64_t length) { return Join({String(Text(name)), {1}, V(length), Fill(32, 4)}); }

TEST(NodeFields, AttributesAreAscendingAndThere) {
  const Bytes a = Inline("user.a", {}), b = Inline("user.b", {});
  ExpectGood(6, 14, Join({{2}, a, b}));
  ExpectBad(6, 14, Join({{2}, b, a}), kCorrupt, "attributes do not ascend");
  ExpectBad(6, 14, Join({{2}, a, a}), kCorrupt, "attributes do not ascend");
  ExpectBad(6, 14, {0}, kCorrupt, "a list of attributes is empty");
  ExpectBad(6, 14, Join({V(1'000'000), a}), kCorrupt, "a count is 1000000, but only");
}

TEST(NodeFields, NamesOfAttributesAreLimited) {
  ExpectGood(6, 14, Join({{1}, Inline(std::string(4'096, 'x'), {})}));
  ExpectBad(6, 14, Join({{1}, Inline(std::string(4'097, 'x'), {})}), kCorrupt, "4097 bytes, at most 4096");
  ExpectBad(6, 14, Join({{1}, Inline("", {})}), kCorrupt, "an attribute has no name");
}

TEST(NodeFields, ValuesOfAttributesAreLimited) {
  ExpectGood(6, 14, Join({{1}, Inline("system.posix_acl_access", Fill(256, 1))}));
  ExpectBad(6, 14, Join({{1}, Inline("system.posix_acl_access", Fill(257, 1))}), kCorrupt, "257 bytes, at most 256");
  ExpectGood(6, 14, Join({{1}, InBlob("user.a", limits::kAttributeBytesMax)}));
  ExpectBad(6, 14, Join({{1}, InBlob("user.a", 0)}), kCorrupt, "an attribute's blob has 0 bytes");
  // Found by these tests: 16 MiB were taken, the limit of other blobs.
  ExpectBad(6, 14, Join({{1}, InBlob("user.a", (8u << 20) + 1)}), kCorrupt, "an attribute's blob has 8388609 bytes");
}

TEST(NodeFields, OtherFormsOfAttributesAreUnsupported) {
  ExpectBad(6, 14, Join({{1}, String(Text("user.a")), {2, 0}}), kUnsupported, "an attribute has form 2");
}

// Tag 26 is nothing that a file needs to be read.
TEST(NodeFields, ChunkersOfALaterVersionStayAsTheyAre) {
  const auto with = [](const Bytes& value) { return NodeBytes(1, FieldsOf(1).Plus(26, value)); };
  const auto sizes = [](uint32_t least, uint32_t average, uint32_t most) {
    return Join({U(least, 4), U(average, 4), U(most, 4)});
  };
  for (const Bytes& value : {Join({{3, 2}, sizes(64, 100, 200)}), Join({{9, 2}, sizes(64, 100, 200)}),
                             Join({{3, 77}, sizes(0, 0, 0)}), Join({{4, 3}, sizes(1, 2, 3), {4}}), Bytes{9, 9}}) {
    const auto again = Parse(with(value));
    ASSERT_OK(again);
    EXPECT_EQ(*again, with(value));
  }
  for (const Bytes& value : {Join({{3, 2}, sizes(200, 100, 300)}), Join({{3, 2}, sizes(63, 100, 300)}),
                             Join({{3, 1}, sizes(64, 64, 65)}), Join({{3, 2}, sizes(64, 100, (8 << 20) + 1)}),
                             Join({{3, 2}, sizes(64, 100, 200), {4}}), Bytes{3, 2, 1}, Bytes{3}, Bytes{}}) {
    EXPECT_THAT(Parse(with(value)), ErrorCodeIs(kCorrupt)) << ToHex(value);
  }
}

}  // namespace
}  // namespace cairn::encoding_test
