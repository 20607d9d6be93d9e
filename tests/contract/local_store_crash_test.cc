// What a power cut leaves of a local repository. Each test runs one operation again and again, cuts the power one step
// later each time, and looks at what is there afterwards, for each way in which a disk may forget.
#include <algorithm>
#include <optional>

#include "engine/store/local_store.h"
#include "tests/support/crashable_file_system.h"
#include "tests/support/fake_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/named.h"

namespace cairn {
namespace {

using Outcome = CrashableFileSystem::Outcome;
constexpr char kRoot[] = "/disk/backups/repository";

// A disk, the store on it, and what the tests ask of the two.
class Machine {
 public:
  explicit Machine(uint64_t seed) : files(seed, clock), random_(seed) {
    store = LocalStore::Create(files, random_, kRoot).value();
  }

  Result<void> Put(std::string_view name, std::string_view text) { return store->Put(Named(name), AsBytes(text)); }
  Result<bool> PutIfAbsent(std::string_view name, std::string_view text) {
    return store->PutIfAbsent(Named(name), AsBytes(text));
  }
  // Nothing where it is absent; any other error fails the test.
  std::optional<std::string> Get(std::string_view name) {
    const auto bytes = store->Get(Named(name), 1 << 20);
    if (bytes) return ToString(*bytes);
    EXPECT_EQ(bytes.error().code(), ErrorCode::kNotFound) << bytes.error().message();
    return std::nullopt;
  }
  std::vector<std::string> List() {
    std::vector<std::string> names;
    EXPECT_OK(store->List(
        "",
        [&](const ObjectInfo& info) -> Result<void> {
          names.push_back(info.name.text());
          return {};
        },
        [](const std::string& name) -> Result<void> {
          ADD_FAILURE() << "a stranger: " << name;
          return {};
        }));
    std::ranges::sort(names);
    return names;
  }
  std::vector<std::string> Temporaries() {
    std::vector<std::string> names;
    IgnoreError(files.List(std::string(kRoot) + "/tmp", [&](const FileInfo& info) { names.push_back(info.name); }),
                "no folder: none");
    return names;
  }
  void CrashAndOpen(Outcome outcome) {
    files.Crash(outcome);
    auto opened = LocalStore::Open(files, random_, kRoot);
    ASSERT_OK(opened);
    store = *std::move(opened);
  }

  FakeClock clock;
  CrashableFileSystem files;
  std::unique_ptr<LocalStore> store;

 private:
  SeededRandom random_;
};

// Runs `operation` on a machine made ready by `prepare`, with a crash after 0, 1, 2... steps, until it ends before the
// crash; after each crash `check` is told whether the operation had returned success.
void ForEachCrash(const std::function<void(Machine&)>& prepare, const std::function<bool(Machine&)>& operation,
                  const std::function<void(Machine&, bool returned)>& check) {
  const auto run = [&](Outcome outcome, uint64_t seed) {
    for (uint64_t steps = 0;; ++steps) {
      SCOPED_TRACE(fmt::format("outcome {}, seed {}, crash after {} steps", static_cast<int>(outcome), seed, steps));
      Machine machine(seed);
      prepare(machine);
      machine.files.CrashAfter(steps);
      const bool returned = operation(machine);
      const bool came_through = !machine.files.is_off();
      EXPECT_TRUE(returned || !came_through);
      machine.CrashAndOpen(outcome);
      check(machine, returned);
      if (came_through || testing::Test::HasFatalFailure()) return;
      ASSERT_LT(steps, 1'000U);
    }
  };
  run(Outcome::kLoseAll, 1);
  run(Outcome::kKeepAll, 1);
  for (uint64_t seed = 1; seed <= 40; ++seed) run(Outcome::kRandom, seed);
}

constexpr char kText[] = "an object that is longer than a few bytes";

// Whether it is there.
bool ExpectAllOrNothing(Machine& machine, std::string_view name) {
  const auto text = machine.Get(name);
  EXPECT_EQ(text.value_or(kText), kText);
  return text.has_value();
}

TEST(LocalStoreCrash, PutLeavesAllOrNothing) {
  ForEachCrash([](Machine& machine) { ASSERT_OK(machine.Put("data/ab/old", "old")); },
               [](Machine& machine) { return machine.Put("data/cd/new", kText).has_value(); },
               [](Machine& machine, bool returned) {
                 const bool there = ExpectAllOrNothing(machine, "data/cd/new");
                 EXPECT_TRUE(there || !returned);
                 EXPECT_EQ(machine.Get("data/ab/old"), "old");
                 std::vector<std::string> expected = {"data/ab/old"};
                 if (there) expected.push_back("data/cd/new");
                 EXPECT_EQ(machine.List(), expected);
               });
}

bool PutDraft(Machine& machine) {
  const std::string_view text = kText;
  const auto draft = machine.store->NewDraft(100);
  return draft && (*draft)->Append(AsBytes("AN")) && (*draft)->Append(AsBytes(text.substr(2))) &&
         (*draft)->WriteStart(AsBytes(text.substr(0, 2))) && (*draft)->Put(Named("data/cd/new"));
}

// In a file without a name, in one that cannot be named, and in memory.
TEST(LocalStoreCrash, ADraftLeavesAllOrNothing) {
  for (const auto& [are_known, may_be_named] :
       {std::pair(true, true), std::pair(true, false), std::pair(false, false)}) {
    ForEachCrash(
        [&](Machine& machine) {
          machine.files.SetNameless(are_known, may_be_named);
          ASSERT_OK(machine.Put("data/ab/old", "old"));
        },
        PutDraft,
        [](Machine& machine, bool returned) {
          EXPECT_TRUE(ExpectAllOrNothing(machine, "data/cd/new") || !returned);
          EXPECT_EQ(machine.Get("data/ab/old"), "old");
        });
  }
}

TEST(LocalStoreCrash, PutIntoAKnownFolderLeavesAllOrNothing) {
  ForEachCrash([](Machine& machine) { ASSERT_OK(machine.Put("index/old", "old")); },
               [](Machine& machine) { return machine.Put("index/new", kText).has_value(); },
               [](Machine& machine, bool returned) {
                 EXPECT_TRUE(ExpectAllOrNothing(machine, "index/new") || !returned);
                 EXPECT_EQ(machine.Get("index/old"), "old");
               });
}

TEST(LocalStoreCrash, ReplacingLeavesTheOldOrTheNew) {
  ForEachCrash([](Machine& machine) { ASSERT_OK(machine.Put("snapshots/ab", "a snapshot")); },
               [](Machine& machine) { return machine.Put("snapshots/ab", "a fence").has_value(); },
               [](Machine& machine, bool returned) {
                 const auto text = machine.Get("snapshots/ab");
                 ASSERT_TRUE(text.has_value());
                 EXPECT_TRUE(*text == "a fence" || (!returned && *text == "a snapshot")) << *text;
               });
}

TEST(LocalStoreCrash, PutIfAbsentLeavesAllOrNothing) {
  ForEachCrash(
      [](Machine&) {},
      [](Machine& machine) {
        const auto won = machine.PutIfAbsent("snapshots/ab", kText);
        return won && *won;
      },
      [](Machine& machine, bool returned) { EXPECT_TRUE(ExpectAllOrNothing(machine, "snapshots/ab") || !returned); });
}

TEST(LocalStoreCrash, RemovedStaysAway) {
  ForEachCrash(
      [](Machine& machine) {
        ASSERT_OK(machine.Put("data/ab/keep", "keep"));
        ASSERT_OK(machine.Put("data/ab/go", kText));
      },
      [](Machine& machine) { return machine.store->Remove(Named("data/ab/go")).has_value(); },
      [](Machine& machine, bool returned) {
        EXPECT_FALSE(ExpectAllOrNothing(machine, "data/ab/go") && returned);
        EXPECT_EQ(machine.Get("data/ab/keep"), "keep");
      });
}

TEST(LocalStoreCrash, CreateCanBeRepeatedAndIsDurable) {
  for (const Outcome outcome : {Outcome::kLoseAll, Outcome::kKeepAll, Outcome::kRandom}) {
    for (uint64_t steps = 0; steps < 20; ++steps) {
      CrashableFileSystem files(steps + 1);
      const SeededRandom random;
      files.CrashAfter(steps);
      const bool returned = LocalStore::Create(files, random, kRoot).has_value();
      files.Crash(outcome);
      EXPECT_TRUE(!returned || LocalStore::Open(files, random, kRoot));
      ASSERT_OK_AND_ASSIGN(const auto store, LocalStore::Create(files, random, kRoot));
      EXPECT_OK(store->Put(ConfigName(1), AsBytes("config")));
    }
  }
}

// The winner was interrupted between its rename and its sync: who is told "filled" may act on it at once.
TEST(LocalStoreCrash, WhatALoserIsToldIsDurable) {
  Machine machine(1);
  ASSERT_OK(machine.PutIfAbsent("snapshots/other", "x"));
  uint64_t steps = machine.files.steps();
  ASSERT_OK(machine.PutIfAbsent("snapshots/another", "winner"));
  steps = machine.files.steps() - steps;
  machine.files.FailStep(steps, Error(ErrorCode::kIo, "the sync of the folder fails"));
  ASSERT_THAT(machine.PutIfAbsent("snapshots/ab", "winner"), ErrorIs(ErrorCode::kIo, testing::HasSubstr("sync")));
  EXPECT_THAT(machine.PutIfAbsent("snapshots/ab", "loser!"), IsOkAnd(false));
  machine.CrashAndOpen(Outcome::kLoseAll);
  EXPECT_EQ(machine.Get("snapshots/ab"), "winner");
}

TEST(LocalStoreCrash, RemoveOfWhatAnotherHasJustRemovedIsDurable) {
  Machine machine(1);
  ASSERT_OK(machine.Put("tombstones/ab", "x"));
  machine.files.FailStep(2, Error(ErrorCode::kIo, "the sync of the folder fails"));
  ASSERT_THAT(machine.store->Remove(Named("tombstones/ab")), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_OK(machine.store->Remove(Named("tombstones/ab")));
  machine.CrashAndOpen(Outcome::kLoseAll);
  EXPECT_EQ(machine.Get("tombstones/ab"), std::nullopt);
}

TEST(LocalStoreCrash, WhatACrashLeavesInTmpIsCleanedAfterADay) {
  Machine machine(1);
  ASSERT_OK(machine.Put("index/ab", "x"));
  machine.files.CrashAfter(3);
  EXPECT_FALSE(machine.Put("index/cd", kText));
  machine.CrashAndOpen(Outcome::kKeepAll);
  ASSERT_EQ(machine.Temporaries().size(), 1U);
  EXPECT_EQ(machine.List(), (std::vector<std::string>{"index/ab"}));
  machine.clock.Advance(std::chrono::hours(23));
  EXPECT_OK(machine.store->CleanTemporary());
  EXPECT_EQ(machine.Temporaries().size(), 1U);
  machine.clock.Advance(std::chrono::hours(2));
  EXPECT_OK(machine.store->CleanTemporary());
  EXPECT_EQ(machine.Temporaries().size(), 0U);
  EXPECT_EQ(machine.Get("index/ab"), "x");
}

// No crash here: one step of the file system fails, each in turn, and the process goes on.
TEST(LocalStoreFault, AFailedPutLeavesNoTemporaryAndNoHalf) {
  for (uint64_t step = 1;; ++step) {
    SCOPED_TRACE(fmt::format("step {} fails", step));
    ASSERT_LT(step, 100U);
    Machine machine(1);
    ASSERT_OK(machine.Put("index/old", "old"));
    const uint64_t before = machine.files.steps();
    machine.files.FailStep(step, Error(ErrorCode::kIo, "this step fails"));
    const auto put = machine.Put("data/ab/new", kText);
    if (machine.files.steps() - before < step) break;  // it took fewer steps
    EXPECT_THAT(put, ErrorIs(ErrorCode::kIo, testing::HasSubstr("data/ab/new")));
    EXPECT_EQ(machine.Temporaries(), std::vector<std::string>());
    ExpectAllOrNothing(machine, "data/ab/new");
    EXPECT_OK(machine.Put("data/ab/new", kText));
    EXPECT_EQ(machine.Get("data/ab/new"), kText);
  }
}

// Many operations, a crash somewhere among them, and a model of what each name may hold.
class RandomRun {
 public:
  explicit RandomRun(uint64_t seed) : random_(seed), machine_(seed) {}

  void Run() {
    machine_.files.CrashAfter(random_.Below(400));
    for (int i = 0; i < 60 && !machine_.files.is_off(); ++i) Operate(i);
    machine_.CrashAndOpen(random_.Below(4) == 0 ? Outcome::kLoseAll : Outcome::kRandom);
    for (const auto& [name, may_be] : model_) {
      EXPECT_THAT(may_be, testing::Contains(machine_.Get(name))) << name;
    }
    for (const std::string& name : machine_.List()) EXPECT_TRUE(model_.contains(name)) << name;
  }

 private:
  using State = std::optional<std::string>;

  void Operate(int number) {
    const std::string name = fmt::format("data/{}/{}", random_.Below(3), random_.Below(4));
    const std::string text = fmt::format("text number {} of some length", number);
    std::vector<State>& may_be = model_.try_emplace(name, 1).first->second;  // at first: absent
    const State now = may_be.back();
    State wanted;
    bool done = false;
    switch (random_.Below(3)) {
      case 0:
        wanted = text;
        done = machine_.Put(name, text).has_value();
        break;
      case 1: {
        wanted = now ? now : text;
        const auto won = machine_.PutIfAbsent(name, text);
        EXPECT_EQ(won ? *won : !now, !now);
        done = won.has_value();
        break;
      }
      default:
        done = machine_.store->Remove(Named(name)).has_value();
    }
    if (done) may_be.clear();
    may_be.push_back(wanted);
  }

  SeededRandom random_;
  Machine machine_;
  std::map<std::string, std::vector<State>> model_;  // what a name may be after a crash
};

TEST(LocalStoreCrash, HoldsWhatAModelSays) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    RandomRun(seed).Run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace cairn
