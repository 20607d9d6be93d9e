#include "frontends/postgres/definitions.h"

#include "tests/support/matchers.h"
#include "tests/unit/frontends/postgres/archive_fixture.h"

namespace cairn::postgres {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Definition Make(int id, const char* kind, const char* name, std::set<int> needs = {}, const char* create = "") {
  return {.id = id, .kind = kind, .schema = "public", .name = name, .owner = "app", .create = create, .needs = needs};
}

// Two tables whose names begin alike, a partitioned one, and what belongs to each.
std::vector<Definition> Shop() {
  return {Make(1, "TABLE", "a"),
          Make(2, "TABLE", "a b"),
          Make(3, "SEQUENCE", "a_id_seq", {1}),
          Make(4, "SEQUENCE OWNED BY", "a_id_seq", {3}),
          Make(5, "DEFAULT", "a id", {1, 3}),
          Make(6, "DEFAULT", "a b id", {2, 3}),
          Make(7, "CONSTRAINT", "a b key", {2}),
          Make(8, "FK CONSTRAINT", "a b fkey", {1, 2},
               "ALTER TABLE ONLY public.\"a b\"\n    ADD CONSTRAINT fkey FOREIGN KEY (id) REFERENCES public.a(id);\n"),
          Make(9, "COMMENT", "CONSTRAINT fkey ON \"a b\"", {8}),
          Make(10, "VIEW", "v", {1}),
          Make(11, "RULE", "v _RETURN", {1, 10}),
          Make(12, "TABLE", "p"),
          Make(13, "TABLE", "p1"),
          Make(14, "TABLE ATTACH", "p1", {12, 13}),
          Make(15, "INDEX", "p_i", {12}),
          Make(16, "INDEX", "p1_i", {13}),
          Make(17, "INDEX ATTACH", "p1_i", {15, 16})};
}

Definitions Parsed(const std::vector<Definition>& entries, uint8_t minor = 14) {
  auto parsed = Definitions::Parse(ArchiveText(minor).Write(entries));
  EXPECT_OK(parsed);
  return parsed ? *parsed : Definitions();
}

TEST(Definitions, ReadsEachVersionOfTheForm) {
  for (const uint8_t minor : {uint8_t{14}, uint8_t{15}, uint8_t{16}}) {
    EXPECT_EQ(Parsed(Shop(), minor).all(), Shop()) << int{minor};
  }
}

TEST(Definitions, RefusesByNameWhatItDoesNotKnow) {
  for (const uint8_t minor : {uint8_t{13}, uint8_t{17}}) {
    const auto parsed = Definitions::Parse(ArchiveText(minor).Write(Shop()));
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code(), ErrorCode::kUnsupported);
  }
}

TEST(Definitions, RefusesWhatIsCutAnywhere) {
  const Bytes whole = ArchiveText().Write({Make(1, "TABLE", "a")});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(Definitions::Parse(ByteSpan(whole).first(size))) << size;
  }
}

TEST(Definitions, RefusesANumberThatTwoHave) {
  EXPECT_FALSE(Definitions::Parse(ArchiveText().Write({Make(1, "TABLE", "a"), Make(1, "TABLE", "b")})));
  EXPECT_FALSE(Definitions::Parse(ArchiveText().Write({Make(0, "TABLE", "a")})));
}

TEST(Definitions, WhatBelongsToATableGoesWithIt) {
  const Definitions shop = Parsed(Shop());
  EXPECT_EQ(shop.WithTheirs({1}), (std::set<int>{1, 3, 4, 5}));
  EXPECT_EQ(shop.WithTheirs({2}), (std::set<int>{2, 6, 7, 8, 9}));
  EXPECT_EQ(shop.WithTheirs({10}), (std::set<int>{10, 11}));
  EXPECT_EQ(shop.WithTheirs({13}), (std::set<int>{13, 14, 16, 17}));
  EXPECT_EQ(shop.NeedsOf(shop.WithTheirs({2})), (std::set<int>{1, 3}));
}

TEST(Definitions, FindsPartitionsAndKeysTo) {
  const Definitions shop = Parsed(Shop());
  EXPECT_THAT(shop.PartitionsOf({"public", "p"}), ElementsAre(TableName{"public", "p1"}));
  ASSERT_EQ(shop.ForeignKeysTo({"public", "a"}).size(), 1u);
  EXPECT_EQ(shop.ForeignKeysTo({"public", "a"})[0]->id, 8);
  EXPECT_EQ(shop.ListOf({8, 2, 1}), "1;\n2;\n8;\n");
}

TEST(ReferencedTable, ReadsQuotedNames) {
  EXPECT_EQ(ReferencedTable("... FOREIGN KEY (\" REFERENCES x.y\") REFERENCES \"od\"\"d\".\"t.a b\"(id);"),
            (TableName{"od\"d", "t.a b"}));
  EXPECT_EQ(ReferencedTable("... REFERENCES public.orders(id) ON DELETE CASCADE;"), (TableName{"public", "orders"}));
  EXPECT_EQ(ReferencedTable("ALTER TABLE x ADD CONSTRAINT y CHECK (a > 0);"), std::nullopt);
  EXPECT_EQ(ReferencedTable("... REFERENCES orders"), std::nullopt);
}

}  // namespace
}  // namespace cairn::postgres
