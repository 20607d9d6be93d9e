#include "engine/stores/open_store.h"

#include "repo-format/base/units.h"
#include "tests/support/fake_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/seeded_random.h"

namespace cairn {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kNobody = "s3:http://127.0.0.1:1/bucket";  // a port where nobody listens

class OpenStoreTest : public testing::Test {
 protected:
  FakeClock clock_;
  SeededRandom random_;
  std::vector<std::chrono::nanoseconds> pauses_;
  const StoreWorld world_{
      .files = PosixFileSystem(),
      .clock = clock_,
      .random = random_,
      .stop = {},
      .environment = [](const char* name) { return std::string_view(name).starts_with("AWS_") ? "key" : ""; },
      .retry_notice = [this](const Error&, std::chrono::nanoseconds pause) { pauses_.push_back(pause); }};
};

TEST_F(OpenStoreTest, CreationIsTriedAgain) {
  EXPECT_THAT(CreateStore(kNobody, {}, world_),
              ErrorIs(ErrorCode::kIo, AllOf(HasSubstr("given up after 8 tries"), HasSubstr("is the address right"))));
  EXPECT_EQ(pauses_.size(), 7U);
}

TEST_F(OpenStoreTest, ToHaveAskedForNothingIsNoAnswer) {
  const auto store = OpenStore(kNobody, {}, world_);
  ASSERT_OK(store);
  EXPECT_THAT((*store)->Stat(ObjectName::Parse("config/1").value()),
              ErrorIs(ErrorCode::kIo, HasSubstr("given up after 8 tries")));
}

TEST_F(OpenStoreTest, SettingsSayHowLongItIsTriedAgain) {
  EXPECT_FALSE(CreateStore(kNobody, {{"retry.first", "1m"}, {"retry.time", "10s"}}, world_));
  EXPECT_EQ(pauses_.size(), 0U);
  EXPECT_FALSE(CreateStore(kNobody, {{"retry.first", "40ms"}}, world_));
  ASSERT_EQ(pauses_.size(), 7U);
  EXPECT_LE(pauses_.front(), 40ms);
  EXPECT_GE(pauses_.front(), 20ms);
}

TEST_F(OpenStoreTest, RefusesWhatIsNoTime) {
  for (const char* text : {"0s", "5", "s", "1.5s", "-1s", "1d", "5 s", "5ss", "99999h", "99999999999s"}) {
    EXPECT_THAT(OpenStore(kNobody, {{"retry.time", text}}, world_),
                ErrorIs(ErrorCode::kInvalidArgument, AllOf(HasSubstr("retry.time"), HasSubstr("15m"))))
        << text;
  }
  for (const char* text : {"1ms", "30s", "15m", "2h"}) {
    EXPECT_OK(OpenStore(kNobody, {{"retry.time", text}}, world_)) << text;
  }
}

TEST_F(OpenStoreTest, RefusesLocksWhereTheirHeadersMeanNothing) {
  const StoreSettings lock = {{"s3.object-lock", "governance"}, {"s3.lock-for", "30d"}};
  EXPECT_OK(OpenStore(kNobody, lock, world_));
  for (const char* address :
       {"s3:https://storage.googleapis.com/bucket", "s3:https://s3.oss-cn-hangzhou.aliyuncs.com/bucket"}) {
    EXPECT_THAT(OpenStore(address, lock, world_), ErrorIs(ErrorCode::kInvalidArgument, HasSubstr("s3.object-lock")))
        << address;
    EXPECT_THAT(OpenStore(address, {{"s3.legal-hold", "yes"}}, world_),
                ErrorIs(ErrorCode::kInvalidArgument, HasSubstr("s3.legal-hold")))
        << address;
    EXPECT_OK(OpenStore(address, {}, world_)) << address;
  }
  EXPECT_OK(OpenStore(kNobody, {{"s3.legal-hold", "yes"}}, world_));
  EXPECT_THAT(OpenStore(kNobody, {{"s3.legal-hold", "on"}}, world_), ErrorCodeIs(ErrorCode::kInvalidArgument));
  EXPECT_OK(OpenHolder(kNobody, {}, world_));
  EXPECT_THAT(OpenHolder("/srv/backup", {}, world_), ErrorCodeIs(ErrorCode::kInvalidArgument));
}

TEST_F(OpenStoreTest, KnowsHowLargeAnObjectMayBe) {
  const auto bytes_max = [&](const char* address, const StoreSettings& settings) -> uint64_t {
    auto store = OpenStore(address, settings, world_);
    EXPECT_OK(store);
    return store ? (*store)->object_bytes_max() : 0;
  };
  EXPECT_EQ(bytes_max(kNobody, {}), UINT64_MAX);
  EXPECT_EQ(bytes_max(kNobody, {{"store.object-size", "100M"}}), 100 * kMiB);
  EXPECT_EQ(bytes_max("webdav:https://dav.jianguoyun.com/dav/backup", {}), 500'000'000U);
  EXPECT_EQ(bytes_max("webdav:https://dav.jianguoyun.com/dav/backup", {{"store.object-size", "1G"}}), kGiB);
  EXPECT_EQ(bytes_max("webdav:https://cloud.example.org/dav", {}), UINT64_MAX);
  for (const char* text : {"15M", "0", "x", "16M!"}) {
    EXPECT_THAT(OpenStore(kNobody, {{"store.object-size", text}}, world_),
                ErrorIs(ErrorCode::kInvalidArgument, AllOf(HasSubstr("store.object-size"), HasSubstr("16M"))))
        << text;
  }
}

TEST_F(OpenStoreTest, KnowsItsSettings) {
  StoreSettings settings;
  EXPECT_OK(AddStoreSetting(settings, "tls.ca-file=a=b"));
  EXPECT_EQ(settings["tls.ca-file"], "a=b");
  EXPECT_THAT(AddStoreSetting(settings, "tls.cafile=x"),
              ErrorIs(ErrorCode::kInvalidArgument, HasSubstr("retry.first, retry.time, s3.addressing")));
  EXPECT_THAT(AddStoreSetting(settings, "tls.ca-file"), ErrorCodeIs(ErrorCode::kInvalidArgument));
}

}  // namespace
}  // namespace cairn
