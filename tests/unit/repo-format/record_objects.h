// One right value of each structure that is made of records, in the bytes of SPEC.
#pragma once

#include <functional>
#include <ostream>

#include "repo-format/config_object.h"
#include "repo-format/key_object.h"
#include "repo-format/note.h"
#include "repo-format/protocol_records.h"
#include "repo-format/snapshot.h"
#include "tests/unit/repo-format/encoding_fixture.h"

namespace cairn::encoding_test {

struct RecordObject {
  std::string name;                              // of the test
  std::string what;                              // how an error names it
  std::function<Result<Bytes>(ByteSpan)> again;  // parses, and gives what is written then
  Records whole;
  std::vector<uint64_t> needed;
  std::vector<uint64_t> ascending;      // may repeat in ascending order
  std::vector<uint64_t> repeating;      // may repeat in any
  std::vector<uint64_t> free;           // any bytes are a value: text, names, what is sealed
  std::vector<uint64_t> distinct = {};  // of `repeating`: may not repeat with the same value

  bool MayRepeat(uint64_t tag) const { return Has(ascending, tag) || Has(repeating, tag); }
  static bool Has(const std::vector<uint64_t>& tags, uint64_t tag) {
    return std::ranges::find(tags, tag) != tags.end();
  }
  friend void PrintTo(const RecordObject& object, std::ostream* out) { *out << object.name; }
};

template <class Value>
Result<Bytes> Again(ByteSpan bytes) {
  ASSIGN_OR_RETURN(const Value value, Value::Parse(bytes));
  return value.Encode();
}

inline Bytes CertificateBytes(uint8_t slot, uint8_t state, uint64_t counter, uint16_t domain = 0) {
  return Join({Fill(16, slot), Fill(32, static_cast<uint8_t>(slot + 0x40)), Fill(32, static_cast<uint8_t>(slot + 0x80)),
               U(0x8000031f, 4), U(domain, 2), String(Text("*")), String(Text("label")), U(state, 1), U(counter, 8),
               kTime});
}
inline Bytes EpochPublicBytes(uint32_t epoch) {
  return Join({U(epoch, 4), U(0x20, 2), String(Fill(32, 1)), U(0x20, 2), String(Fill(32, 2))});
}
inline Bytes EpochSecretBytes(uint32_t epoch) {
  return Join({U(epoch, 4), Fill(32, 1), Fill(32, 2), {3}, Fill(64, 4)});
}
inline Bytes ForgottenBytes(uint8_t snapshot, uint8_t why = 1) {
  return Join({Fill(16, snapshot), Fill(16, 2), U(3, 8), Fill(32, 4), {why}});
}
inline Bytes ChunkerBytes(uint8_t source, uint32_t least = 64, uint32_t average = 128, uint32_t most = 256) {
  return Join({{source, 2}, U(least, 4), U(average, 4), U(most, 4)});
}
inline Records ItemRecords(std::string_view name = "files") {
  return {{{1, Text(name)},
           {2, Text("/home")},
           {2, Text("/etc")},
           {3, {1}},
           {4, ChunkerBytes(1)},
           {5, Fill(32, 5)},
           {6, {0}},
           {7, {1}},
           {8, Join({V(300), Fill(32, 6)})},
           {10, {}}}};
}
inline Records InnerRecords() {
  return {{{1, Text("host")},
           {2, Text("user")},
           {3, kTime},
           {4, Text("cairn 1")},
           {5, kTime},
           {6, {0x77}},  // -60 minutes
           {7, {1}},
           {8, Text("Europe/Zurich")},
           {9, ItemRecords().Encode()},
           {9, ItemRecords("others").Encode()},
           {10, Fill(16, 1)},
           {12, Fill(16, 3)},
           {12, Fill(16, 2)},
           {14, Text("said")},
           {16, Text("a")},
           {16, Text("b")},
           {18, Join({V(1), V(2), V(3), V(4'000), V(5'000), V(UINT64_MAX)})},
           {20, Fill(16, 4)}}};
}

// An item alone, by way of a snapshot that holds it.
inline Result<Bytes> ItemAgain(ByteSpan item) {
  const Bytes inner = InnerRecords().Without(9).Plus(9, ToBytes(item)).Encode();
  ASSIGN_OR_RETURN(const SnapshotInner parsed, SnapshotInner::Parse(inner));
  const Bytes again = parsed.Encode();
  return Equal(again, inner) ? ToBytes(item) : again;
}

inline std::vector<RecordObject> SmallObjects() {
  return {
      {"Session",
       "session",
       Again<SessionRecord>,
       {{{1, kTime}, {2, Text("cairn 1")}, {3, {1}}, {4, Text("host")}, {5, U(7, 8)}, {6, Fill(16, 6)}, {8, V(300)}}},
       {1, 3, 5},
       {},
       {},
       {2, 4}},
      {"SessionEnd", "moment", Again<MomentRecord>, {{{1, kTime}}}, {1}, {}, {}, {}},
      {"SignOfLife", "moment", Again<MomentRecord>, {{{1, kTime}, {3, V(300)}}}, {1}, {}, {}, {}},
      {"Fence", "fence", Again<FenceRecord>, {{{1, {2}}, {2, kTime}, {3, Fill(16, 3)}}}, {1, 3}, {}, {}, {}},
      {"Tombstone",
       "tombstone",
       Again<TombstoneRecord>,
       {{{1, Fill(40, 1)}, {3, Fill(16, 3)}, {5, {2}}, {7, kTime}}},
       {1, 3, 5, 7},
       {},
       {},
       {}},
      {"SeenList",
       "seen list",
       Again<SeenListRecord>,
       {{{1, Fill(16, 1)}, {1, Fill(16, 2)}, {3, Fill(16, 3)}, {3, Fill(16, 4)}, {5, kTime}}},
       {1, 5},
       {1, 3},
       {},
       {}},
      {"Note",
       "note",
       Again<NoteRecord>,
       {{{1, Fill(16, 1)},
         {2, Text("b")},
         {2, Text("a")},
         {3, U(9, 8)},
         {4, Text("d")},
         {4, Text("c")},
         {5, kTime},
         {6, Text("said")},
         {8, {1}},
         {10, kTime}}},
       {1, 3, 5},
       {},
       {2, 4},
       {2, 4, 6}},
      {"Forgotten",
       "forgotten record",
       Again<ForgottenRecord>,
       {{{1, ForgottenBytes(1)}, {1, ForgottenBytes(2, 2)}, {3, kTime}}},
       {1, 3},
       {1},
       {},
       {}},
  };
}

inline std::vector<RecordObject> LargeObjects() {
  return {
      {"SnapshotOuter",
       "snapshot, outer part",
       Again<SnapshotOuter>,
       {{{1, U(9, 8)},
         {3, Fill(32, 1)},
         {3, Fill(32, 2)},
         {5, Join({U(1, 4), {2}, EnvelopeBytes(5)})},
         {7, Fill(40, 7)}}},
       {1, 5, 7},
       {3},
       {},
       {7}},
      {"SnapshotInner",
       "snapshot, inner part",
       Again<SnapshotInner>,
       InnerRecords(),
       {1, 3, 5, 7},
       {16},
       {9, 12},
       {1, 2, 4, 8, 9, 14, 16},
       {9}},
      {"SnapshotItem", "snapshot item", ItemAgain, ItemRecords(), {1, 3, 5, 7}, {}, {2}, {1, 2, 10}},
      {"ConfigPublicPart",
       "config, public part",
       Again<ConfigPublicPart>,
       {{{1, Fill(16, 1)},
         {3, Fill(32, 3)},
         {5, Join({U(1, 8), U(2, 8), U(3, 8)})},
         {7, EpochPublicBytes(1)},
         {7, EpochPublicBytes(2)},
         {9, Join({Fill(16, 1), EnvelopeBytes(1)})},
         {9, Join({Fill(16, 2), EnvelopeBytes(2)})}}},
       {1, 3, 5, 7, 9},
       {7, 9},
       {},
       {}},
      {"ConfigSealedPart",
       "config, sealed part",
       Again<ConfigSealedPart>,
       {{{1, {2}},
         {2, U(4096, 4)},
         {3, ChunkerBytes(1)},
         {3, ChunkerBytes(4)},
         {5, CertificateBytes(1, 1, 0)},
         {5, CertificateBytes(2, 2, 77)}}},
       {1, 5},
       {3, 5},
       {},
       {}},
      {"SlotSecrets",
       "secrets of a slot",
       Again<SlotSecrets>,
       {{{1, Fill(32, 1)},
         {3, Fill(32, 3)},
         {5, Fill(32, 5)},
         {7, Fill(32, 7)},
         {9, EpochSecretBytes(1)},
         {9, EpochSecretBytes(2)}}},
       {9},
       {9},
       {},
       {}},
  };
}

inline std::vector<RecordObject> AllRecordObjects() {
  std::vector<RecordObject> all = SmallObjects();
  for (RecordObject& object : LargeObjects()) all.push_back(std::move(object));
  return all;
}

}  // namespace cairn::encoding_test
