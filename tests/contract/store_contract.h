// What every ObjectStore must do, whatever it is made of. A backend's test names its makers:
//
//   INSTANTIATE_TEST_SUITE_P(Sftp, StoreContract, testing::Values(StoreMaker{"plain", MakeSftp}), StoreMaker::Name);
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/store/object_store.h"
#include "repo-format/base/units.h"
#include "tests/support/matchers.h"
#include "tests/support/named.h"
#include "tests/support/seeded_random.h"

namespace cairn {

struct StoreMaker {
  std::string name;
  // An empty store; whatever it stands on goes with it.
  std::function<std::shared_ptr<ObjectStore>()> make;
  // More than a server gives in one page.
  int many_objects = 1'100;

  static std::string Name(const testing::TestParamInfo<StoreMaker>& info) { return info.param.name; }
};

inline void PrintTo(const StoreMaker& maker, std::ostream* out) { *out << maker.name; }

class StoreContract : public testing::TestWithParam<StoreMaker> {
 protected:
  void Put(std::string_view name, std::string_view text) { ASSERT_OK(store_->Put(Named(name), AsBytes(text))); }
  Result<Bytes> Get(std::string_view name) { return store_->Get(Named(name), kMiB); }
  Result<Bytes> GetRange(std::string_view name, uint64_t offset, uint64_t size) {
    return store_->GetRange(Named(name), offset, size);
  }
  // Names and sizes; a name that is told twice fails the test.
  std::map<std::string, uint64_t> List(std::string_view prefix) {
    std::map<std::string, uint64_t> sizes;
    EXPECT_OK(store_->List(prefix, [&](const ObjectInfo& info) -> Result<void> {
      EXPECT_TRUE(sizes.emplace(info.name.text(), info.size).second) << info.name.text() << " is listed twice";
      return {};
    }));
    return sizes;
  }
  // Runs `body(i)` in threads, all at once, and waits for them.
  static void InThreads(int count, const std::function<void(int)>& body) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back([&body, i] { body(i); });
  }

  std::shared_ptr<ObjectStore> store_ = GetParam().make();
};

using Sizes = std::map<std::string, uint64_t>;

TEST_P(StoreContract, IsEmptyAtFirst) {
  EXPECT_EQ(List(""), Sizes());
  EXPECT_EQ(List("data/"), Sizes());
  EXPECT_NE(store_->description(), "");
}

TEST_P(StoreContract, GivesBackWhatWasPut) {
  Put("data/ab/cd", "hello");
  EXPECT_THAT(Get("data/ab/cd"), IsOkAnd(BytesAre("hello")));
  EXPECT_THAT(GetRange("data/ab/cd", 0, 5), IsOkAnd(BytesAre("hello")));
  ASSERT_OK_AND_ASSIGN(const ObjectInfo info, store_->Stat(Named("data/ab/cd")));
  EXPECT_EQ(info.name, Named("data/ab/cd"));
  EXPECT_EQ(info.size, 5U);
}

TEST_P(StoreContract, GivesBackEveryByteValue) {
  std::string text;
  for (int i = 0; i < 1'024; ++i) text.push_back(static_cast<char>(i % 256));
  Put("index/ab", text);
  EXPECT_THAT(Get("index/ab"), IsOkAnd(BytesAre(text)));
}

TEST_P(StoreContract, WhatIsAbsentIsNotFoundByName) {
  Put("data/ab/there", "x");
  for (const std::string_view name : {"data/ab/absent", "data/cd/absent", "absent", "index/absent"}) {
    const auto names_it = testing::HasSubstr(std::string(name));
    EXPECT_THAT(Get(name), ErrorIs(ErrorCode::kNotFound, names_it));
    EXPECT_THAT(GetRange(name, 0, 1), ErrorIs(ErrorCode::kNotFound, names_it));
    EXPECT_THAT(store_->Stat(Named(name)), ErrorIs(ErrorCode::kNotFound, names_it));
  }
}

TEST_P(StoreContract, PutReplaces) {
  Put("snapshots/ab", "a long first text");
  Put("snapshots/ab", "short");
  EXPECT_THAT(Get("snapshots/ab"), IsOkAnd(BytesAre("short")));
  Put("snapshots/ab", "a text that is longer than both");
  EXPECT_THAT(Get("snapshots/ab"), IsOkAnd(BytesAre("a text that is longer than both")));
  EXPECT_EQ(List(""), (Sizes{{"snapshots/ab", 31}}));
}

TEST_P(StoreContract, ReadersSeeOneVersionWhileItIsReplaced) {
  // Each version is of one letter and of its own size, so that a mixture shows.
  const auto version = [](int i) {
    return std::string(1'000 * static_cast<size_t>(1 + i % 7), static_cast<char>('a' + i % 7));
  };
  Put("snapshots/ab", version(0));
  std::atomic<bool> done = false;
  InThreads(3, [&](int thread) {
    for (int i = 0; thread == 0 && i < 60; ++i) EXPECT_OK(store_->Put(Named("snapshots/ab"), AsBytes(version(i))));
    if (thread == 0) done = true;
    while (!done) {
      ASSERT_OK_AND_ASSIGN(const Bytes bytes, Get("snapshots/ab"));
      ASSERT_FALSE(bytes.empty());
      EXPECT_EQ(ToString(bytes), version(bytes[0] - 'a'));
    }
  });
}

TEST_P(StoreContract, PutIfAbsentFillsAnEmptyNameOnly) {
  EXPECT_THAT(store_->PutIfAbsent(Named("snapshots/ab"), AsBytes("first")), IsOkAnd(true));
  EXPECT_THAT(store_->PutIfAbsent(Named("snapshots/ab"), AsBytes("second")), IsOkAnd(false));
  EXPECT_THAT(Get("snapshots/ab"), IsOkAnd(BytesAre("first")));
  Put("snapshots/cd", "put");
  EXPECT_THAT(store_->PutIfAbsent(Named("snapshots/cd"), AsBytes("second")), IsOkAnd(false));
  EXPECT_THAT(Get("snapshots/cd"), IsOkAnd(BytesAre("put")));
  ASSERT_OK(store_->Remove(Named("snapshots/ab")));
  EXPECT_THAT(store_->PutIfAbsent(Named("snapshots/ab"), AsBytes("third")), IsOkAnd(true));
}

TEST_P(StoreContract, PutIfAbsentHasOneWinner) {
  constexpr int kThreads = 6;
  constexpr int kNames = 20;
  const auto name = [](int i) { return Named("snapshots/" + std::to_string(i)); };
  std::mutex mutex;
  std::map<int, std::vector<int>> winners;  // of each name
  InThreads(kThreads, [&](int thread) {
    for (int i = 0; i < kNames; ++i) {
      ASSERT_OK_AND_ASSIGN(const bool won, store_->PutIfAbsent(name(i), AsBytes("thread " + std::to_string(thread))));
      const std::lock_guard lock(mutex);
      if (won) winners[i].push_back(thread);
    }
  });
  for (int i = 0; i < kNames; ++i) {
    ASSERT_EQ(winners[i].size(), 1U) << "of name " << i;
    EXPECT_THAT(store_->Get(name(i), 100), IsOkAnd(BytesAre("thread " + std::to_string(winners[i][0]))));
  }
}

TEST_P(StoreContract, GivesRanges) {
  Put("data/ab/cd", "0123456789");
  EXPECT_THAT(GetRange("data/ab/cd", 0, 1), IsOkAnd(BytesAre("0")));
  EXPECT_THAT(GetRange("data/ab/cd", 3, 4), IsOkAnd(BytesAre("3456")));
  EXPECT_THAT(GetRange("data/ab/cd", 9, 1), IsOkAnd(BytesAre("9")));
  EXPECT_THAT(GetRange("data/ab/cd", 4, 0), IsOkAnd(BytesAre("")));
  EXPECT_THAT(GetRange("data/ab/cd", 10, 0), IsOkAnd(BytesAre("")));
}

TEST_P(StoreContract, RangeBeyondTheEndIsCorrupt) {
  Put("data/ab/cd", "0123456789");
  EXPECT_THAT(GetRange("data/ab/cd", 0, 11), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(GetRange("data/ab/cd", 9, 2), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(GetRange("data/ab/cd", 11, 1), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(GetRange("data/ab/cd", 5, UINT64_MAX - 1), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(GetRange("data/ab/cd", UINT64_MAX, 2), ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST_P(StoreContract, GetRefusesWhatIsLargerThanAllowed) {
  Put("index/ab", "0123456789");
  EXPECT_THAT(store_->Get(Named("index/ab"), 10), IsOkAnd(BytesAre("0123456789")));
  EXPECT_THAT(store_->Get(Named("index/ab"), 9), ErrorIs(ErrorCode::kCorrupt, testing::HasSubstr("index/ab")));
  EXPECT_THAT(store_->Get(Named("index/ab"), 0), ErrorCodeIs(ErrorCode::kCorrupt));
}

// Longer ones, shorter ones and those that are not there, in the memory of the one before.
TEST_P(StoreContract, GetIntoGivesWhatGetGives) {
  const Bytes big = SeededRandom().SomeBytes(3 * kMiB);
  Put("index/short", "0123456789");
  Put("index/empty", "");
  ASSERT_OK(store_->Put(Named("index/big"), big));
  Bytes bytes = ToBytes(AsBytes("what was there before"));
  ASSERT_OK(store_->GetInto(Named("index/short"), 10, bytes));
  EXPECT_EQ(AsText(bytes), "0123456789");
  ASSERT_OK(store_->GetInto(Named("index/big"), big.size(), bytes));
  EXPECT_TRUE(Equal(bytes, big));
  ASSERT_OK(store_->GetInto(Named("index/short"), 10, bytes));
  EXPECT_EQ(AsText(bytes), "0123456789");
  EXPECT_THAT(store_->GetInto(Named("index/short"), 9, bytes), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_TRUE(bytes.empty());
  ASSERT_OK(store_->GetInto(Named("index/short"), 10, bytes));
  EXPECT_THAT(store_->GetInto(Named("index/none"), 9, bytes), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_TRUE(bytes.empty());
  ASSERT_OK(store_->GetInto(Named("index/empty"), 0, bytes));
  EXPECT_TRUE(bytes.empty());
}

TEST_P(StoreContract, ADraftIsAnObjectOnceItIsPut) {
  ASSERT_OK_AND_ASSIGN(const auto draft, store_->NewDraft(kMiB));
  // Of more than one piece, and not of a whole number of them.
  Bytes expected(700'001);
  SeededRandom(1).Fill(expected);
  for (size_t at = 0; at < expected.size(); at += 100'000) {
    ASSERT_OK(draft->Append(ByteSpan(expected).subspan(at, std::min<size_t>(100'000, expected.size() - at))));
  }
  ASSERT_OK(draft->WriteStart(AsBytes("the header")));
  std::ranges::copy(AsBytes("the header"), expected.begin());
  Bytes pieces, room;
  ASSERT_OK(draft->ForEachPiece([&](ByteSpan piece) -> Result<void> {
    Append(pieces, piece);
    return {};
  }));
  EXPECT_TRUE(Equal(pieces, expected));
  EXPECT_THAT(draft->ForEachPiece([](ByteSpan) { return Corrupt("enough"); }), ErrorCodeIs(ErrorCode::kCorrupt));
  ASSERT_OK_AND_ASSIGN(const ByteSpan whole, draft->Whole(room));
  EXPECT_TRUE(Equal(whole, expected));
  EXPECT_EQ(List(""), Sizes());
  ASSERT_OK(draft->Put(Named("data/ab/draft")));
  ASSERT_OK_AND_ASSIGN(const Bytes there, Get("data/ab/draft"));
  EXPECT_TRUE(Equal(there, expected));
  EXPECT_EQ(List(""), (Sizes{{"data/ab/draft", 700'001}}));
}

TEST_P(StoreContract, ADraftThatIsNotPutIsNothing) {
  {
    ASSERT_OK_AND_ASSIGN(const auto draft, store_->NewDraft(100));
    ASSERT_OK(draft->Append(AsBytes("x")));
  }
  EXPECT_EQ(List(""), Sizes());
}

TEST_P(StoreContract, ManyDraftsAreKeptApart) {
  InThreads(4, [&](int thread) {
    for (int i = 0; i < 5; ++i) {
      const std::string text = "draft " + std::to_string(thread * 10 + i);
      ASSERT_OK_AND_ASSIGN(const auto draft, store_->NewDraft(100));
      for (const char c : text) ASSERT_OK(draft->Append(AsBytes(std::string_view(&c, 1))));
      ASSERT_OK(draft->Put(Named("data/ab/" + std::to_string(thread * 10 + i))));
    }
  });
  for (const auto& [name, size] : List("")) {
    EXPECT_THAT(Get(name), IsOkAnd(BytesAre("draft " + name.substr(name.rfind('/') + 1))));
  }
  EXPECT_EQ(List("").size(), 20U);
}

TEST_P(StoreContract, KeepsAnEmptyObject) {
  Put("sessions/ab.end", "");
  EXPECT_THAT(store_->Get(Named("sessions/ab.end"), 0), IsOkAnd(BytesAre("")));
  EXPECT_THAT(GetRange("sessions/ab.end", 0, 0), IsOkAnd(BytesAre("")));
  EXPECT_THAT(GetRange("sessions/ab.end", 0, 1), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_EQ(List("sessions/"), (Sizes{{"sessions/ab.end", 0}}));
  EXPECT_THAT(store_->PutIfAbsent(Named("sessions/ab.end"), AsBytes("x")), IsOkAnd(false));
}

TEST_P(StoreContract, KeepsABigObject) {
  const Bytes big = SeededRandom().SomeBytes(17 * kMiB + 7);
  ASSERT_OK(store_->Put(Named("data/ab/big"), big));
  ASSERT_OK_AND_ASSIGN(const Bytes all, store_->Get(Named("data/ab/big"), big.size()));
  EXPECT_TRUE(Equal(all, big));
  ASSERT_OK_AND_ASSIGN(const Bytes part, store_->GetRange(Named("data/ab/big"), 15 * kMiB - 3, 2 * kMiB));
  EXPECT_TRUE(Equal(part, ByteSpan(big).subspan(15 * kMiB - 3, 2 * kMiB)));
  EXPECT_EQ(List("data/"), (Sizes{{"data/ab/big", big.size()}}));
}

TEST_P(StoreContract, ListsByPrefix) {
  const Sizes data = {{"data/ab/1", 1}, {"data/ab/2", 2}, {"data/cd/1", 3}};
  const Sizes rest = {{"config/1", 4}, {"index/ab", 5}, {"index/cd", 6}, {"notes/ab/cd", 7}};
  Sizes all = data;
  all.insert(rest.begin(), rest.end());
  for (const auto& [name, size] : all) Put(name, std::string(size, 'x'));
  EXPECT_EQ(List(""), all);
  EXPECT_EQ(List("data/"), data);
  EXPECT_EQ(List("data/ab/"), (Sizes{{"data/ab/1", 1}, {"data/ab/2", 2}}));
  EXPECT_EQ(List("index/"), (Sizes{{"index/ab", 5}, {"index/cd", 6}}));
  EXPECT_EQ(List("keys/"), Sizes());
  EXPECT_EQ(List("data/ef/"), Sizes());
  EXPECT_EQ(List("data/ab/1/"), Sizes());
}

TEST_P(StoreContract, ListsMoreThanAPage) {
  Sizes expected;
  for (int i = 0; i < GetParam().many_objects; ++i) {
    const std::string name = "index/" + std::to_string(1'000'000 + i);
    Put(name, "x");
    expected[name] = 1;
  }
  EXPECT_EQ(List("index/"), expected);
}

TEST_P(StoreContract, ErrorOfEachEndsTheListing) {
  for (const std::string_view name : {"index/1", "index/2", "index/3"}) Put(name, "x");
  int told = 0;
  const auto result = store_->List("index/", [&](const ObjectInfo&) -> Result<void> {
    ++told;
    return Error(ErrorCode::kInterrupted, "that is enough");
  });
  EXPECT_THAT(result, ErrorIs(ErrorCode::kInterrupted, testing::HasSubstr("that is enough")));
  EXPECT_EQ(told, 1);
}

TEST_P(StoreContract, MayBeUsedWhileItIsListed) {
  for (const std::string_view name : {"index/1", "index/2", "index/3"}) Put(name, name);
  EXPECT_OK(store_->List("index/", [&](const ObjectInfo& info) -> Result<void> {
    EXPECT_THAT(store_->Get(info.name, 100), IsOkAnd(BytesAre(info.name.text())));
    return store_->Remove(info.name);
  }));
  EXPECT_EQ(List(""), Sizes());
}

TEST_P(StoreContract, ListsOnceWhatStaysWhileOthersComeAndGo) {
  Sizes stays;
  for (int i = 0; i < 20; ++i) stays["data/ab/" + std::to_string(i)] = 4;
  for (const auto& [name, size] : stays) Put(name, "stay");
  std::atomic<int> writers = 2;
  InThreads(3, [&](int thread) {
    for (int i = 0; thread > 0 && i < 40; ++i) {
      const ObjectName name = Named("data/ab/" + std::to_string(thread) + "-" + std::to_string(i));
      EXPECT_OK(store_->Put(name, AsBytes("comes and goes")));
      EXPECT_OK(store_->Remove(name));
    }
    if (thread > 0) --writers;
    do {
      const Sizes seen = List("data/");
      for (const auto& [name, size] : stays) EXPECT_TRUE(seen.contains(name)) << name;
    } while (writers > 0);
  });
  EXPECT_EQ(List(""), stays);
}

TEST_P(StoreContract, RemoveTakesAwayAndMayBeRepeated) {
  Put("tombstones/ab", "x");
  Put("tombstones/cd", "x");
  EXPECT_OK(store_->Remove(Named("tombstones/ab")));
  EXPECT_THAT(Get("tombstones/ab"), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_THAT(store_->Stat(Named("tombstones/ab")), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_EQ(List(""), (Sizes{{"tombstones/cd", 1}}));
  EXPECT_OK(store_->Remove(Named("tombstones/ab")));
  EXPECT_OK(store_->Remove(Named("keys/never/there")));
}

TEST_P(StoreContract, KeepsEveryNameApart) {
  SeededRandom random;
  const PackName pack{.digest = random.NewId<Digest>()};
  const auto session = random.NewId<SessionId>();
  const auto id = random.NewId<ObjectId>();
  const std::vector<ObjectName> names = {ConfigName(1),
                                         ConfigName(10),
                                         KeyName(random.NewId<KeyId>()),
                                         PackObjectName(BlobKind::kData, pack),
                                         PackObjectName(BlobKind::kMetadata, pack),
                                         SegmentName(random.NewId<SegmentId>()),
                                         SessionName(session),
                                         SessionEndName(session),
                                         SignOfLifeName(session, 1),
                                         SignOfLifeName(session, 10),
                                         SnapshotName(session),
                                         TombstoneName(pack),
                                         SeenListName(session),
                                         NoteName(session, id),
                                         ForgottenName(id),
                                         Named("0"),
                                         Named("a-b.c"),
                                         Named("..a/b.."),
                                         Named(std::string(120, 'z')),
                                         Named("a/" + std::string(100, 'y') + "/" + std::string(17, 'x'))};
  Sizes expected;
  for (const ObjectName& name : names) {
    ASSERT_OK(store_->Put(name, AsBytes(name.text())));
    expected[name.text()] = name.text().size();
  }
  EXPECT_EQ(List(""), expected);
  for (const ObjectName& name : names) EXPECT_THAT(store_->Get(name, 200), IsOkAnd(BytesAre(name.text())));
}

TEST_P(StoreContract, PutsOfManyThreadsAllArrive) {
  constexpr int kThreads = 4;
  constexpr int kEach = 25;
  const auto name = [](int thread, int i) {
    return "data/" + std::to_string(i % 10) + "/" + std::to_string(thread * kEach + i);
  };
  InThreads(kThreads, [&](int thread) {
    for (int i = 0; i < kEach; ++i) EXPECT_OK(store_->Put(Named(name(thread, i)), AsBytes(name(thread, i))));
  });
  EXPECT_EQ(List("").size(), static_cast<size_t>(kThreads * kEach));
  for (int thread = 0; thread < kThreads; ++thread) {
    for (int i = 0; i < kEach; ++i) EXPECT_THAT(Get(name(thread, i)), IsOkAnd(BytesAre(name(thread, i))));
  }
}

}  // namespace cairn
