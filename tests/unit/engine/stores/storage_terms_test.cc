#include "engine/stores/storage_terms.h"

#include "tests/support/matchers.h"

namespace cairn {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr uint64_t kDay = 86'400;

TEST(StorageTerms, AreThoseOfTheClass) {
  const struct {
    const char *setting, *name;
    uint64_t days, bytes;
  } rows[] = {{"s3.storage-class", "STANDARD", 0, 0},
              {"s3.storage-class", "STANDARD_IA", 30, 131'072},
              {"s3.storage-class", "ONEZONE_IA", 30, 131'072},
              {"s3.storage-class", "GLACIER_IR", 90, 131'072},
              {"s3.storage-class", "GLACIER", 90, 0},
              {"s3.storage-class", "DEEP_ARCHIVE", 180, 0},
              {"s3.storage-class", "NEARLINE", 30, 0},
              {"s3.storage-class", "COLDLINE", 90, 0},
              {"s3.storage-class", "ARCHIVE", 365, 0},
              {"azure.access-tier", "Hot", 0, 0},
              {"azure.access-tier", "Cool", 30, 0},
              {"azure.access-tier", "Cold", 90, 0}};
  for (const auto& row : rows) {
    const auto terms = TermsOf({{row.setting, row.name}});
    ASSERT_OK(terms);
    EXPECT_EQ(terms->least_age_seconds, row.days * kDay) << row.name;
    EXPECT_EQ(terms->least_bytes, row.bytes) << row.name;
  }
}

TEST(StorageTerms, OfTheUserCountMore) {
  const auto terms =
      TermsOf({{"s3.storage-class", "STANDARD_IA"}, {"store.least-age", "7d"}, {"store.least-size", "0"}});
  ASSERT_OK(terms);
  EXPECT_EQ(terms->least_age_seconds, 7 * kDay);
  EXPECT_EQ(terms->least_bytes, 0u);
  EXPECT_EQ(TermsOf({{"store.least-age", "0"}})->least_age_seconds, 0u);
  EXPECT_EQ(TermsOf({{"store.least-size", "64K"}})->least_bytes, 65'536u);
}

TEST(StorageTerms, RefusesWhatIsNoTimeOrSize) {
  for (const char* text : {"", "30", "d", "-1d", "1.5d", "30 d", "30days", "99999999999999d"}) {
    EXPECT_THAT(TermsOf({{"store.least-age", text}}),
                ErrorIs(ErrorCode::kInvalidArgument, AllOf(HasSubstr("store.least-age"), HasSubstr("30d"))))
        << text;
  }
  for (const char* text : {"", "K", "-1", "1.5K", "128k", "128 K"}) {
    EXPECT_THAT(TermsOf({{"store.least-size", text}}),
                ErrorIs(ErrorCode::kInvalidArgument, AllOf(HasSubstr("store.least-size"), HasSubstr("128K"))))
        << text;
  }
}

}  // namespace
}  // namespace cairn
