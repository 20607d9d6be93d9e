// How fast the SFTP store is beside what the same connection gives scp and cat: sftp_speed [SECONDS]. It starts an sshd
// of its own on loopback, over a file system in memory, so that the processors are what is measured.
#include <fmt/core.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "engine/store/local_store.h"
#include "engine/store/sftp/sftp_store.h"
#include "tests/support/named.h"
#include "tests/support/seeded_random.h"
#include "tests/support/ssh_server.h"

namespace cairn {
namespace {

constexpr uint64_t kBig = 16 * kMiB;
constexpr uint64_t kSmall = 2 * kKiB;
constexpr uint64_t kNames = 8;  // each thread puts on to its own few names again and again

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Calls a second, of all threads.
double Rate(unsigned threads, double seconds, const std::function<Result<void>(unsigned thread, uint64_t i)>& call) {
  std::atomic<uint64_t> calls = 0;
  const double begin = Now();
  {
    std::vector<std::jthread> running;
    for (unsigned thread = 0; thread < threads; ++thread) {
      running.emplace_back([&, thread] {
        for (uint64_t i = 0; Now() - begin < seconds; ++i) {
          const auto result = call(thread, i);
          if (!result) {
            fmt::print(stderr, "{}\n", result.error().message());
            std::exit(1);
          }
          ++calls;
        }
      });
    }
  }
  return static_cast<double>(calls) / (Now() - begin);
}

void Measure(std::string_view what, ObjectStore& store, double seconds) {
  const SeededRandom random;
  for (const uint64_t size : {kBig, kSmall}) {
    const Bytes bytes = random.SomeBytes(size);
    const auto name = [&](unsigned thread, uint64_t i) {
      return Named(fmt::format("data/ab/{}-{}-{}", size, thread, i % kNames));
    };
    for (const unsigned threads : {1U, 4U}) {
      const double puts =
          Rate(threads, seconds, [&](unsigned thread, uint64_t i) { return store.Put(name(thread, i), bytes); });
      const double gets = Rate(threads, seconds, [&](unsigned thread, uint64_t i) -> Result<void> {
        ASSIGN_OR_RETURN(const Bytes got, store.Get(name(thread, i % 2), size));
        return {};
      });
      if (size == kBig) {
        fmt::print("{:<10} {} threads, 16 MiB: put {:7.1f} MiB/s, get {:7.1f} MiB/s\n", what, threads, puts * 16,
                   gets * 16);
      } else {
        fmt::print("{:<10} {} threads,  2 KiB: put {:7.0f} /s,     get {:7.0f} /s\n", what, threads, puts, gets);
      }
    }
  }
}

void MeasurePrograms(const SshServer& server, double seconds) {
  const SftpOptions client = server.Client();
  const std::string config = client.ssh[2];
  const std::string login = server.user() + "@127.0.0.1";
  const std::string file = server / "file";
  const std::string make = fmt::format("head -c {} /dev/urandom > {}", 256 * kMiB, file);
  const auto run = [&](const std::string& what, const std::string& command) {
    const double begin = Now();
    int runs = 0;
    while (Now() - begin < seconds) {
      if (std::system(command.c_str()) != 0) std::exit(1);
      ++runs;
    }
    fmt::print("{:<10} 256 MiB: {:7.1f} MiB/s\n", what, 256.0 * runs / (Now() - begin));
  };
  if (std::system(make.c_str()) != 0) std::exit(1);
  run("ssh cat >", fmt::format("ssh -F {} -p {} {} 'cat > {}.up' < {}", config, server.port(), login, file, file));
  run("ssh cat <", fmt::format("ssh -F {} -p {} {} 'cat {}' > {}.down", config, server.port(), login, file, file));
  run("scp up", fmt::format("scp -q -F {} -P {} {} {}:{}.up", config, server.port(), file, login, file));
  run("scp down", fmt::format("scp -q -F {} -P {} {}:{} {}.down", config, server.port(), login, file, file));
}

int Main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 3;
  const SshServer server;
  const auto sftp = SftpStore::Create(server.Place(server / "repository"), server.Client(), SystemRandom(),
                                      SystemClock(), std::stop_token());
  const auto local = LocalStore::Create(PosixFileSystem(), SystemRandom(), server / "local");
  if (!sftp || !local) {
    fmt::print(stderr, "{}\n", (!sftp ? sftp.error() : local.error()).message());
    return 1;
  }
  Measure("sftp", **sftp, seconds);
  MeasurePrograms(server, seconds);
  Measure("local", **local, seconds);
  return 0;
}

}  // namespace
}  // namespace cairn

int main(int argc, char** argv) { return cairn::Main(argc, argv); }
