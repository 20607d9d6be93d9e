#include "frontends/postgres/in_place_changes.h"

#include "tests/support/matchers.h"
#include "tests/unit/frontends/postgres/archive_fixture.h"

namespace cairn::postgres {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Definition Make(int id, const char* kind, const char* name, std::set<int> needs = {}, const char* create = "") {
  return {.id = id,
          .kind = kind,
          .schema = "public",
          .name = name,
          .owner = "app",
          .create = create,
          .drop = std::string("DROP ") + kind + " " + name,
          .needs = needs};
}

InPlaceChanges Compare(const std::vector<Definition>& live, const std::vector<Definition>& dump,
                       const std::vector<Definition>& former = {}) {
  const auto parse = [](const std::vector<Definition>& all) { return *Definitions::Parse(ArchiveText().Write(all)); };
  return CompareDefinitions(parse(live), parse(dump), parse(former));
}

TEST(InPlaceChanges, KeepsWhatIsTheSameButForTables) {
  const std::vector<Definition> both = {Make(1, "SCHEMA", "public"), Make(2, "FUNCTION", "f()"), Make(3, "TABLE", "t")};
  const InPlaceChanges changes = Compare(both, both);
  EXPECT_THAT(changes.dropped, ElementsAre(3));
  EXPECT_THAT(changes.made, ElementsAre(3));
  EXPECT_EQ(changes.kept, 2u);
}

TEST(InPlaceChanges, LosesNoneOfTwoThatAreCalledAlike) {
  const InPlaceChanges changes =
      Compare({}, {Make(1, "OPERATOR", "=", {}, "for int"), Make(2, "OPERATOR", "=", {}, "for text")});
  EXPECT_THAT(changes.made, ElementsAre(1, 2));
}

TEST(InPlaceChanges, MakesAgainWhatStandsOnATable) {
  const std::vector<Definition> both = {Make(1, "TABLE", "t"), Make(2, "VIEW", "v", {1}), Make(3, "VIEW", "w", {2})};
  EXPECT_THAT(Compare(both, both).dropped, ElementsAre(1, 2, 3));
}

TEST(InPlaceChanges, MakesAgainWhatHasOtherGrants) {
  const InPlaceChanges changes =
      Compare({Make(1, "FUNCTION", "f()"), Make(2, "ACL", "FUNCTION f()", {1}, "GRANT ALL ON FUNCTION f() TO PUBLIC;")},
              {Make(5, "FUNCTION", "f()")});
  EXPECT_THAT(changes.dropped, ElementsAre(1, 2));
  EXPECT_THAT(changes.made, ElementsAre(5));
}

TEST(InPlaceChanges, LeavesWhatOnlyTheDatabaseHas) {
  const InPlaceChanges changes = Compare({Make(1, "TABLE", "t"), Make(2, "TABLE", "mine")}, {Make(7, "TABLE", "t")});
  EXPECT_THAT(changes.dropped, ElementsAre(1));
  EXPECT_EQ(changes.staying, 1u);
  EXPECT_THAT(changes.problems, IsEmpty());
  EXPECT_THAT(changes.notes, ElementsAre(HasSubstr("TABLE public.mine")));
}

TEST(InPlaceChanges, RefusesWhereThatStandsOnATable) {
  const InPlaceChanges changes = Compare({Make(1, "TABLE", "t"), Make(2, "VIEW", "mine", {1}),
                                          Make(3, "TABLE", "yours"), Make(4, "TABLE ATTACH", "yours", {1, 3})},
                                         {Make(7, "TABLE", "t")});
  ASSERT_THAT(changes.problems, ElementsAre(HasSubstr("VIEW public.mine")));
  EXPECT_THAT(changes.problems[0], HasSubstr("TABLE public.yours"));
}

TEST(InPlaceChanges, TellsWhatGoesWithATable) {
  const InPlaceChanges changes =
      Compare({Make(1, "TABLE", "t"), Make(2, "INDEX", "mine", {1})}, {Make(7, "TABLE", "t")});
  EXPECT_THAT(changes.dropped, ElementsAre(1, 2));
  EXPECT_THAT(changes.notes, ElementsAre(HasSubstr("INDEX public.mine")));
}

TEST(InPlaceChanges, RefusesANameThatIsAnotherKinds) {
  EXPECT_THAT(Compare({Make(1, "VIEW", "t")}, {Make(7, "TABLE", "t")}).problems,
              ElementsAre(HasSubstr("VIEW public.t")));
}

TEST(InPlaceChanges, UndoingDropsWhatTheRestoreHadMade) {
  const InPlaceChanges changes = Compare({Make(1, "TABLE", "t"), Make(2, "TABLE", "made"), Make(3, "TABLE", "mine")},
                                         {Make(7, "TABLE", "t")}, {Make(8, "TABLE", "t"), Make(9, "TABLE", "made")});
  EXPECT_THAT(changes.dropped, ElementsAre(1, 2));
  EXPECT_THAT(changes.made, ElementsAre(7));
}

TEST(InPlaceChanges, LeavesOutAKeyToATableThatWillNotBeThere) {
  const char* key = "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES public.gone(a);";
  const InPlaceChanges changes = Compare({}, {Make(1, "TABLE", "t"), Make(2, "FK CONSTRAINT", "t k", {1}, key)});
  EXPECT_THAT(changes.made, ElementsAre(1));
  EXPECT_THAT(changes.notes, ElementsAre(HasSubstr("no table public.gone")));
}

}  // namespace
}  // namespace cairn::postgres
