// The stores that this program brings, and those that its tests stand on, against the one contract.
#include "tests/contract/store_contract.h"

#include "engine/store/limit_store.h"
#include "engine/store/local_store.h"
#include "engine/store/retry_store.h"
#include "tests/support/crash_store.h"
#include "tests/support/crashable_file_system.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fault_store.h"
#include "tests/support/memory_store.h"
#include "tests/support/temp_folder.h"

namespace cairn {
namespace {

// A store that keeps what it stands on.
template <class World>
std::shared_ptr<ObjectStore> StoreOf(std::shared_ptr<World> world) {
  ObjectStore* store = &world->store();
  return std::shared_ptr<ObjectStore>(std::move(world), store);
}

std::shared_ptr<ObjectStore> MakeMemory() { return std::make_shared<MemoryStore>(); }

struct LocalWorld {
  TempFolder folder;
  std::unique_ptr<LocalStore> local =
      LocalStore::Create(PosixFileSystem(), SystemRandom(), folder / "repository").value();
  ObjectStore& store() { return *local; }
};

struct CrashableWorld {
  CrashableFileSystem files;
  SeededRandom random;
  std::unique_ptr<LocalStore> local = LocalStore::Create(files, random, "/disk/repository").value();
  ObjectStore& store() { return *local; }
};

struct LimitWorld {
  FakeClock clock;
  LimitStore limited{std::make_unique<MemoryStore>(), {.upload = 1'000, .download = 1'000}, clock, std::stop_token()};
  ObjectStore& store() { return limited; }
};

// Every second call fails, and half of these have had their effect: the server had done it, and the answer was lost.
struct RetryWorld {
  RetryWorld() {
    auto faults = std::make_unique<FaultStore>(memory);
    faults->FailWhere([](const StoreCall& call) { return call.number % 4 == 1; }, FaultStore::Transient());
    faults->FailWhere([](const StoreCall& call) { return call.number % 4 == 3; }, FaultStore::Transient(),
                      FaultStore::When::kAfter);
    retry = std::make_unique<RetryStore>(std::move(faults), clock, random, std::stop_token(),
                                         RetryOptions{.tries_max = 1'000, .time_max = std::chrono::hours(1'000)});
  }
  FakeClock clock;
  SeededRandom random;
  MemoryStore memory;
  std::unique_ptr<RetryStore> retry;
  ObjectStore& store() { return *retry; }
};

template <class Decorator>
struct DecoratedWorld {
  MemoryStore memory;
  Decorator decorated{memory};
  ObjectStore& store() { return decorated; }
};

template <class World>
StoreMaker MakerOf(std::string name, int many_objects = 1'100) {
  return {std::move(name), [] { return StoreOf(std::make_shared<World>()); }, many_objects};
}

INSTANTIATE_TEST_SUITE_P(Ours, StoreContract,
                         testing::Values(StoreMaker{"Memory", MakeMemory}, MakerOf<LocalWorld>("LocalOnDisk", 150),
                                         MakerOf<CrashableWorld>("LocalOnCrashable"), MakerOf<LimitWorld>("Limit"),
                                         MakerOf<RetryWorld>("RetryOfWhatFailsEverySecondTime"),
                                         MakerOf<DecoratedWorld<FaultStore>>("Fault"),
                                         MakerOf<DecoratedWorld<CrashStore>>("Crash")),
                         StoreMaker::Name);

}  // namespace
}  // namespace cairn
