#include "frontends/postgres/unique_keys.h"

#include "tests/support/matchers.h"
#include "tests/unit/frontends/postgres/archive_fixture.h"

namespace cairn::postgres {
namespace {

UniqueKeys KeysOf(const char* kind, const std::string& create) {
  const auto parsed = Definitions::Parse(ArchiveText().Write(
      {{.id = 1, .kind = kind, .schema = "public", .name = "t key", .owner = "app", .create = create}}));
  EXPECT_OK(parsed);
  return parsed ? FindUniqueKeys(*parsed) : UniqueKeys();
}

using Columns = std::vector<std::vector<std::string>>;

TEST(UniqueKeys, ReadsConstraintsAndIndexesAsTheyAreWritten) {
  EXPECT_EQ(KeysOf("CONSTRAINT", "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT t_key UNIQUE (a, \"B \"\"x\"\"\");\n"),
            (UniqueKeys{{{"public", "t"}, Columns{{"a", "B \"x\""}}}}));
  EXPECT_EQ(KeysOf("INDEX", "CREATE UNIQUE INDEX t_a ON \"S.\".\"t, (\" USING btree (a);\n"),
            (UniqueKeys{{{"S.", "t, ("}, Columns{{"a"}}}}));
  EXPECT_EQ(KeysOf("CONSTRAINT", "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT k UNIQUE NULLS NOT DISTINCT (a);\n"),
            (UniqueKeys{{{"public", "t"}, Columns{{"a"}}}}));
}

TEST(UniqueKeys, LeavesOutWhatIsNoKeyOfAllRows) {
  for (const char* index : {
           "CREATE INDEX i ON public.t USING btree (a);\n",
           "CREATE UNIQUE INDEX i ON public.t USING btree (a) WHERE (a > 0);\n",
           "CREATE UNIQUE INDEX i ON public.t USING btree (lower(a));\n",
           "CREATE UNIQUE INDEX i ON public.t USING btree (a, (b + 1));\n",
           "CREATE UNIQUE INDEX i ON public.t USING btree (a COLLATE \"C\");\n",
           "CREATE UNIQUE INDEX i ON public.t USING btree (a",
           "CREATE UNIQUE INDEX i ON public.t USING btree (\"a",
           "CREATE UNIQUE INDEX i ON public.",
           "",
       }) {
    EXPECT_EQ(KeysOf("INDEX", index), UniqueKeys()) << index;
  }
  EXPECT_EQ(KeysOf("CONSTRAINT", "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT k PRIMARY KEY (a);\n"), UniqueKeys());
  EXPECT_EQ(KeysOf("FK CONSTRAINT", "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT k UNIQUE (a);\n"), UniqueKeys());
}

}  // namespace
}  // namespace cairn::postgres
