// Lists and directories as blobs (SPEC 10, 10.1, 10.2) from bytes made by hand.
#include "repo-format/directory_blob.h"
#include "repo-format/limits.h"
#include "repo-format/list_blob.h"
#include "tests/unit/repo-format/encoding_fixture.h"

namespace cairn::encoding_test {
namespace {

using testing::HasSubstr;

const auto kCorrupt = ErrorCode::kCorrupt;

Bytes ListOf(uint8_t depth, const std::vector<Bytes>& entries) {
  Bytes bytes = Join({{1, 1, depth}, V(entries.size())});
  for (const Bytes& entry : entries) Append(bytes, entry);
  return bytes;
}
Bytes DirectoryOf(uint8_t depth, const std::vector<Bytes>& entries) {
  Bytes bytes = ListOf(depth, entries);
  bytes[0] = 2;
  return bytes;
}
Bytes BlobEntryBytes(uint64_t length = 100) { return Join({{0}, V(length), Fill(32, 1)}); }
Bytes HoleBytes(uint64_t length) { return Join({{1}, V(length)}); }
Bytes ListChildBytes(uint64_t bytes = 1'000, uint64_t entries = 8) { return Join({V(bytes), V(entries), Fill(32, 2)}); }
Bytes FifoBytes(const Bytes& name, size_t extra = 0) {
  Records fields = {{{1, V(0644)}, {3, V(0)}, {5, V(0)}, {7, kTime}}};
  if (extra > 0) fields = fields.Plus(18, Fill(extra, 1));
  return Join({String(name), {6}, String(fields.Encode())});
}
Bytes DirectoryChildBytes(const Bytes& name, uint64_t entries = 20) {
  return Join({String(name), V(entries), V(1'000), Fill(32, 3)});
}
Bytes Numbered(uint32_t number) { return Text(fmt::format("f{:06}", number)); }

template <class Value>
Result<Bytes> Again(const Bytes& bytes) {
  ASSIGN_OR_RETURN(const Value value, Value::Parse(bytes));
  return value.Encode();
}
const auto List = Again<ListBlob>;
const auto Directory = Again<DirectoryBlob>;
auto Corrupt(const std::string& why) { return ErrorIs(kCorrupt, HasSubstr(why)); }

TEST(MetadataBlob, IsWrittenAsItWasRead) {
  for (const Bytes& list : {ListOf(0, {BlobEntryBytes(), HoleBytes(5), Join({{2}, V(10), V(3), Fill(32, 9)})}),
                            ListOf(1, {ListChildBytes(), ListChildBytes()}), ListOf(8, {ListChildBytes()})}) {
    EXPECT_THAT(List(list), IsOkAnd(list));
  }
  for (const Bytes& directory : {DirectoryOf(0, {}), DirectoryOf(0, {FifoBytes(Text("a")), FifoBytes({0xff})}),
                                 DirectoryOf(8, {DirectoryChildBytes(Text("a")), DirectoryChildBytes(Text("b"))})}) {
    EXPECT_THAT(Directory(directory), IsOkAnd(directory));
  }
}

TEST(MetadataBlob, IsOfItsType) {
  EXPECT_THAT(List(DirectoryOf(0, {})), Corrupt("list blob: metadata type is 2, expected 1"));
  EXPECT_THAT(Directory(ListOf(0, {BlobEntryBytes()})), Corrupt("directory blob: metadata type is 1, expected 2"));
  Bytes other = DirectoryOf(0, {});
  other[0] = 3;
  EXPECT_THAT(Directory(other), Corrupt("metadata type is 3"));
}

TEST(MetadataBlob, OfAnotherVersionIsUnsupported) {
  for (const uint8_t version : {0, 2, 255}) {
    Bytes list = ListOf(0, {BlobEntryBytes()}), directory = DirectoryOf(0, {});
    list[1] = directory[1] = version;
    const auto unsupported = ErrorIs(ErrorCode::kUnsupported, HasSubstr(fmt::format("version {}", version)));
    EXPECT_THAT(List(list), unsupported);
    EXPECT_THAT(Directory(directory), unsupported);
  }
}

TEST(MetadataBlob, IsAtMostOfDepth8) {
  EXPECT_THAT(List(ListOf(9, {ListChildBytes()})), Corrupt("depth is 9, at most 8"));
  EXPECT_THAT(Directory(DirectoryOf(9, {DirectoryChildBytes(Text("a"))})), Corrupt("depth is 9, at most 8"));
}

TEST(MetadataBlob, ListHas1To128Entries) {
  EXPECT_THAT(List(ListOf(0, {})), Corrupt("it has no entries"));
  EXPECT_THAT(List(ListOf(1, {})), Corrupt("it has no entries"));
  EXPECT_THAT(List(ListOf(0, std::vector(128, BlobEntryBytes()))), IsOk());
  EXPECT_THAT(List(ListOf(0, std::vector(129, BlobEntryBytes()))), Corrupt("a count is 129, at most 128"));
  EXPECT_THAT(List(ListOf(1, std::vector(128, ListChildBytes()))), IsOk());
  EXPECT_THAT(List(ListOf(1, std::vector(129, ListChildBytes()))), Corrupt("a count is 129, at most 128"));
}

TEST(MetadataBlob, DirectoryHasAtMost256Entries) {
  std::vector<Bytes> nodes, children;
  for (uint32_t i = 0; i < 256; ++i) {
    nodes.push_back(FifoBytes(Numbered(i)));
    children.push_back(DirectoryChildBytes(Numbered(i)));
  }
  EXPECT_THAT(Directory(DirectoryOf(0, nodes)), IsOk());
  EXPECT_THAT(Directory(DirectoryOf(1, children)), IsOk());
  nodes.push_back(FifoBytes(Numbered(256)));
  children.push_back(DirectoryChildBytes(Numbered(256)));
  EXPECT_THAT(Directory(DirectoryOf(0, nodes)), Corrupt("a count is 257, at most 256"));
  EXPECT_THAT(Directory(DirectoryOf(1, children)), Corrupt("a count is 257, at most 256"));
}

TEST(MetadataBlob, InnerDirectoryHasEntries) {
  EXPECT_THAT(Directory(DirectoryOf(1, {})), Corrupt("an inner blob has no entries"));
}

// Found by these tests: a reader took what no writer may store.
TEST(MetadataBlob, DirectoryHasAtMostOneMiB) {
  const size_t rest = DirectoryOf(0, {FifoBytes(Text("a"), 1'000'000)}).size() - 1'000'000;
  EXPECT_THAT(Directory(DirectoryOf(0, {FifoBytes(Text("a"), (1 << 20) - rest)})), IsOk());
  EXPECT_THAT(Directory(DirectoryOf(0, {FifoBytes(Text("a"), (1 << 20) - rest + 1)})),
              Corrupt("it has 1048577 bytes, at most 1048576"));
}

TEST(MetadataBlob, RejectsEveryBeginningAndAByteMore) {
  const Bytes list = ListOf(0, {BlobEntryBytes(), HoleBytes(5), Join({{2}, V(10), V(3), Fill(32, 9)})});
  const Bytes inner_list = ListOf(1, {ListChildBytes()});
  const Bytes directory = DirectoryOf(0, {FifoBytes(Text("a")), FifoBytes(Text("b"))});
  const Bytes inner_directory = DirectoryOf(1, {DirectoryChildBytes(Text("a"))});
  for (const auto& [bytes, parse] : std::vector<std::pair<Bytes, Result<Bytes> (*)(const Bytes&)>>{
           {list, List}, {inner_list, List}, {directory, Directory}, {inner_directory, Directory}}) {
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_THAT(parse(ToBytes(ByteSpan(bytes).first(size))), Corrupt(" blob: ")) << size;
    }
    EXPECT_THAT(parse(Join({bytes, {0}})), Corrupt("1 bytes are left over"));
  }
}

TEST(MetadataBlob, NamesOfADirectoryAscendAsUnsignedBytes) {
  const auto two = [](const Bytes& first, const Bytes& second) {
    return Directory(DirectoryOf(0, {FifoBytes(first), FifoBytes(second)}));
  };
  EXPECT_THAT(two({0x7f}, {0x80}), IsOk());
  EXPECT_THAT(two({0x80}, {0x7f}), Corrupt("names do not ascend"));
  EXPECT_THAT(two(Text("a"), Text("a0")), IsOk());
  EXPECT_THAT(two(Text("a0"), Text("a")), Corrupt("names do not ascend"));
  EXPECT_THAT(two(Text("a"), Text("a")), Corrupt("names do not ascend"));
  const auto inner = [](const Bytes& first, const Bytes& second) {
    return Directory(DirectoryOf(1, {DirectoryChildBytes(first), DirectoryChildBytes(second)}));
  };
  EXPECT_THAT(inner({0x7f}, {0x80}), IsOk());
  EXPECT_THAT(inner({0x80}, {0x7f}), Corrupt("last names do not ascend"));
  EXPECT_THAT(inner(Text("a"), Text("a")), Corrupt("last names do not ascend"));
}

TEST(MetadataBlob, NamesThatCouldLeaveTheTargetAreRejectedOnEveryLevel) {
  for (const Bytes& name : {Text(""), Text("."), Text(".."), Text("/"), Text("a/b"), Text("../x"), Bytes{0},
                            Bytes{'a', 0}, Bytes{0, 'a'}}) {
    EXPECT_THAT(Directory(DirectoryOf(0, {FifoBytes(name)})), Corrupt("a node's name is")) << ToHex(name);
    EXPECT_THAT(Directory(DirectoryOf(1, {DirectoryChildBytes(name)})), Corrupt("no valid name")) << ToHex(name);
    EXPECT_FALSE(IsNodeName(name)) << ToHex(name);
  }
  for (const Bytes& name : {Text("..."), Text(".a"), Text(" "), Bytes{0xff}, Fill(4'096, 'x')}) {
    EXPECT_THAT(Directory(DirectoryOf(0, {FifoBytes(name)})), IsOk()) << ToHex(name);
    EXPECT_THAT(Directory(DirectoryOf(1, {DirectoryChildBytes(name)})), IsOk()) << ToHex(name);
    EXPECT_TRUE(IsNodeName(name)) << ToHex(name);
  }
  EXPECT_THAT(Directory(DirectoryOf(0, {FifoBytes(Fill(4'097, 'x'))})), Corrupt("4097 bytes, at most 4096"));
  EXPECT_THAT(Directory(DirectoryOf(1, {DirectoryChildBytes(Fill(4'097, 'x'))})), Corrupt("4097 bytes, at most 4096"));
  EXPECT_FALSE(IsNodeName(Fill(4'097, 'x')));
}

TEST(MetadataBlob, InnerEntriesHaveSomethingBelowThem) {
  EXPECT_THAT(Directory(DirectoryOf(1, {DirectoryChildBytes(Text("a"), 0)})), Corrupt("nothing below it"));
  EXPECT_THAT(List(ListOf(1, {ListChildBytes(0, 8)})), Corrupt("0 bytes in 8 entries"));
  EXPECT_THAT(List(ListOf(1, {ListChildBytes(1'000, 0)})), Corrupt("1000 bytes in 0 entries"));
}

TEST(MetadataBlob, ListIsNoLongerThanAFileCanBe) {
  constexpr uint64_t kMax = INT64_MAX;
  const std::string why = "its entries are longer than a file can be";
  EXPECT_THAT(List(ListOf(0, {HoleBytes(kMax)})), IsOk());
  EXPECT_THAT(List(ListOf(0, {HoleBytes(kMax - 100), BlobEntryBytes(100)})), IsOk());
  EXPECT_THAT(List(ListOf(0, {HoleBytes(kMax - 99), BlobEntryBytes(100)})), Corrupt(why));
  EXPECT_THAT(List(ListOf(1, {ListChildBytes(kMax)})), IsOk());
  EXPECT_THAT(List(ListOf(1, {ListChildBytes(kMax + 1)})), Corrupt("9223372036854775808 bytes in 8 entries"));
  EXPECT_THAT(List(ListOf(1, {ListChildBytes(kMax), ListChildBytes(1)})), Corrupt(why));
  EXPECT_THAT(List(ListOf(1, std::vector(4, ListChildBytes(uint64_t{1} << 62)))), Corrupt(why)) << "0 in 64 bits";
}

// --- where blobs end ---

TEST(MetadataBlob, ListIsCutBelow2To64ByTheAverage) {
  const auto cuts = [](const Bytes& head, uint32_t average) {
    return CutsList(BlobId::FromBytes(Join({head, Fill(24, 0xff)})), average);
  };
  EXPECT_TRUE(cuts({0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 128));
  EXPECT_FALSE(cuts({0x02, 0, 0, 0, 0, 0, 0, 0}, 128));
  EXPECT_TRUE(cuts({0x07, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 32));
  EXPECT_FALSE(cuts({0x08, 0, 0, 0, 0, 0, 0, 0}, 32));
  EXPECT_TRUE(cuts({0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x54}, 3)) << "floor(2^64 / 3) is 0x55...55";
  EXPECT_FALSE(cuts({0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55}, 3));
}

TEST(MetadataBlob, DirectoryIsCutBelow2To58OfTheEightBytesOfItsDepth) {
  for (unsigned depth = 0; depth <= 8; ++depth) {
    Bytes hash = Fill(32, 0xff);
    EXPECT_FALSE(CutsDirectory(Digest::FromBytes(hash), depth));
    hash[8 * (depth % 4)] = 0x03;
    EXPECT_TRUE(CutsDirectory(Digest::FromBytes(hash), depth)) << depth;
    EXPECT_FALSE(CutsDirectory(Digest::FromBytes(hash), depth + 1)) << depth;
    hash[8 * (depth % 4)] = 0x04;
    EXPECT_FALSE(CutsDirectory(Digest::FromBytes(hash), depth)) << depth;
  }
}

}  // namespace
}  // namespace cairn::encoding_test
