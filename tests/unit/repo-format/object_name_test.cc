#include "repo-format/object_name.h"

#include <string>
#include <vector>

#include "tests/support/matchers.h"
#include "tests/support/seeded_random.h"

namespace cairn {
namespace {

using Kind = ParsedName::Kind;
using testing::HasSubstr;

const std::string kId = "000102030405060708090a0b0c0d0e0f";
const std::string kDigest = "ab0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const std::string kPack = kDigest + "-0011223344556677";

TEST(ObjectName, TakesWhatTheRulesAllow) {
  for (const std::string& text : std::vector<std::string>{"a", "0", "-", "config/1", "data/ab/" + kPack, "a.b", "...",
                                                          "..a/b..", "a/.hidden", std::string(120, 'x')}) {
    const auto name = ObjectName::Parse(text);
    ASSERT_THAT(name, IsOk()) << text;
    EXPECT_EQ(name->text(), text);
  }
}

TEST(ObjectName, RefusesEveryOtherText) {
  for (const std::string& text : std::vector<std::string>{
           "",       "/",     "a/", "/a",  "a//b", ".",    "..",  "a/.",  "a/..",     "./a", "../a",
           "a/../b", "a/./b", "A",  "a_b", "a b",  "a\\b", "a:b", "a%2f", "\xc3\xa4", "a\n", std::string(121, 'x')}) {
    EXPECT_THAT(ObjectName::Parse(text), ErrorIs(ErrorCode::kInvalidArgument, HasSubstr("is no object name"))) << text;
  }
  EXPECT_THAT(ObjectName::Parse(std::string_view("a\0b", 3)), ErrorCodeIs(ErrorCode::kInvalidArgument));
}

TEST(ObjectName, RefusesEveryByteThatIsNotAllowed) {
  const std::string allowed = "0123456789abcdefghijklmnopqrstuvwxyz.-";
  for (int value = 0; value < 256; ++value) {
    const std::string text = {'a', static_cast<char>(value), 'b'};
    const bool good = value == '/' || allowed.find(static_cast<char>(value)) != std::string::npos;
    EXPECT_EQ(ObjectName::Parse(text).has_value(), good) << value;
  }
}

TEST(ObjectName, BaseIsThePartAfterTheLastSlash) {
  EXPECT_EQ(ObjectName::Parse("data/ab/cd")->base(), "cd");
  EXPECT_EQ(ObjectName::Parse("cd")->base(), "cd");
}

// One name of each kind, with the text that SPEC section 4 gives it.
struct Made {
  std::string text;
  ObjectName name;
  Kind kind;
};

std::vector<Made> OneOfEach() {
  const auto session = *SessionId::Parse(kId);
  const auto pack = *PackName::Parse(kPack);
  const auto object = *ObjectId::Parse(kId);
  return {{"config/18446744073709551615", ConfigName(UINT64_MAX), Kind::kConfig},
          {"config/7", ConfigName(7), Kind::kConfig},
          {"keys/" + kId, KeyName(*KeyId::Parse(kId)), Kind::kKey},
          {"data/ab/" + kPack, PackObjectName(BlobKind::kData, pack), Kind::kPack},
          {"meta/ab/" + kPack, PackObjectName(BlobKind::kMetadata, pack), Kind::kPack},
          {"index/" + kId, SegmentName(*SegmentId::Parse(kId)), Kind::kSegment},
          {"sessions/" + kId, SessionName(session), Kind::kSession},
          {"sessions/" + kId + ".end", SessionEndName(session), Kind::kSessionEnd},
          {"sessions/" + kId + ".1", SignOfLifeName(session, 1), Kind::kSignOfLife},
          {"sessions/" + kId + ".4294967295", SignOfLifeName(session, UINT32_MAX), Kind::kSignOfLife},
          {"snapshots/" + kId, SnapshotName(session), Kind::kSnapshot},
          {"tombstones/" + kPack, TombstoneName(pack), Kind::kTombstone},
          {"tombstones/" + kId + ".seen", SeenListName(session), Kind::kSeenList},
          {"notes/" + kId + "/" + kId, NoteName(session, object), Kind::kNote},
          {"forgotten/" + kId, ForgottenName(object), Kind::kForgotten},
          {"deleted/" + kId, DeletedName(session), Kind::kDeleted}};
}

TEST(ObjectName, MakersSayWhatSpecSays) {
  for (const Made& made : OneOfEach()) {
    EXPECT_EQ(made.name.text(), made.text);
    EXPECT_THAT(ObjectName::Parse(made.text), IsOkAnd(made.name));
  }
}

TEST(ParsedName, KnowsTheKindOfEachName) {
  for (const Made& made : OneOfEach()) EXPECT_EQ(ParseObjectName(made.text).kind, made.kind) << made.text;
}

TEST(ParsedName, GivesBackWhatTheMakersWereGiven) {
  const SeededRandom random;
  for (int i = 0; i < 50; ++i) {
    const auto session = random.NewId<SessionId>();
    const auto object = random.NewId<ObjectId>();
    const auto segment = random.NewId<SegmentId>();
    const auto key = random.NewId<KeyId>();
    const uint64_t number = 1 + random.Below(UINT32_MAX);
    PackName pack{.digest = random.NewId<Digest>()};
    random.Fill(pack.put);
    EXPECT_EQ(ParseObjectName(ConfigName(number).text()).number, number);
    EXPECT_EQ(ParseObjectName(KeyName(key).text()).key, key);
    const ParsedName data = ParseObjectName(PackObjectName(BlobKind::kData, pack).text());
    EXPECT_EQ(data.pack, pack);
    EXPECT_EQ(data.pack_kind, BlobKind::kData);
    const ParsedName metadata = ParseObjectName(PackObjectName(BlobKind::kMetadata, pack).text());
    EXPECT_EQ(metadata.pack, pack);
    EXPECT_EQ(metadata.pack_kind, BlobKind::kMetadata);
    EXPECT_EQ(ParseObjectName(SegmentName(segment).text()).segment, segment);
    EXPECT_EQ(ParseObjectName(SessionName(session).text()).session, session);
    EXPECT_EQ(ParseObjectName(SessionEndName(session).text()).session, session);
    const ParsedName sign = ParseObjectName(SignOfLifeName(session, static_cast<uint32_t>(number)).text());
    EXPECT_EQ(sign.session, session);
    EXPECT_EQ(sign.number, number);
    EXPECT_EQ(ParseObjectName(SnapshotName(session).text()).session, session);
    EXPECT_EQ(ParseObjectName(TombstoneName(pack).text()).pack, pack);
    EXPECT_EQ(ParseObjectName(SeenListName(session).text()).session, session);
    const ParsedName note = ParseObjectName(NoteName(session, object).text());
    EXPECT_EQ(note.session, session);
    EXPECT_EQ(note.id, object);
    EXPECT_EQ(ParseObjectName(ForgottenName(object).text()).id, object);
    EXPECT_EQ(ParseObjectName(DeletedName(session).text()).session, session);
  }
}

TEST(ParsedName, KnowsWhatIsReserved) {
  for (const std::string_view text : {"parity/ab/cd", "trash/a", "journal/1", "ledger/x/y", "commits/ab"}) {
    EXPECT_EQ(ParseObjectName(text).kind, Kind::kReserved) << text;
  }
}

TEST(ParsedName, EveryOtherNameIsUnknown) {
  std::string upper = kId;
  upper[21] = 'A';
  const std::vector<std::string> texts = {"",
                                          "/",
                                          "config",
                                          "config/",
                                          "config/0",
                                          "config/01",
                                          "config/-1",
                                          "config/1a",
                                          "config/18446744073709551616",
                                          "config/1/2",
                                          "configs/1",
                                          "keys/",
                                          "keys/" + kId + "0",
                                          "keys/" + kId.substr(1),
                                          "keys/" + upper,
                                          "keys/" + kId + "/x",
                                          "data/" + kPack,
                                          "data/cd/" + kPack,
                                          "data/ab/" + kDigest,
                                          "data/ab/" + kPack + "0",
                                          "data//" + kPack,
                                          "data/ab/ab/" + kPack,
                                          "meta/ab",
                                          "index/" + kPack,
                                          "sessions/" + kId + ".",
                                          "sessions/" + kId + ".0",
                                          "sessions/" + kId + ".01",
                                          "sessions/" + kId + ".4294967296",
                                          "sessions/" + kId + ".ends",
                                          "sessions/" + kId + ".end.1",
                                          "snapshots/" + kId + ".1",
                                          "tombstones/" + kId,
                                          "tombstones/" + kPack + ".seen",
                                          "tombstones/.seen",
                                          "notes/" + kId,
                                          "notes/" + kId + "/",
                                          "notes/" + kId + "/" + kId + "/x",
                                          "notes//" + kId,
                                          "forgotten/",
                                          "other/" + kId,
                                          "parity/",
                                          "parity",
                                          "tmp/" + kId};
  for (const std::string& text : texts) {
    const ParsedName parsed = ParseObjectName(text);
    EXPECT_EQ(parsed.kind, Kind::kUnknown) << text;
    EXPECT_TRUE(parsed.session.IsZero() && parsed.number == 0) << text;
  }
}

}  // namespace
}  // namespace cairn
