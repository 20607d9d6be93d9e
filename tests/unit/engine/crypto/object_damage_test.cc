// Every way that we know for a sealed object to be wrong. SPEC section 6.
#include <functional>

#include "engine/crypto/object_sealer.h"
#include "tests/unit/engine/crypto/crypto_fixture.h"

namespace cairn {
namespace {

using crypto_test::CopyOf;
using crypto_test::HandSealed;
using crypto_test::HeaderFor;
using crypto_test::RandomBytes;
using crypto_test::RawIdOf;
using crypto_test::SealByHand;
using crypto_test::SealPieces;
using crypto_test::SecretFilledWith;
using crypto_test::SignByHand;
using crypto_test::TestRepository;

constexpr size_t kPiece = 1 << 20;
constexpr size_t kSealedPiece = kPiece + 16;

class ObjectDamage : public testing::Test {
 protected:
  Result<OpenedObject> Open(ByteSpan object) const {
    return sealer_.Open(object, ObjectKind::kSegment, name_, "segment");
  }
  // Opens the bytes where the header says their length: what an attacker would do first.
  Result<OpenedObject> OpenWithLength(Bytes object) const {
    const uint64_t length = object.size() - ObjectHeader::kSize;
    for (size_t i = 0; i < 8; ++i) object[72 + i] = static_cast<uint8_t>(length >> (8 * i));
    return Open(object);
  }
  Bytes Flipped(const Bytes& object, size_t bit) const {
    Bytes wrong = object;
    wrong[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    return wrong;
  }
  HandSealed Sealed(ByteSpan body, const RawId& name = RawIdOf(7)) const {
    return SealByHand(owner_, repository_.slot("owner"), HeaderFor(owner_, ObjectKind::kSegment, name), body);
  }

  HandSealed FourPieces() const { return Sealed(RandomBytes(3 * kPiece + 100, 6)); }

  const TestRepository repository_;
  const Keyring owner_ = repository_.As("owner");
  const ObjectSealer sealer_{owner_, SystemRandom()};
  const RawId name_ = RawIdOf(7);
  const HandSealed small_ = Sealed(AsBytes("body"));
};

TEST_F(ObjectDamage, TheseObjectsAreRightBeforeTheyAreDamaged) {
  for (const HandSealed& one : {small_, FourPieces()}) {
    const auto opened = Open(one.Joined());
    EXPECT_TRUE(opened) << opened.error().message();
  }
  EXPECT_EQ(FourPieces().pieces.size(), 4u);
}

struct HeaderField {
  size_t begin, end;
  std::vector<ErrorCode> codes;
};

TEST_F(ObjectDamage, EveryBitOfTheHeaderIsBound) {
  using enum ErrorCode;
  const HeaderField fields[] = {
      {0, 6, {kCorrupt}},               // magic
      {6, 7, {kForged, kUnsupported}},  // kind: another, or one that is not known
      {7, 16, {kUnsupported}},          // version, features
      {16, 32, {kForged}},              // family
      {32, 36, {kCorrupt}},             // epoch
      {36, 38, {kUnsupported}},         // domain
      {38, 39, {kUnsupported}},         // suite: one bit away from 1 there is no other
      {39, 40, {kUnsupported}},         // flags
      {40, 56, {kForged}},              // name
      {56, 72, {kCorrupt}},             // salt
      {72, 80, {kCorrupt}},             // length
      {80, 96, {kUnsupported}},         // reserved
  };
  const Bytes object = small_.Joined();
  for (const HeaderField& field : fields) {
    for (size_t bit = field.begin * 8; bit < field.end * 8; ++bit) {
      const auto opened = Open(Flipped(object, bit));
      ASSERT_FALSE(opened) << "bit " << bit;
      EXPECT_EQ(std::ranges::count(field.codes, opened.error().code()), 1)
          << "bit " << bit << ": " << opened.error().message();
    }
  }
}

TEST_F(ObjectDamage, SuiteInTheHeaderIsBound) {
  Bytes object = small_.Joined();
  object[38] = 2;
  EXPECT_CODE(kCorrupt, Open(object));
}

TEST_F(ObjectDamage, EveryBitOfASmallBodyIsBound) {
  const Bytes object = small_.Joined();
  for (size_t bit = ObjectHeader::kSize * 8; bit < object.size() * 8; ++bit) {
    EXPECT_CODE(kCorrupt, Open(Flipped(object, bit))) << "bit " << bit;
  }
}

TEST_F(ObjectDamage, EveryRegionOfALargeBodyIsBound) {
  const Bytes object = Sealed(RandomBytes(kPiece + 100, 6)).Joined();  // two pieces
  const size_t end_of_first = ObjectHeader::kSize + kSealedPiece;
  for (const size_t offset :
       {end_of_first - kSealedPiece, end_of_first - kPiece / 2, end_of_first - 17, end_of_first - 16, end_of_first - 1,
        end_of_first, object.size() - 97, object.size() - 96, object.size() - 81, object.size() - 80,
        object.size() - 50, object.size() - 17, object.size() - 16, object.size() - 1}) {
    EXPECT_CODE(kCorrupt, Open(Flipped(object, offset * 8 + 3))) << "byte " << offset;
  }
}

TEST_F(ObjectDamage, EveryTruncationOfASmallObject) {
  const Bytes object = small_.Joined();
  for (size_t size = 0; size < object.size(); ++size) {
    const Bytes part = ToBytes(ByteSpan(object).first(size));
    EXPECT_CODE(kCorrupt, Open(part)) << size;
    if (size >= ObjectHeader::kSize) {
      EXPECT_CODE(kCorrupt, OpenWithLength(part)) << size;
    }
  }
}

// Sizes whose last piece is cut within its tag once overran the buffer of the plaintext by up to 15 bytes.
TEST_F(ObjectDamage, TruncationAtPieceBorders) {
  const Bytes object = FourPieces().Joined();
  for (size_t piece = 0; piece <= 3; ++piece) {
    const size_t border = ObjectHeader::kSize + piece * kSealedPiece;
    for (const size_t size : {border - 1, border, border + 1, border + 15, border + 16, border + 17}) {
      if (size < ObjectHeader::kSize) continue;
      const Bytes part = ToBytes(ByteSpan(object).first(size));
      EXPECT_CODE(kCorrupt, Open(part)) << size;
      EXPECT_CODE(kCorrupt, OpenWithLength(part)) << size;
    }
  }
}

TEST_F(ObjectDamage, BytesBehindTheEnd) {
  Bytes longer = small_.Joined();
  longer.push_back(0);
  EXPECT_CODE(kCorrupt, Open(longer));
  EXPECT_CODE(kCorrupt, OpenWithLength(longer));
}

TEST_F(ObjectDamage, SwappedPieces) {
  HandSealed swapped = FourPieces();
  std::swap(swapped.pieces[0], swapped.pieces[1]);
  EXPECT_CODE(kCorrupt, Open(swapped.Joined()));
}

TEST_F(ObjectDamage, PieceTwice) {
  HandSealed twice = FourPieces();
  twice.pieces[1] = twice.pieces[0];
  EXPECT_CODE(kCorrupt, Open(twice.Joined()));
}

TEST_F(ObjectDamage, PieceLeftOut) {
  const HandSealed whole = FourPieces();
  for (size_t i = 0; i < whole.pieces.size(); ++i) {
    HandSealed without = whole;
    without.pieces.erase(without.pieces.begin() + static_cast<ptrdiff_t>(i));
    EXPECT_CODE(kCorrupt, OpenWithLength(without.Joined())) << i;
  }
}

TEST_F(ObjectDamage, PieceOfAnotherObject) {
  HandSealed mixed = FourPieces();
  mixed.pieces[1] = Sealed(RandomBytes(3 * kPiece + 101, 6)).pieces[1];
  EXPECT_CODE(kCorrupt, Open(mixed.Joined()));
}

TEST_F(ObjectDamage, BodyOfAnotherObjectUnderThisHeader) {
  HandSealed replay = Sealed(AsBytes("boby"));
  ObjectHeader header = small_.header;
  header.salt = RawIdOf(0x56);
  replay.header = header;
  EXPECT_CODE(kCorrupt, Open(replay.Joined()));
}

TEST_F(ObjectDamage, AnotherObjectUnderThisName) {
  EXPECT_CODE(kForged, Open(Sealed(AsBytes("body"), RawIdOf(8)).Joined()));
}

TEST_F(ObjectDamage, AnotherKindUnderThisName) {
  const auto note =
      SealByHand(owner_, repository_.slot("owner"), HeaderFor(owner_, ObjectKind::kNote, name_), AsBytes("body"));
  EXPECT_CODE(kForged, Open(note.Joined()));
}

TEST_F(ObjectDamage, AnotherFamily) {
  ObjectHeader header = HeaderFor(owner_, ObjectKind::kSegment, name_);
  header.family = FamilyId();
  EXPECT_CODE(kForged, Open(SealByHand(owner_, repository_.slot("owner"), header, AsBytes("body")).Joined()));
}

TEST_F(ObjectDamage, AnotherIndexKey) {
  ObjectHeader header = HeaderFor(owner_, ObjectKind::kSegment, name_);
  header.body_length = 4 + 80 + 16;
  Bytes plain = ToBytes(AsBytes("body"));
  Append(plain, SignByHand(repository_.slot("owner"), header, AsBytes("body")));
  EXPECT_TRUE(Open(SealPieces(owner_.newest_epoch().index, header, plain, {84}).Joined()));
  EXPECT_CODE(kCorrupt, Open(SealPieces(SecretFilledWith(1), header, plain, {84}).Joined()));
}

// Who holds the index key can seal pieces as he likes; one plaintext still has one form.
TEST_F(ObjectDamage, PiecesCutInAnotherWay) {
  const Bytes body = RandomBytes(2 * kPiece - 80, 7);
  const auto cut = [&](const std::vector<size_t>& sizes) {
    ObjectHeader header = HeaderFor(owner_, ObjectKind::kSegment, name_);
    header.body_length = 2 * kPiece + sizes.size() * kAeadTagSize;
    Bytes plain = body;
    Append(plain, SignByHand(repository_.slot("owner"), header, body));
    return Open(SealPieces(owner_.newest_epoch().index, header, plain, sizes).Joined());
  };
  EXPECT_TRUE(cut({kPiece, kPiece}));
  EXPECT_CODE(kCorrupt, cut({kPiece, kPiece, 0}));
  EXPECT_CODE(kCorrupt, cut({kPiece - 1, kPiece + 1}));
  EXPECT_CODE(kCorrupt, cut({kPiece, kPiece - 1, 1}));
  EXPECT_CODE(kCorrupt, cut({2 * kPiece}));
}

TEST_F(ObjectDamage, NoRoomForASignature) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{79}}) {
    ObjectHeader header = HeaderFor(owner_, ObjectKind::kSegment, name_);
    header.body_length = size + kAeadTagSize;
    const auto object = SealPieces(owner_.newest_epoch().index, header, RandomBytes(size, 8), {size}).Joined();
    EXPECT_CODE(kCorrupt, Open(object)) << size;
  }
}

class ObjectForgery : public ObjectDamage {
 protected:
  // Sealed under the right key with this trailer.
  Result<OpenedObject> OpenWithTrailer(const std::function<Bytes(const ObjectHeader&)>& trailer) const {
    ObjectHeader header = HeaderFor(owner_, ObjectKind::kSegment, name_);
    header.body_length = 4 + 80 + 16;
    Bytes plain = ToBytes(AsBytes("body"));
    Append(plain, trailer(header));
    return Open(SealPieces(owner_.newest_epoch().index, header, plain, {84}).Joined());
  }
};

TEST_F(ObjectForgery, EveryBitOfTheSignature) {
  for (size_t bit = 0; bit < 64 * 8; ++bit) {
    EXPECT_CODE(kForged, OpenWithTrailer([&](const ObjectHeader& header) {
                  return Flipped(SignByHand(repository_.slot("writer"), header, AsBytes("body")), 16 * 8 + bit);
                }))
        << "bit " << bit;
  }
}

TEST_F(ObjectForgery, SignatureOfASlotThatBorrowsAName) {
  EXPECT_CODE(kForged, OpenWithTrailer([&](const ObjectHeader& header) {
                SlotKeys thief = CopyOf(repository_.slot("reader"));
                thief.slot = repository_.slot("writer").slot;
                return SignByHand(thief, header, AsBytes("body"));
              }));
}

TEST_F(ObjectForgery, SignatureOverAnotherBody) {
  EXPECT_CODE(kForged, OpenWithTrailer([&](const ObjectHeader& header) {
                return SignByHand(repository_.slot("writer"), header, AsBytes("boby"));
              }));
}

TEST_F(ObjectForgery, SignatureOverAnotherHeader) {
  EXPECT_CODE(kForged, OpenWithTrailer([&](ObjectHeader header) {
                header.name = RawIdOf(8);
                return SignByHand(repository_.slot("writer"), header, AsBytes("body"));
              }));
}

TEST_F(ObjectForgery, SignatureOverTheBodyAlone) {
  EXPECT_CODE(kForged, OpenWithTrailer([&](const ObjectHeader&) {
                const SlotKeys& writer = repository_.slot("writer");
                Bytes trailer = ToBytes(writer.slot.bytes());
                Append(trailer, Ed25519Sign(writer.ed25519_seed, AsBytes("body")));
                return trailer;
              }));
}

TEST_F(ObjectForgery, NoSignatureAtAll) {
  EXPECT_CODE(kForged, OpenWithTrailer([&](const ObjectHeader&) {
                Bytes trailer = ToBytes(repository_.slot("writer").slot.bytes());
                trailer.resize(80, 0);
                return trailer;
              }));
}

}  // namespace
}  // namespace cairn
