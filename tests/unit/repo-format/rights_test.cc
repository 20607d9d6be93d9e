#include "repo-format/rights.h"

#include "tests/unit/repo-format/encoding_fixture.h"

namespace cairn::encoding_test {
namespace {

using enum ObjectKind;

struct Role {
  std::string name;
  uint32_t bits;  // SPEC 5.1
  bool writes, maintains;
};
const std::vector<Role> kRoles = {{"writer", 0x0000011c, true, false},
                                  {"lister", 0x0000001a, false, false},
                                  {"maintainer", 0x0000021a, false, true},
                                  {"reader", 0x0000001f, false, false},
                                  {"owner", 0x8000031f, true, true}};

TEST(Rights, OfEachRoleAreThoseOfSpec) {
  for (const Role& role : kRoles) {
    EXPECT_THAT(ParseRole(role.name), IsOkAnd(Rights{role.bits}));
    EXPECT_EQ(RoleName(Rights{role.bits}), role.name);
    for (int bit = 10; bit < 31; ++bit) {  // of none of them
      const Rights other{role.bits ^ uint32_t{1} << bit};
      EXPECT_EQ(RoleName(other), fmt::format("custom ({:#010x})", other.bits));
    }
  }
}

TEST(Rights, OfNoRoleAreRefused) {
  for (const std::string_view text : {"", "Writer", "writer ", "root", "custom (0x0000011c)"}) {
    EXPECT_THAT(ParseRole(text), ErrorIs(ErrorCode::kInvalidArgument, testing::HasSubstr("is no role"))) << text;
  }
}

TEST(Rights, EveryOneThatIsAskedForMustBeThere) {
  const Rights both{Rights::kWrite | Rights::kMaintain};
  EXPECT_TRUE(both.Has(Rights::kWrite));
  EXPECT_TRUE(both.Has(Rights::kWrite | Rights::kMaintain));
  EXPECT_FALSE(Rights{Rights::kWrite}.Has(Rights::kWrite | Rights::kMaintain));
}

TEST(Rights, ToSignAreThoseOfSpec) {
  for (const Role& role : kRoles) {
    const Rights rights{role.bits};
    for (const ObjectKind kind : {kDataPack, kMetadataPack, kSegment, kSession, kSessionEnd, kSignOfLife}) {
      EXPECT_EQ(MaySign(rights, kind), role.writes || role.maintains) << role.name << " " << Name(kind);
    }
    EXPECT_EQ(MaySign(rights, kSnapshot), role.writes) << role.name;
    for (const ObjectKind kind : {kFence, kTombstone, kSeenList, kNote, kForgotten, kDeleted}) {
      EXPECT_EQ(MaySign(rights, kind), role.maintains) << role.name << " " << Name(kind);
    }
  }
}

TEST(Rights, NoneIsEnoughForWhatIsNotSignedBySlots) {
  for (const ObjectKind kind : {kConfig, kKeyObject, kParity, kJournal, kLedger, kCommit}) {
    EXPECT_FALSE(MaySign(Rights{UINT32_MAX}, kind)) << Name(kind);
  }
}

}  // namespace
}  // namespace cairn::encoding_test
