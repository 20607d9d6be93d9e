#include "engine/jobs/needed_places.h"

#include <algorithm>
#include <map>

#include "tests/support/matchers.h"
#include "tests/support/test_context.h"
#include "tests/unit/engine/index/index_fixture.h"

namespace cairn {
namespace {

using namespace index_test;

class NeededPlacesTest : public IndexTest {
 protected:
  // The numbers of the packs of each needed blob, in the order in which they come.
  std::vector<std::pair<BlobId, std::vector<uint64_t>>> Needed(Index& index, const std::vector<BlobId>& ids) {
    IdSorter needed(folder_, 1 << 20);
    for (const BlobId& id : ids) EXPECT_OK(needed.Add(id));
    std::vector<std::pair<BlobId, std::vector<uint64_t>>> got;
    EXPECT_OK(ForEachNeeded(context_.job, index, needed,
                            [&](const BlobId& id, std::span<const BlobPlace> places) -> Result<void> {
                              got.emplace_back(id, std::vector<uint64_t>());
                              for (const BlobPlace& place : places) {
                                for (const IndexedPack& pack : index.Packs()) {
                                  if (pack.number == place.pack) got.back().second.push_back(NumberOf(pack.name));
                                }
                              }
                              return {};
                            }));
    return got;
  }

  TestContext context_;
};

TEST_F(NeededPlacesTest, EachNeededBlobOnceWithAllItsPlacesAlsoThoseThatHaveNone) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10, 11, 12}}}), PackOf(2, {{{11}}})}));
  const auto index = Open();
  Sync(*index);
  const BlobId first = BlobId(), last = [] {
    BlobId id;
    std::ranges::fill(id.mutable_bytes(), uint8_t{0xff});
    return id;
  }();
  std::vector<std::pair<BlobId, std::vector<uint64_t>>> expected = {
      {first, {}}, {Blob(10), {1}}, {Blob(11), {1, 2}}, {Blob(99), {}}, {last, {}}};
  std::ranges::sort(expected);
  EXPECT_EQ(Needed(*index, {Blob(11), last, Blob(99), first, Blob(10), Blob(11)}), expected);
  EXPECT_TRUE(Needed(*index, {}).empty());
}

TEST_F(NeededPlacesTest, AnIndexOfNothingHasNothing) {
  const auto index = Open();
  Sync(*index);
  const std::vector<std::pair<BlobId, std::vector<uint64_t>>> expected = {{Blob(1), {}}};
  EXPECT_EQ(Needed(*index, {Blob(1)}), expected);
}

TEST_F(NeededPlacesTest, ItEndsWhereStopIsAskedForAndAtTheFirstError) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10, 11, 12}}})}));
  const auto index = Open();
  Sync(*index);
  IdSorter needed(folder_, 1 << 20);
  for (const uint64_t n : {10, 11, 12}) ASSERT_OK(needed.Add(Blob(n)));
  int calls = 0;
  const auto fail = [&](const BlobId&, std::span<const BlobPlace>) -> Result<void> {
    ++calls;
    return Corrupt("enough");
  };
  EXPECT_THAT(ForEachNeeded(context_.job, *index, needed, fail), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_EQ(calls, 1);
  context_.stop.request_stop();
  EXPECT_THAT(ForEachNeeded(context_.job, *index, needed, fail), ErrorCodeIs(ErrorCode::kInterrupted));
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace cairn
