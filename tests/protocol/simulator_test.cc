// Whole lives of a repository, drawn from seeds: machines that back up, forget, prune, restore, check and copy beside
// each other, in any order of their calls, on stores that fail, cut transfers off, lose answers and tear lists; some
// are killed in the middle. When the weather is good again every snapshot reads back bit for bit, and a last prune
// leaves nothing over.
//
// CAIRN_SEEDS: how many seeds, from 1 on (default: 100). CAIRN_SEED: this one alone; it does what it did before.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "engine/jobs/check.h"
#include "engine/jobs/copy.h"
#include "engine/store/retry_store.h"
#include "tests/protocol/shared_repository.h"
#include "tests/support/turns.h"
#include "tests/support/unreliable_store.h"

namespace cairn {
namespace {

constexpr int64_t kHour = int64_t{3600} * 1'000'000'000;
constexpr size_t kMachines = 3;
constexpr int kJobsOfEach = 10;
constexpr uint32_t kContents = 12;  // of files

// A repository, and what was said of it.
struct World {
  explicit World(uint64_t seed) { InitForTests(memory, seed); }
  MemoryStore memory;
  std::map<SnapshotId, MemoryFiles> told;  // committed, as a backup or a copy said
  std::set<SnapshotId> perhaps_forgotten;  // a forget of it has begun
  std::set<SnapshotId> forgotten;          // and has said that it is done
};

// How one machine sees one repository: through retries, as a store on the web is seen.
class View {
 public:
  View(World& of, uint64_t seed, const std::function<void()>& others) : world(of), random_(seed) {
    auto base = std::make_unique<UnreliableStore>(world.memory, seed, Weather{}, others);
    unreliable = base.get();
    store_.emplace(std::move(base), clock_, random_, std::stop_token());
    machine.emplace(*store_, seed);
  }

  World& world;
  UnreliableStore* unreliable = nullptr;
  std::optional<Machine> machine;

 private:
  FakeClock clock_;  // of the retries
  SeededRandom random_;
  std::optional<RetryStore> store_;
};

// A life of two repositories. One thread of several runs at a time.
class Simulation {
 public:
  explicit Simulation(uint64_t seed) : seed_(seed), turns_(seed, kMachines), world_(2 * seed), copies_(2 * seed + 1) {
    for (size_t i = 0; i < kMachines; ++i) clients_.push_back(std::make_unique<Client>(*this, i));
  }
  // Until its end, or the first failure.
  void Run();

 private:
  struct Client {
    Client(Simulation& simulation, size_t number);
    Simulation& life;
    const size_t number;
    std::mt19937_64 random;
    MemoryFiles files;
    View home, away;
  };
  using Allowed = std::set<ErrorCode>;

  void Live(Client& client);
  void Change(MemoryFiles& files, std::mt19937_64& random);
  void BackUp(Client& client);
  void Forget(Client& client, View& view);
  void Prune(Client& client, View& view);
  void Read(Client& client, View& view);
  void Check(Client& client, View& view);
  void Copy(Client& client);
  void End(World& world, View Client::* view);
  void ExpectSnapshots(World& world, Machine& reader);
  void ExpectNothingOver(World& world);

  // Whether it went well. What a killed process says counts for nothing.
  template <class T>
  bool Went(const View& view, const std::string& what, const Result<T>& result, const Allowed& allowed);
  void Note(const std::string& what) { story_.push_back(what); }
  void Fail(const std::string& what);

  const uint64_t seed_;
  Turns turns_;
  bool has_begun_ = false, has_failed_ = false;
  uint64_t tries_ = 0;
  World world_, copies_;
  std::map<std::string, MemoryFiles> tried_;  // what was to be backed up, by the description of the snapshot
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::string> story_;
};

Simulation::Client::Client(Simulation& simulation, size_t n)
    : life(simulation),
      number(n),
      random(simulation.seed_ * 1'000 + n),
      home(simulation.world_, simulation.seed_ * 1'000 + 10 + n,
           [this] {
             if (life.has_begun_) life.turns_.Yield(number);
           }),
      away(simulation.copies_, simulation.seed_ * 1'000 + 20 + n, [this] {
        if (life.has_begun_) life.turns_.Yield(number);
      }) {}

void Simulation::Fail(const std::string& what) {
  has_failed_ = true;
  std::string story;
  for (const std::string& line : story_) story += "\n  " + line;
  ADD_FAILURE() << what << "; again with CAIRN_SEED=" << seed_ << story;
}

template <class T>
bool Simulation::Went(const View& view, const std::string& what, const Result<T>& result, const Allowed& allowed) {
  const bool dead = view.unreliable->dead();
  Note(fmt::format("{}: {}", what, result ? "done" : dead ? "killed" : result.error().message()));
  if (result) return true;
  if (!dead && !allowed.contains(result.error().code())) Fail(what + ": " + result.error().message());
  return false;
}

// Of few contents, so that machines have blobs in common, and what was forgotten comes again.
void Simulation::Change(MemoryFiles& files, std::mt19937_64& random) {
  for (uint64_t n = 1 + random() % 4; n > 0; --n) {
    const auto content = static_cast<uint32_t>(random() % kContents);
    files["file" + std::to_string(random() % 4)] = RandomText(content, 500 + 300 * content);
  }
}

void Simulation::BackUp(Client& client) {
  Change(client.files, client.random);
  const MemoryFiles files = client.files;
  BackupOptions options;
  options.host = ToBytes(AsBytes("machine" + std::to_string(client.random() % kMachines)));
  options.description = std::to_string(++tries_);
  tried_[options.description] = files;
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::make_unique<MemorySource>(files));
  Machine& machine = *client.home.machine;
  const auto report = RunBackup(machine.context.job, *machine.repository, std::move(sources), options, {});
  const std::string what = fmt::format("machine {} backup {}", client.number, options.description);
  if (!Went(client.home, what, report, {ErrorCode::kFenced, ErrorCode::kBusy})) return;
  Note("  is snapshot " + report->id->ToHex());
  world_.told[*report->id] = files;
}

void Simulation::Forget(Client& client, View& view) {
  Machine& machine = *view.machine;
  const std::string what = fmt::format("machine {} forget", client.number);
  const auto set = LoadSnapshots(*machine.repository, machine.context.job, {});
  if (!Went(view, what + ", loading", set, {ErrorCode::kBusy}) || set->snapshots.empty()) return;
  // Now and then all but the newest.
  std::vector<SnapshotId> ids;
  const bool keeps_last = client.random() % 2 == 0;
  const size_t one = client.random() % set->snapshots.size();
  for (size_t i = 0; i < set->snapshots.size(); ++i) {
    if (keeps_last ? i + 1 == set->snapshots.size() : i != one) continue;
    ids.push_back(set->snapshots[i].id);
    Note(fmt::format("machine {} is about to forget {}", client.number, ids.back().ToHex()));
  }
  view.world.perhaps_forgotten.insert(ids.begin(), ids.end());
  const auto report = machine.Forget(ids);
  if (!Went(view, what, report, {ErrorCode::kNotFound, ErrorCode::kBusy})) return;
  view.world.forgotten.insert(ids.begin(), ids.end());
}

void Simulation::Prune(Client& client, View& view) {
  constexpr int64_t kQuiet[] = {kNever, kNever, kHour, kHour, 0};
  const int64_t quiet = kQuiet[client.random() % std::size(kQuiet)];
  view.machine->context.clock.Advance(std::chrono::minutes(client.random() % 120));
  const auto report = view.machine->Prune(quiet);
  const std::string what = fmt::format("machine {} prune, quiet after {} s", client.number, quiet / 1'000'000'000);
  if (!Went(view, what, report, {ErrorCode::kFenced, ErrorCode::kBusy})) return;
  Note(fmt::format("  removed {}, waiting {}, fenced {}, merged {}, dropped {}", report->packs_removed,
                   report->packs_waiting, report->sessions_fenced, report->segments_merged,
                   report->removed_names_dropped));
}

void Simulation::Read(Client& client, View& view) {
  if (view.world.told.empty()) return;
  const auto one =
      std::next(view.world.told.begin(), static_cast<std::ptrdiff_t>(client.random() % view.world.told.size()));
  const auto [id, files] = *one;
  const std::string what = fmt::format("machine {} read {}", client.number, id.ToHex());
  const auto read = view.machine->TryRead(id);
  const bool may_be_gone = view.world.perhaps_forgotten.contains(id);
  Allowed allowed{ErrorCode::kBusy};
  if (may_be_gone) allowed.insert({ErrorCode::kNotFound, ErrorCode::kCorrupt});
  if (Went(view, what, read, allowed) && *read != files && !may_be_gone) Fail(what + " gives other files");
}

void Simulation::Check(Client& client, View& view) {
  CheckOptions options;
  options.data = CheckOptions::Data::kAll;
  std::string damage;
  const auto report = RunCheck(view.machine->context.job, *view.machine->repository, options, [&](const Finding& one) {
    if (one.severity == Finding::Severity::kDamage) damage += one.object + ": " + one.detail + "\n";
  });
  const std::string what = fmt::format("machine {} check", client.number);
  if (!Went(view, what, report, {ErrorCode::kBusy}) || view.unreliable->dead()) return;
  if (report->damages > 0) Fail(what + " finds " + damage);
}

void Simulation::Copy(Client& client) {
  if (world_.told.empty()) return;
  const auto one = std::next(world_.told.begin(), static_cast<std::ptrdiff_t>(client.random() % world_.told.size()));
  const auto [id, files] = *one;
  CopyOptions options;
  options.snapshots = {id};
  const std::string what = fmt::format("machine {} copy {}", client.number, id.ToHex());
  const auto report = RunCopy(client.home.machine->context.job, *client.home.machine->repository,
                              *client.away.machine->repository, options, {});
  Allowed allowed{ErrorCode::kBusy, ErrorCode::kFenced};
  if (world_.perhaps_forgotten.contains(id)) allowed.insert({ErrorCode::kNotFound, ErrorCode::kCorrupt});
  const View& dead = client.away.unreliable->dead() ? client.away : client.home;
  if (!Went(dead, what, report, allowed)) return;
  for (const CopyReport::One& copied : report->snapshots) {
    Note("  is snapshot " + copied.target.ToHex());
    if (!copied.is_incomplete) copies_.told[copied.target] = files;
  }
}

void Simulation::Live(Client& client) {
  for (int n = 0; n < kJobsOfEach && !has_failed_; ++n) {
    View& view = client.random() % 8 == 0 ? client.away : client.home;
    // Some die on the way.
    if (client.random() % 8 == 0) view.unreliable->DieIn(1 + client.random() % 150);
    const uint64_t drawn = client.random() % 100;
    if (drawn < 32) {
      BackUp(client);
    } else if (drawn < 54) {
      Forget(client, view);
    } else if (drawn < 84) {
      Prune(client, view);
    } else if (drawn < 89) {
      Read(client, view);
    } else if (drawn < 93) {
      Check(client, view);
    } else {
      Copy(client);
    }
    client.home.unreliable->Revive();
    client.away.unreliable->Revive();
  }
}

// What the run of a life leaves: `view` sees this world.
void Simulation::End(World& world, View Client::* view) {
  // A machine knows of its own dead, so each prunes; what the first could not end the second round frees.
  for (int round = 0; round < 2; ++round) {
    for (const auto& client : clients_) {
      View& seen = (*client).*view;
      seen.unreliable->CalmDown();
      const auto report = seen.machine->Prune(0);
      Went(seen, fmt::format("machine {} last prune", client->number), report, {});
    }
  }
  Machine reader(world.memory, seed_);
  ExpectSnapshots(world, reader);
  const auto last = reader.Prune(0);
  if (!last) return Fail("a last prune: " + last.error().message());
  if (last->packs_removed > 0 || last->packs_written > 0 || !last->waiting_for.empty()) {
    Fail(fmt::format("the last prune still removes {} packs and writes {}", last->packs_removed, last->packs_written));
  }
  ExpectNothingOver(world);
}

void Simulation::ExpectSnapshots(World& world, Machine& reader) {
  const auto set = LoadSnapshots(*reader.repository, reader.context.job, {});
  if (!set) return Fail(set.error().message());
  std::set<SnapshotId> there;
  for (const LoadedSnapshot& snapshot : set->snapshots) {
    there.insert(snapshot.id);
    const auto files = reader.TryRead(snapshot.id);
    const std::string what = "snapshot " + snapshot.id.ToHex();
    if (!files) {
      Fail(what + ": " + files.error().message());
    } else if (*files != tried_[snapshot.description]) {
      Fail(what + " gives other files");
    }
    if (world.forgotten.contains(snapshot.id)) Fail(what + " was forgotten, and is there");
  }
  for (const auto& [id, files] : world.told) {
    if (!there.contains(id) && !world.perhaps_forgotten.contains(id)) Fail("snapshot " + id.ToHex() + " is gone");
  }
  CheckOptions options;
  options.data = CheckOptions::Data::kAll;
  const auto report = RunCheck(reader.context.job, *reader.repository, options, [&](const Finding& one) {
    if (one.severity != Finding::Severity::kNote) Fail(one.object + ": " + one.detail);
  });
  if (!report) Fail("check: " + report.error().message());
}

void Simulation::ExpectNothingOver(World& world) {
  Machine reader(world.memory, seed_ + 1);
  auto index = reader.repository->LoadIndex(reader.context.job);
  if (!index) return Fail(index.error().message());
  for (const auto& [name, bytes] : world.memory.Contents()) {
    const ParsedName parsed = ParseObjectName(name);
    const bool is_rest = name.starts_with("sessions/") || name.starts_with("tombstones/");
    const bool is_orphan = parsed.kind == ParsedName::Kind::kPack && !(*index)->FindPack(parsed.pack);
    if (is_rest || is_orphan) Fail(name + " is left over");
  }
  const auto set = LoadSnapshots(*reader.repository, reader.context.job, {});
  if (!set || !set->fences.empty()) Fail("a fence is left over");
}

void Simulation::Run() {
  // Something that may be forgotten, or has been.
  for (int n = 0; n < 3; ++n) BackUp(*clients_[0]);
  Forget(*clients_[0], clients_[0]->home);
  std::vector<std::thread> threads;
  has_begun_ = true;
  for (const auto& client : clients_) {
    threads.emplace_back([this, &client] {
      turns_.Begin(client->number);
      Live(*client);
      turns_.End(client->number);
    });
  }
  for (std::thread& thread : threads) thread.join();
  has_begun_ = false;
  if (!has_failed_) End(world_, &Client::home);
  if (!has_failed_) End(copies_, &Client::away);
}

uint64_t NumberFrom(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(Simulator, LosesNothingAndLeavesNothingOver) {
  const uint64_t one = NumberFrom("CAIRN_SEED", 0);
  const uint64_t last = one > 0 ? one : NumberFrom("CAIRN_SEEDS", 100);
  for (uint64_t seed = one > 0 ? one : 1; seed <= last && !HasFailure(); ++seed) Simulation(seed).Run();
}

}  // namespace
}  // namespace cairn
