#include "engine/store/object_size_store.h"

#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"
#include "tests/support/named.h"

namespace cairn {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(ObjectSizeStore, RefusesWhatIsLargerWithBothSizes) {
  auto memory = std::make_unique<MemoryStore>();
  MemoryStore& below = *memory;
  ObjectSizeStore store(std::move(memory), 10);
  EXPECT_EQ(store.object_bytes_max(), 10U);
  EXPECT_OK(store.Put(Named("data/a"), Bytes(10)));
  EXPECT_THAT(store.PutIfAbsent(Named("data/b"), Bytes(10)), IsOkAnd(true));
  const auto told = AllOf(HasSubstr("data/c"), HasSubstr("11 bytes"), HasSubstr("10 at most"));
  EXPECT_THAT(store.Put(Named("data/c"), Bytes(11)), ErrorIs(ErrorCode::kInvalidArgument, told));
  EXPECT_THAT(store.PutIfAbsent(Named("data/c"), Bytes(11)), ErrorIs(ErrorCode::kInvalidArgument, told));
  EXPECT_EQ(below.Contents().size(), 2U);
}

}  // namespace
}  // namespace cairn
