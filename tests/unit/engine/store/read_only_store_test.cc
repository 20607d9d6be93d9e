#include "engine/store/read_only_store.h"

#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"
#include "tests/support/named.h"

namespace cairn {
namespace {

using testing::HasSubstr;

TEST(ReadOnlyStore, ReadsAndRefusesByName) {
  auto memory = std::make_unique<MemoryStore>();
  MemoryStore& below = *memory;
  ASSERT_OK(below.Put(Named("data/ab"), AsBytes("0123")));
  below.AddStranger("UPPER");
  ReadOnlyStore store(std::move(memory));

  EXPECT_THAT(store.Get(Named("data/ab"), 10), IsOkAnd(BytesAre("0123")));
  EXPECT_THAT(store.GetRange(Named("data/ab"), 1, 2), IsOkAnd(BytesAre("12")));
  EXPECT_OK(store.Stat(Named("data/ab")));
  int told = 0;
  EXPECT_OK(store.List(
      "",
      [&](const ObjectInfo&) -> Result<void> {
        ++told;
        return {};
      },
      [&](const std::string&) -> Result<void> {
        ++told;
        return {};
      }));
  EXPECT_EQ(told, 2);
  EXPECT_EQ(store.description(), below.description());

  const auto before = below.Contents();
  EXPECT_THAT(store.Put(Named("data/cd"), {}), ErrorIs(ErrorCode::kPermission, HasSubstr("data/cd")));
  EXPECT_THAT(store.PutIfAbsent(Named("data/cd"), {}), ErrorIs(ErrorCode::kPermission, HasSubstr("data/cd")));
  EXPECT_THAT(store.Remove(Named("data/ab")), ErrorIs(ErrorCode::kPermission, HasSubstr("data/ab")));
  EXPECT_EQ(below.Contents(), before);
}

}  // namespace
}  // namespace cairn
