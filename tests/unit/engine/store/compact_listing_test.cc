#include "engine/store/compact_listing.h"

#include "tests/support/matchers.h"
#include "tests/support/seeded_random.h"

namespace cairn {
namespace {

std::vector<ObjectInfo> All(const CompactListing& listing) {
  std::vector<ObjectInfo> all;
  EXPECT_OK(listing.ForEach([&](const ObjectInfo& info) -> Result<void> {
    all.push_back(info);
    return {};
  }));
  return all;
}

TEST(CompactListing, GivesBackWhatItWasGiven) {
  const std::string id(64, 'a');
  CompactListing listing;
  std::vector<ObjectInfo> given;
  uint64_t n = 0;
  for (const std::string& text :
       {std::string("config/1"), "index/" + id, "index/" + id, "data/ab/ab" + id, "sessions/" + id + ".end",
        "sessions/" + id + ".12", std::string("a"), std::string("f"), std::string("abc"), std::string("abcd/ef"),
        std::string(120, 'e'), std::string(120, 'z'), std::string(119, 'e') + "z", std::string("z")}) {
    given.push_back({ObjectName::Parse(text).value(), n * 1'000'000'007, static_cast<UnixNs>(n) - 3});
    listing.Add(given.back());
    ++n;
  }
  const std::vector<ObjectInfo> all = All(listing);
  ASSERT_EQ(all.size(), given.size());
  EXPECT_EQ(listing.count(), given.size());
  for (size_t i = 0; i < given.size(); ++i) {
    EXPECT_EQ(all[i].name.text(), given[i].name.text());
    EXPECT_EQ(all[i].size, given[i].size);
    EXPECT_EQ(all[i].modified, given[i].modified);
  }
  listing.Clear();
  EXPECT_EQ(All(listing).size(), 0U);
  listing.Add(given[1]);
  EXPECT_EQ(All(listing).front().name, given[1].name);
}

TEST(CompactListing, AnErrorEndsIt) {
  CompactListing listing;
  for (int i = 0; i < 3; ++i) listing.Add({ObjectName::Parse("a/" + std::to_string(i)).value(), 0, 0});
  int seen = 0;
  EXPECT_THAT(listing.ForEach([&](const ObjectInfo&) -> Result<void> {
    return ++seen < 2 ? Result<void>() : Error(ErrorCode::kBusy, "enough");
  }),
              ErrorCodeIs(ErrorCode::kBusy));
  EXPECT_EQ(seen, 2);
}

// As STORES.md says.
TEST(CompactListing, ManyTakeLittle) {
  constexpr size_t kCount = 1'000'000;
  const SeededRandom random;
  CompactListing segments, packs;
  for (size_t i = 0; i < kCount; ++i) {
    segments.Add({SegmentName(random.NewId<SegmentId>()), 4'000, 1'700'000'000});
    const std::string pack = random.NewId<SegmentId>().ToHex() + random.NewId<SegmentId>().ToHex();
    packs.Add({ObjectName::Parse("data/" + pack.substr(0, 2) + "/" + pack).value(), 4'000, 1'700'000'000});
  }
  EXPECT_LE(segments.bytes(), kCount * 43);
  EXPECT_LE(packs.bytes(), kCount * 62);
  size_t count = 0;
  EXPECT_OK(segments.ForEach([&](const ObjectInfo& info) -> Result<void> {
    count += ParseObjectName(info.name.text()).kind == ParsedName::Kind::kSegment ? 1 : 0;
    return {};
  }));
  EXPECT_EQ(count, kCount);
}

}  // namespace
}  // namespace cairn
