// Values of records that SPEC does not allow, one at a time, in objects that are right but for them.
#include "repo-format/limits.h"
#include "tests/unit/repo-format/record_objects.h"

namespace cairn::encoding_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const RecordObject& Named(std::string_view name) {
  static const std::vector<RecordObject> kAll = AllRecordObjects();
  return *std::ranges::find(kAll, name, &RecordObject::name);
}

Result<Bytes> With(std::string_view name, uint64_t tag, const Bytes& value) {
  return Named(name).again(Named(name).whole.With(tag, value).Encode());
}

struct BadValue {
  std::string_view object;
  uint64_t tag;
  Bytes value;
  std::string_view why;
};

const auto kCorrupt = ErrorCode::kCorrupt;
const auto kUnsupported = ErrorCode::kUnsupported;

void ExpectAll(ErrorCode code, const std::vector<BadValue>& values) {
  for (const BadValue& bad : values) {
    EXPECT_THAT(With(bad.object, bad.tag, bad.value),
                ErrorIs(code, AllOf(HasSubstr(Named(bad.object).what), HasSubstr(fmt::format("tag {}: ", bad.tag)),
                                    HasSubstr(std::string(bad.why)))))
        << bad.object << ", tag " << bad.tag << ": " << ToHex(bad.value);
  }
}

TEST(RecordValues, NumbersOfThingsToComeAreUnsupported) {
  ExpectAll(kUnsupported, {
                              {"Session", 3, {0}, "purpose 0"},
                              {"Session", 3, {4}, "purpose 4"},
                              {"Fence", 1, {0}, "reason 0"},
                              {"Fence", 1, {3}, "reason 3"},
                              {"Tombstone", 5, {0}, "pack kind 0"},
                              {"Tombstone", 5, {3}, "pack kind 3"},
                              {"Forgotten", 1, ForgottenBytes(1, 0), "reason 0"},
                              {"Forgotten", 1, ForgottenBytes(1, 3), "reason 3"},
                              {"SnapshotOuter", 5, Join({U(1, 4), {0}, EnvelopeBytes(5)}), "suite 0"},
                              {"SnapshotOuter", 5, Join({U(1, 4), {3}, EnvelopeBytes(5)}), "suite 3"},
                              {"SnapshotInner", 7, {0}, "class 0"},
                              {"SnapshotInner", 7, {5}, "class 5"},
                              {"SnapshotItem", 3, {0}, "item kind 0"},
                              {"SnapshotItem", 3, {6}, "item kind 6"},
                              {"SnapshotItem", 7, {0}, "state is 0"},
                              {"SnapshotItem", 7, {3}, "state is 3"},
                              {"SnapshotItem", 4, ChunkerBytes(0), "source kind 0"},
                              {"SnapshotItem", 4, ChunkerBytes(5), "source kind 5"},
                              {"ConfigSealedPart", 1, {0}, "suite 0"},
                              {"ConfigSealedPart", 1, {3}, "suite 3"},
                              {"ConfigSealedPart", 3, ChunkerBytes(0), "source kind 0"},
                              {"ConfigSealedPart", 3, ChunkerBytes(5), "source kind 5"},
                              {"ConfigSealedPart", 5, CertificateBytes(1, 0, 0), "state 0"},
                              {"ConfigSealedPart", 5, CertificateBytes(1, 3, 0), "state 3"},
                          });
}

TEST(RecordValues, EveryNumberThatSpecNamesIsTaken) {
  for (const uint8_t purpose : {1, 2, 3}) EXPECT_THAT(With("Session", 3, {purpose}), IsOk());
  for (const uint8_t reason : {1, 2}) EXPECT_THAT(With("Fence", 1, {reason}), IsOk());
  for (const uint8_t kind : {1, 2}) EXPECT_THAT(With("Tombstone", 5, {kind}), IsOk());
  for (const uint8_t value : {1, 2, 3, 4}) EXPECT_THAT(With("SnapshotInner", 7, {value}), IsOk());
  for (const uint8_t kind : {1, 2, 3, 4, 5}) EXPECT_THAT(With("SnapshotItem", 3, {kind}), IsOk());
  for (const uint8_t state : {1, 2}) EXPECT_THAT(With("SnapshotItem", 7, {state}), IsOk());
  for (const uint8_t source : {1, 2, 3, 4}) EXPECT_THAT(With("ConfigSealedPart", 3, ChunkerBytes(source)), IsOk());
}

TEST(RecordValues, ATimeHasFewerThanABillionNanoseconds) {
  const std::string_view why = "1000000000 nanoseconds";
  ExpectAll(kCorrupt, {{"Session", 1, kTimeTooFine, why},
                       {"SessionEnd", 1, kTimeTooFine, why},
                       {"SignOfLife", 1, kTimeTooFine, why},
                       {"Fence", 2, kTimeTooFine, why},
                       {"Tombstone", 7, kTimeTooFine, why},
                       {"SeenList", 5, kTimeTooFine, why},
                       {"Note", 5, kTimeTooFine, why},
                       {"Note", 10, kTimeTooFine, why},
                       {"Forgotten", 3, kTimeTooFine, why},
                       {"SnapshotInner", 3, kTimeTooFine, why},
                       {"SnapshotInner", 5, kTimeTooFine, why}});
}

TEST(RecordValues, ASignOfLifeHasANumberFromOne) {
  ExpectAll(kCorrupt, {{"SignOfLife", 3, {0}, "no number"}, {"SignOfLife", 3, V(uint64_t{1} << 32), "no number"}});
  EXPECT_THAT(With("SignOfLife", 3, V(UINT32_MAX)), IsOk());
}

TEST(RecordValues, AVarintHasOneForm) {
  const std::string_view why = "longer than it needs to be";
  ExpectAll(kCorrupt, {{"Session", 8, {0x80, 0x00}, why},
                       {"SignOfLife", 3, {0x81, 0x00}, why},
                       {"SnapshotInner", 6, {0xf7, 0x00}, why},
                       {"SnapshotItem", 6, {0x80, 0x00}, why},
                       {"Fence", 2, {0x82, 0x00, 0x05}, why},
                       {"Fence", 2, {0x02, 0x85, 0x00}, why}});
}

TEST(RecordValues, ANoteProtectsOrDoesNot) {
  ExpectAll(kCorrupt, {{"Note", 8, {2}, "protection is 2"}});
  EXPECT_THAT(With("Note", 8, {0}), IsOk());
  EXPECT_THAT(With("Note", 8, {1}), IsOk());
}

TEST(RecordValues, ANoteTakesAnExpiryAwayWithNoBytes) {
  const Bytes bytes = Named("Note").whole.With(10, {}).Encode();
  const auto note = NoteRecord::Parse(bytes);
  ASSERT_THAT(note, IsOk());
  EXPECT_TRUE(note->sets_expiry);
  EXPECT_FALSE(note->expiry.has_value());
  EXPECT_EQ(note->Encode(), bytes);
}

// --- snapshots ---

// A parser that took 0 would let a snapshot stand below every revocation (SPEC 11.1: from 1).
TEST(RecordValues, ASnapshotsCounterBeginsAtOne) {
  ExpectAll(kCorrupt, {{"SnapshotOuter", 1, U(0, 8), "counter is 0"}});
  EXPECT_THAT(With("SnapshotOuter", 1, U(1, 8)), IsOk());
}

TEST(RecordValues, ASealedInnerPartHasSaltAndTag) {
  EXPECT_THAT(With("SnapshotOuter", 7, Fill(31, 1)), ErrorIs(kCorrupt, HasSubstr("inner part has 31 bytes")));
  EXPECT_THAT(With("SnapshotOuter", 7, Fill(32, 1)), IsOk());
}

TEST(RecordValues, AnOffsetIsWithinADay) {
  ExpectAll(kCorrupt, {{"SnapshotInner", 6, V(2 * 1'441), "1441 minutes"},
                       {"SnapshotInner", 6, V(2 * 1'441 - 1), "-1441 minutes"}});
  EXPECT_THAT(With("SnapshotInner", 6, V(2 * 1'440)), IsOk());
  EXPECT_THAT(With("SnapshotInner", 6, V(2 * 1'440 - 1)), IsOk());
}

TEST(RecordValues, ACommandLineHasTheLengthOfABlob) {
  const auto command = [](uint64_t length) { return Join({V(length), Fill(32, 6)}); };
  ExpectAll(kCorrupt, {{"SnapshotItem", 8, command(0), "a blob has 0 bytes"},
                       {"SnapshotItem", 8, command(limits::kBlobBytesReadMax + 1), "a blob has 16777217 bytes"},
                       {"SnapshotItem", 8, command(uint64_t{1} << 32 | 1), "a blob has 4294967297 bytes"}});
  EXPECT_THAT(With("SnapshotItem", 8, command(limits::kBlobBytesReadMax)), IsOk());
}

TEST(RecordValues, SourceParametersAreRecordsThemselves) {
  const auto parameters = [](const Records& records) { return With("SnapshotItem", 10, records.Encode()); };
  EXPECT_THAT(parameters({{{2, Text("kept")}, {4, {}}}}), IsOk());
  EXPECT_THAT(parameters({{{2, {}}, {3, {}}}}), ErrorIs(kUnsupported, HasSubstr("critical tag 3 is not known")));
  EXPECT_THAT(parameters({{{4, {}}, {2, {}}}}), ErrorIs(kCorrupt, HasSubstr("tag 2 stands behind tag 4")));
  EXPECT_THAT(With("SnapshotItem", 10, {2, 1}), ErrorIs(kCorrupt, HasSubstr("source parameters")));
}

// --- config ---

TEST(RecordValues, ChunkSizesAreInOrderAndAtMostABlob) {
  constexpr uint32_t kMax = limits::kBlobBytesMax;
  for (const std::string_view object : {"ConfigSealedPart", "SnapshotItem"}) {
    const uint64_t tag = object == "SnapshotItem" ? 4 : 3;
    ExpectAll(kCorrupt, {{object, tag, ChunkerBytes(1, 0, 128, 256), "chunk sizes are 0, 128, 256"},
                         {object, tag, ChunkerBytes(1, 129, 128, 256), "chunk sizes are 129, 128, 256"},
                         {object, tag, ChunkerBytes(1, 64, 257, 256), "chunk sizes are 64, 257, 256"},
                         {object, tag, ChunkerBytes(1, 64, 128, kMax + 1), "chunk sizes are 64, 128, 8388609"}});
    EXPECT_THAT(With(object, tag, ChunkerBytes(1, 64, 128, kMax)), IsOk());
    EXPECT_THAT(With(object, tag, ChunkerBytes(1, 256, 256, 256)), IsOk());
  }
}

TEST(RecordValues, TheTargetOfPacksIsWithinItsBounds) {
  ExpectAll(kCorrupt, {{"ConfigSealedPart", 2, U(4'095, 4), "target size of packs is 4095"},
                       {"ConfigSealedPart", 2, U((256u << 20) + 1, 4), "target size of packs is 268435457"}});
  EXPECT_THAT(With("ConfigSealedPart", 2, U(4'096, 4)), IsOk());
  EXPECT_THAT(With("ConfigSealedPart", 2, U(256u << 20, 4)), IsOk());
}

// Found by these tests: the parser took it, and SPEC 7.1 says 0 for slots that are not revoked.
TEST(RecordValues, OnlyARevokedCertificateHasALastCounter) {
  ExpectAll(kCorrupt, {{"ConfigSealedPart", 5, CertificateBytes(1, 1, 1), "last counter 1, expected 0"}});
  EXPECT_THAT(With("ConfigSealedPart", 5, CertificateBytes(1, 2, 1)), IsOk());
  EXPECT_THAT(With("ConfigSealedPart", 5, CertificateBytes(1, 2, 0)), IsOk());
}

TEST(RecordValues, ACertificateOfAnotherDomainIsUnsupported) {
  ExpectAll(kUnsupported, {{"ConfigSealedPart", 5, CertificateBytes(1, 1, 0, 1), "domain 1"}});
}

TEST(RecordValues, TextsOfACertificateAreLimited) {
  const auto certificate = [](size_t pattern, size_t label) {
    return Join({Fill(16, 1),
                 Fill(32, 2),
                 Fill(32, 3),
                 U(0x8000031f, 4),
                 U(0, 2),
                 String(Fill(pattern, '*')),
                 String(Fill(label, 'x')),
                 {1},
                 U(0, 8),
                 kTime});
  };
  EXPECT_THAT(With("ConfigSealedPart", 5, certificate(4'096, 4'096)), IsOk());
  ExpectAll(kCorrupt, {{"ConfigSealedPart", 5, certificate(4'097, 1), "4097 bytes, at most 4096"},
                       {"ConfigSealedPart", 5, certificate(1, 4'097), "4097 bytes, at most 4096"}});
}

TEST(RecordValues, APublicKeyIsX25519AndHas32Bytes) {
  const auto keys = [](uint16_t algorithm, size_t size) {
    return Join({U(1, 4), U(algorithm, 2), String(Fill(size, 1)), U(0x20, 2), String(Fill(32, 2))});
  };
  EXPECT_THAT(With("ConfigPublicPart", 7, keys(0x20, 32)), IsOk());
  ExpectAll(kCorrupt, {{"ConfigPublicPart", 7, keys(0x20, 31), "has 31 bytes, expected 32"},
                       {"ConfigPublicPart", 7, keys(0x20, 33), "has 33 bytes, expected 32"},
                       {"ConfigPublicPart", 7, EpochPublicBytes(0), "epochs do not ascend"}});
  ExpectAll(kUnsupported, {{"ConfigPublicPart", 7, keys(0x647a, 32), "algorithm 0x647a"}});
}

// --- counts ---

Bytes Counter(uint64_t value, size_t size) {  // ascends as bytes do
  Bytes bytes = U(value, size);
  std::ranges::reverse(bytes);
  return bytes;
}

Result<Bytes> WithMany(std::string_view name, uint64_t tag, uint64_t count,
                       const std::function<Bytes(uint64_t)>& value) {
  Records records = Named(name).whole.Without(tag);
  for (uint64_t i = 1; i <= count; ++i) records = records.Plus(tag, value(i));
  return Named(name).again(records.Encode());
}

TEST(RecordValues, EpochsAreLimited) {
  const auto keys = [](uint64_t i) { return EpochPublicBytes(static_cast<uint32_t>(i)); };
  const auto secrets = [](uint64_t i) { return EpochSecretBytes(static_cast<uint32_t>(i)); };
  EXPECT_THAT(WithMany("ConfigPublicPart", 7, 256, keys), IsOk());
  EXPECT_THAT(WithMany("ConfigPublicPart", 7, 257, keys), ErrorIs(kCorrupt, HasSubstr("257 epochs")));
  EXPECT_THAT(WithMany("SlotSecrets", 9, 256, secrets), IsOk());
  EXPECT_THAT(WithMany("SlotSecrets", 9, 257, secrets), ErrorIs(kCorrupt, HasSubstr("257 epochs")));
}

TEST(RecordValues, SlotsAreLimited) {
  const auto envelope = [](uint64_t i) { return Join({Counter(i, 16), U(0x20, 2), U(0, 2)}); };
  const auto certificate = [](uint64_t i) {
    return Join({Counter(i, 16), Counter(2 * i, 32), Counter(2 * i + 1, 32), U(0, 6), {0, 0, 1}, U(0, 8), kTime});
  };
  EXPECT_THAT(WithMany("ConfigPublicPart", 9, 1'024, envelope), IsOk());
  EXPECT_THAT(WithMany("ConfigPublicPart", 9, 1'025, envelope), ErrorIs(kCorrupt, HasSubstr("1025 slots")));
  EXPECT_THAT(WithMany("ConfigSealedPart", 5, 1'024, certificate), IsOk());
  EXPECT_THAT(WithMany("ConfigSealedPart", 5, 1'025, certificate), ErrorIs(kCorrupt, HasSubstr("1025 certificates")));
}

TEST(RecordValues, ASlotsSecretKeysFollowItsFlags) {
  const auto epoch = [](uint8_t flags, size_t keys) {
    return Join({U(1, 4), Fill(32, 1), Fill(32, 2), {flags}, Fill(32 * keys, 3)});
  };
  for (const auto& [flags, keys] : std::vector<std::pair<uint8_t, size_t>>{{0, 0}, {1, 1}, {2, 1}, {3, 2}}) {
    EXPECT_THAT(With("SlotSecrets", 9, epoch(flags, keys)), IsOk());
    ExpectAll(kCorrupt, {{"SlotSecrets", 9, epoch(flags, keys + 1), "32 bytes are left over"}});
  }
  ExpectAll(kUnsupported, {{"SlotSecrets", 9, epoch(4, 0), "flags 4"}});
}

}  // namespace
}  // namespace cairn::encoding_test
