#include "engine/crypto/blob_hasher.h"

#include "tests/unit/engine/crypto/crypto_fixture.h"

namespace cairn {
namespace {

using crypto_test::RandomBytes;
using crypto_test::TestRepository;

class BlobHasherTest : public testing::Test {
 protected:
  const TestRepository repository_;
};

TEST_F(BlobHasherTest, IdIsTheHmacUnderTheIdKeyOfTheKind) {
  const Keyring owner = repository_.As("owner");
  const BlobHasher hasher(owner);
  const auto expected = [](const Secret32& key) { return HmacSha256(key.bytes(), {AsBytes("blob")}).ToHex(); };
  EXPECT_EQ(hasher.Compute(BlobKind::kData, AsBytes("blob")).ToHex(), expected(**owner.data_id_key()));
  EXPECT_EQ(hasher.Compute(BlobKind::kMetadata, AsBytes("blob")).ToHex(), expected(**owner.metadata_id_key()));
}

TEST_F(BlobHasherTest, IdsOfManyAreThoseOfEach) {
  const BlobHasher hasher(repository_.As("owner"));
  const std::vector<Bytes> blobs = {RandomBytes(100'000, 1), RandomBytes(1, 2), RandomBytes(5'000, 3)};
  const std::vector<ByteSpan> plain(blobs.begin(), blobs.end());
  for (const BlobKind kind : {BlobKind::kData, BlobKind::kMetadata}) {
    std::vector<BlobId> ids(blobs.size());
    hasher.ComputeEach(kind, plain, ids);
    for (size_t i = 0; i < blobs.size(); ++i) EXPECT_EQ(ids[i], hasher.Compute(kind, blobs[i])) << i;
  }
}

TEST_F(BlobHasherTest, MetadataHashJoinsLabelAndParts) {
  const Keyring owner = repository_.As("owner");
  EXPECT_EQ(BlobHasher(owner).MetadataHash("cairn cut 1", {AsBytes("na"), AsBytes("me")}),
            HmacSha256((*owner.metadata_id_key())->bytes(), {AsBytes("cairn cut 1name")}));
}

TEST_F(BlobHasherTest, EveryRoleWithTheKeyGivesTheSameId) {
  const BlobId id = BlobHasher(repository_.As("owner")).Compute(BlobKind::kData, AsBytes("blob"));
  for (const std::string_view role : {"writer", "reader"}) {
    EXPECT_EQ(BlobHasher(repository_.As(role)).Compute(BlobKind::kData, AsBytes("blob")), id) << role;
  }
}

TEST_F(BlobHasherTest, HasTheKindsOfItsRole) {
  for (const std::string_view role : crypto_test::kRoles) {
    const BlobHasher hasher(repository_.As(role));
    EXPECT_TRUE(hasher.Has(BlobKind::kMetadata)) << role;
    EXPECT_EQ(hasher.Has(BlobKind::kData), role != "lister" && role != "maintainer") << role;
  }
}

TEST_F(BlobHasherTest, IdsOfTwoRepositoriesDiffer) {
  auto made = MakeRepository({}, crypto_test::SeededRandom(99), SystemClock());
  ASSERT_TRUE(made);
  const auto other = Keyring::Open(std::move(made->owner), 1, made->config_object);
  ASSERT_TRUE(other);
  EXPECT_NE(BlobHasher(*other).Compute(BlobKind::kData, AsBytes("blob")),
            BlobHasher(repository_.As("owner")).Compute(BlobKind::kData, AsBytes("blob")));
}

}  // namespace
}  // namespace cairn
