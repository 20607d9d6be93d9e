#include "engine/crypto/object_sealer.h"

#include "tests/unit/engine/crypto/config_surgery.h"

namespace cairn {
namespace {

using crypto_test::ConfigSurgery;
using crypto_test::HeaderFor;
using crypto_test::RandomBytes;
using crypto_test::RawIdOf;
using crypto_test::SealByHand;
using crypto_test::StuckRandom;
using crypto_test::TestRepository;

constexpr size_t kPiece = 1 << 20;
constexpr size_t kTrailer = 80;

struct KindCase {
  ObjectKind kind;
  bool writer, maintainer;  // may sign it; owners may sign all, listers and readers none
};

// SPEC 6.2, "right for a kind".
constexpr KindCase kKinds[] = {
    {ObjectKind::kDataPack, true, true},   {ObjectKind::kMetadataPack, true, true},
    {ObjectKind::kSegment, true, true},    {ObjectKind::kSession, true, true},
    {ObjectKind::kSessionEnd, true, true}, {ObjectKind::kSignOfLife, true, true},
    {ObjectKind::kSnapshot, true, false},  {ObjectKind::kFence, false, true},
    {ObjectKind::kTombstone, false, true}, {ObjectKind::kSeenList, false, true},
    {ObjectKind::kNote, false, true},      {ObjectKind::kForgotten, false, true},
    {ObjectKind::kDeleted, false, true},
};

bool May(const KindCase& kind, std::string_view role) {
  return role == "owner" || (role == "writer" && kind.writer) || (role == "maintainer" && kind.maintainer);
}

class ObjectSealerTest : public testing::Test {
 protected:
  const TestRepository repository_;
  const Keyring owner_ = repository_.As("owner");
  const ObjectSealer sealer_{owner_, SystemRandom()};
  const RawId name_ = RawIdOf(7);
};

TEST_F(ObjectSealerTest, OpensWhatItSealedForEveryKindAndRole) {
  for (const KindCase& kind : kKinds) {
    const auto sealed = sealer_.Seal(kind.kind, name_, AsBytes("body"));
    ASSERT_TRUE(sealed) << Name(kind.kind);
    for (const std::string_view role : crypto_test::kRoles) {
      const Keyring keyring = repository_.As(role);
      const auto opened = ObjectSealer(keyring, SystemRandom()).Open(sealed->Joined(), kind.kind, name_, "object");
      ASSERT_TRUE(opened) << Name(kind.kind) << " by " << role;
      EXPECT_EQ(AsText(opened->body), "body");
      EXPECT_EQ(opened->slot, owner_.slot());
      EXPECT_EQ(opened->header.kind, kind.kind);
      EXPECT_EQ(opened->header.name, name_);
    }
  }
}

TEST_F(ObjectSealerTest, SealsWhatTheRoleMaySignAndNothingElse) {
  for (const std::string_view role : crypto_test::kRoles) {
    const Keyring keyring = repository_.As(role);
    for (const KindCase& kind : kKinds) {
      const auto sealed = ObjectSealer(keyring, SystemRandom()).Seal(kind.kind, name_, AsBytes("body"));
      EXPECT_EQ(sealed.has_value(), May(kind, role)) << role << " " << Name(kind.kind);
      if (!sealed) {
        EXPECT_EQ(sealed.error().code(), ErrorCode::kNoRight);
      }
    }
  }
}

TEST_F(ObjectSealerTest, SealsNoConfigKeyObjectOrReservedKind) {
  using enum ObjectKind;
  for (const ObjectKind kind : {kConfig, kKeyObject, kParity, kJournal, kLedger, kCommit}) {
    EXPECT_CODE(kNoRight, sealer_.Seal(kind, name_, AsBytes("body"))) << Name(kind);
  }
}

// What is signed by a slot without the right is refused by every reader, though the slot holds the index key.
TEST_F(ObjectSealerTest, RefusesTheSignatureOfASlotWithoutTheRight) {
  for (const std::string_view role : crypto_test::kRoles) {
    for (const KindCase& kind : kKinds) {
      const auto object =
          SealByHand(owner_, repository_.slot(role), HeaderFor(owner_, kind.kind, name_), AsBytes("body")).Joined();
      const auto opened = sealer_.Open(object, kind.kind, name_, "object");
      if (May(kind, role)) {
        EXPECT_TRUE(opened) << role << " " << Name(kind.kind);
      } else {
        EXPECT_CODE(kForged, opened) << role << " " << Name(kind.kind);
        EXPECT_NE(opened.error().message().find(role), std::string::npos) << opened.error().message();
      }
    }
  }
}

TEST_F(ObjectSealerTest, CutsBodiesOfEverySizeAsSpecSays) {
  for (const size_t size : {size_t{0}, size_t{1}, kPiece - kTrailer - 1, kPiece - kTrailer, kPiece - kTrailer + 1,
                            kPiece, 2 * kPiece - kTrailer, 2 * kPiece + 5}) {
    const Bytes body = RandomBytes(size, 5);
    const auto sealed = sealer_.Seal(ObjectKind::kSegment, name_, body);
    ASSERT_TRUE(sealed) << size;
    EXPECT_EQ(sealed->body.size(), ObjectSealer::SealedSize(size));
    const auto opened = sealer_.Open(sealed->Joined(), ObjectKind::kSegment, name_, "segment");
    ASSERT_TRUE(opened) << size;
    EXPECT_EQ(opened->body, body) << size;
    // Written a second time by hand under the same header: the same bytes, for Ed25519 is deterministic.
    const auto header = ObjectHeader::Parse(sealed->header);
    EXPECT_TRUE(Equal(SealByHand(owner_, repository_.slot("owner"), *header, body).Joined(), sealed->Joined())) << size;
  }
}

TEST_F(ObjectSealerTest, WorksInBothSuites) {
  for (const Suite suite : {Suite::kAes256Gcm, Suite::kChaCha20Poly1305}) {
    const TestRepository repository(suite);
    const Keyring owner = repository.As("owner");
    const ObjectSealer sealer(owner, SystemRandom());
    const auto sealed = sealer.Seal(ObjectKind::kNote, name_, AsBytes("body"));
    ASSERT_TRUE(sealed);
    EXPECT_EQ(sealed->header[38], static_cast<uint8_t>(suite));
    EXPECT_TRUE(sealer.Open(sealed->Joined(), ObjectKind::kNote, name_, "note"));
  }
}

// The suite is the object's: what was sealed before the default changed stays readable.
TEST_F(ObjectSealerTest, OpensObjectsOfTheOtherSuite) {
  ObjectHeader header = HeaderFor(owner_, ObjectKind::kNote, name_);
  header.suite = Suite::kChaCha20Poly1305;
  const auto object = SealByHand(owner_, repository_.slot("owner"), header, AsBytes("body")).Joined();
  EXPECT_TRUE(sealer_.Open(object, ObjectKind::kNote, name_, "note"));
}

TEST_F(ObjectSealerTest, OpensInTwoPieces) {
  const auto sealed = sealer_.Seal(ObjectKind::kDataPack, RawId{}, AsBytes("directory"));
  ASSERT_TRUE(sealed);
  const auto opened = sealer_.Open(sealed->header, sealed->body, ObjectKind::kDataPack, RawId{}, "pack");
  ASSERT_TRUE(opened);
  EXPECT_EQ(AsText(opened->body), "directory");
}

TEST_F(ObjectSealerTest, SealsUnderAHeaderThatWasMadeBefore) {
  const ObjectHeader header = sealer_.NewHeader(ObjectKind::kSnapshot, name_, 4, AsBytes("known"));
  const auto sealed = sealer_.SealWith(header, AsBytes("body"));
  ASSERT_TRUE(sealed);
  EXPECT_EQ(sealed->header, header.Encode());
  EXPECT_TRUE(sealer_.Open(sealed->Joined(), ObjectKind::kSnapshot, name_, "snapshot"));
}

// One key, one message: a restored virtual machine repeats its random numbers, but not its bodies.
TEST_F(ObjectSealerTest, SaltDiffersWithTheBodyEvenWhereRandomnessRepeats) {
  const StuckRandom stuck;
  const ObjectSealer sealer(owner_, stuck);
  const auto salt = [&](std::string_view body) {
    return sealer.NewHeader(ObjectKind::kNote, name_, body.size(), AsBytes(body)).salt;
  };
  EXPECT_NE(salt("body 1"), salt("body 2"));
  EXPECT_NE(sealer_.NewHeader(ObjectKind::kNote, name_, 4, AsBytes("body")).salt,
            sealer_.NewHeader(ObjectKind::kNote, name_, 4, AsBytes("body")).salt);
}

TEST_F(ObjectSealerTest, UnknownSlotIsForgedAndMayMeanANewerConfig) {
  TestRepository later;
  later.AddSlot("new", kWriterRights);
  const Keyring added = later.As("new");
  const auto sealed = ObjectSealer(added, SystemRandom()).Seal(ObjectKind::kSession, name_, AsBytes("body"));
  ASSERT_TRUE(sealed);
  bool unknown = false;
  EXPECT_CODE(kForged, sealer_.Open(sealed->Joined(), ObjectKind::kSession, name_, "session", &unknown));
  EXPECT_TRUE(unknown);
  const Keyring owner = later.As("owner");
  EXPECT_TRUE(
      ObjectSealer(owner, SystemRandom()).Open(sealed->Joined(), ObjectKind::kSession, name_, "session", &unknown));
  EXPECT_FALSE(unknown);
}

TEST_F(ObjectSealerTest, WorkOfARevokedSlotStaysReadable) {
  const Keyring writer = repository_.As("writer");
  const auto sealed = ObjectSealer(writer, SystemRandom()).Seal(ObjectKind::kSnapshot, name_, AsBytes("body"));
  TestRepository later;
  later.RemoveSlot("writer", 1);
  const Keyring owner = later.As("owner");
  const auto opened =
      ObjectSealer(owner, SystemRandom()).Open(sealed->Joined(), ObjectKind::kSnapshot, name_, "snapshot");
  ASSERT_TRUE(opened);
  EXPECT_TRUE(owner.FindCertificate(opened->slot)->revoked);
}

// Two epochs, of which this slot was given the second only.
TEST_F(ObjectSealerTest, EpochThatIsNotHeldIsNoRight) {
  ConfigSurgery surgery(repository_);
  const SlotKeys& reader = repository_.slot("reader");
  EpochPublicKeys next = surgery.public_part.epochs[0];
  next.epoch = 2;
  surgery.public_part.epochs.push_back(next);
  SlotSecrets secrets = surgery.SecretsOf(reader);
  secrets.epochs[0].epoch = 2;
  surgery.GiveSecrets(reader, secrets);
  surgery.header.epoch = 2;
  const auto keyring = surgery.OpenAs(reader);
  ASSERT_TRUE(keyring) << keyring.error().message();
  const auto sealed = sealer_.Seal(ObjectKind::kNote, name_, AsBytes("body"));  // of epoch 1
  bool unknown = true;
  EXPECT_CODE(
      kNoRight,
      ObjectSealer(*keyring, SystemRandom()).Open(sealed->Joined(), ObjectKind::kNote, name_, "note", &unknown));
  EXPECT_FALSE(unknown);
}

TEST_F(ObjectSealerTest, EpochThatNoConfigNamesIsCorruptAndMayMeanANewerConfig) {
  ObjectHeader header = HeaderFor(owner_, ObjectKind::kNote, name_);
  header.epoch = 2;
  const auto object = SealByHand(owner_, repository_.slot("owner"), header, AsBytes("body")).Joined();
  bool unknown = false;
  EXPECT_CODE(kCorrupt, sealer_.Open(object, ObjectKind::kNote, name_, "note", &unknown));
  EXPECT_TRUE(unknown);
}

}  // namespace
}  // namespace cairn
