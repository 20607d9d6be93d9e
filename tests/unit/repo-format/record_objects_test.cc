// What SPEC section 1 says of records, asked of every structure that is made of them.
#include "tests/unit/repo-format/record_objects.h"

namespace cairn::encoding_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class RecordObjects : public testing::TestWithParam<RecordObject> {
 protected:
  const RecordObject& object() const { return GetParam(); }
  const Records& whole() const { return object().whole; }
  Result<Bytes> Again(const Records& records) const { return object().again(records.Encode()); }
  auto IsCorrupt(const std::string& why) const {
    return ErrorIs(ErrorCode::kCorrupt, AllOf(HasSubstr(object().what), HasSubstr(why)));
  }
};

TEST_P(RecordObjects, AreWrittenAsTheyWereRead) { EXPECT_THAT(Again(whole()), IsOkAnd(whole().Encode())); }

// A cut between two records is no damage that a parser can see (the signature does), but for what is needed.
TEST_P(RecordObjects, RejectEveryCut) {
  const Bytes bytes = whole().Encode();
  for (size_t count = 0; count < whole().list.size(); ++count) {
    Records before;
    before.list.assign(whole().list.begin(), whole().list.begin() + static_cast<ptrdiff_t>(count));
    const bool has_all = std::ranges::all_of(object().needed, [&](uint64_t tag) {
      return std::ranges::find(before.list, tag, &Records::Record::first) != before.list.end();
    });
    if (has_all) {
      EXPECT_THAT(Again(before), IsOk()) << "after " << count << " records";
    } else {
      EXPECT_THAT(Again(before), IsCorrupt("")) << "after " << count << " records";
    }
    const size_t begin = before.Encode().size();
    before.list.push_back(whole().list[count]);
    for (size_t size = begin + 1; size < before.Encode().size(); ++size) {
      EXPECT_THAT(object().again(ByteSpan(bytes).first(size)), IsCorrupt("bytes are left")) << "cut after " << size;
    }
  }
}

TEST_P(RecordObjects, RejectALooseByteAtTheEnd) {
  Bytes bytes = whole().Encode();
  bytes.push_back(0x7e);  // a tag, and nothing behind it
  EXPECT_THAT(object().again(bytes), IsCorrupt("0 bytes are left, 1 are needed"));
}

TEST_P(RecordObjects, RejectsWhatLacksANeededRecord) {
  for (const uint64_t tag : object().needed) {
    EXPECT_THAT(Again(whole().Without(tag)), IsCorrupt("")) << "without tag " << tag;
  }
}

TEST_P(RecordObjects, TakeWhatLacksAnyOtherRecord) {
  for (const auto& [tag, value] : whole().list) {
    if (RecordObject::Has(object().needed, tag)) continue;
    EXPECT_THAT(Again(whole().Without(tag)), IsOk()) << "without tag " << tag;
  }
}

TEST_P(RecordObjects, RejectARecordThatStandsTwice) {
  for (const auto& [tag, value] : whole().list) {
    const auto twice = Again(whole().Plus(tag, value));
    if (RecordObject::Has(object().distinct, tag)) {
      EXPECT_THAT(twice, IsCorrupt("two ")) << "tag " << tag;
    } else if (RecordObject::Has(object().repeating, tag)) {
      EXPECT_THAT(twice, IsOk()) << "tag " << tag;
    } else if (RecordObject::Has(object().ascending, tag)) {
      EXPECT_THAT(twice, IsCorrupt("do not ascend")) << "tag " << tag;
    } else {
      EXPECT_THAT(twice, IsCorrupt(fmt::format("tag {} stands twice", tag)));
    }
  }
}

TEST_P(RecordObjects, RejectRecordsThatDoNotAscend) {
  for (size_t i = 1; i < whole().list.size(); ++i) {
    Records swapped = whole();
    std::swap(swapped.list[i - 1], swapped.list[i]);
    const uint64_t first = whole().list[i - 1].first, second = whole().list[i].first;
    if (first != second) {
      EXPECT_THAT(Again(swapped), IsCorrupt(fmt::format("tag {} stands behind tag {}", first, second)));
    } else if (RecordObject::Has(object().ascending, first)) {
      EXPECT_THAT(Again(swapped), IsCorrupt("do not ascend")) << "tag " << first;
    } else {
      EXPECT_THAT(Again(swapped), IsOkAnd(swapped.Encode())) << "tag " << first;
    }
  }
}

TEST_P(RecordObjects, RejectAValueWithAByteMore) {
  for (size_t i = 0; i < whole().list.size(); ++i) {
    Records longer = whole();
    if (RecordObject::Has(object().free, longer.list[i].first)) continue;
    longer.list[i].second.push_back(0);
    EXPECT_THAT(Again(longer), IsCorrupt("1 bytes are left over")) << "tag " << longer.list[i].first;
    EXPECT_THAT(Again(longer), IsCorrupt(fmt::format("tag {}", longer.list[i].first)));
  }
}

TEST_P(RecordObjects, RejectAValueWithAByteLess) {
  for (size_t i = 0; i < whole().list.size(); ++i) {
    Records shorter = whole();
    if (RecordObject::Has(object().free, shorter.list[i].first)) continue;
    shorter.list[i].second.pop_back();
    EXPECT_THAT(Again(shorter), IsCorrupt("bytes are left")) << "tag " << shorter.list[i].first;
  }
}

TEST_P(RecordObjects, RefuseEveryOddTagThatSpecDoesNotName) {
  for (const uint64_t tag :
       {uint64_t{11}, uint64_t{13}, uint64_t{31}, uint64_t{33}, uint64_t{65}, uint64_t{1} << 33 | 1, UINT64_MAX}) {
    EXPECT_THAT(Again(whole().Plus(tag, {})),
                ErrorIs(ErrorCode::kUnsupported,
                        AllOf(HasSubstr(object().what), HasSubstr(fmt::format("critical tag {} is not known", tag)))));
  }
}

TEST_P(RecordObjects, KeepEveryEvenTagThatSpecDoesNotName) {
  for (const uint64_t tag : {uint64_t{0}, uint64_t{22}, uint64_t{64}, UINT64_MAX - 1}) {
    const Records later = whole().Plus(tag, Text("later"));
    EXPECT_THAT(Again(later), IsOkAnd(later.Encode())) << "tag " << tag;
    const Records twice = later.Plus(tag, Text("again"));  // a later version may let it repeat
    EXPECT_THAT(Again(twice), IsOkAnd(twice.Encode())) << "tag " << tag;
  }
}

TEST_P(RecordObjects, RejectATagOrLengthInALongerForm) {
  Bytes tag = whole().Encode();
  tag[0] |= 0x80;
  tag.insert(tag.begin() + 1, 0);
  EXPECT_THAT(object().again(tag), IsCorrupt("a varint is longer than it needs to be"));
  Bytes length = whole().Encode();
  length[1] |= 0x80;
  length.insert(length.begin() + 2, 0);
  EXPECT_THAT(object().again(length), IsCorrupt("a varint is longer than it needs to be"));
}

TEST_P(RecordObjects, RejectALengthThatIsMoreThanThereIs) {
  const auto& [tag, value] = whole().list.front();
  for (const uint64_t size : {uint64_t{value.size()} + 1, uint64_t{UINT32_MAX}, UINT64_MAX}) {
    EXPECT_THAT(object().again(Join({V(tag), V(size), value})), IsCorrupt("")) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(, RecordObjects, testing::ValuesIn(AllRecordObjects()),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace cairn::encoding_test
