// One backup of a tree of very many files that is made while it is read: tree_scale REPOSITORY CACHE FILES GENERATION.
// The repository is made where there is none. Its password is in CAIRN_PASSWORD. JSON on standard output.
#include <fmt/core.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "bench/made_tree.h"
#include "engine/jobs/backup.h"
#include "engine/store/local_store.h"

namespace cairn {
namespace {

struct Arguments {
  std::string repository, cache, password;
  uint64_t files = 0, generation = 0;
};

bool ParseNumber(std::string_view text, uint64_t& value) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

Result<std::unique_ptr<LocalStore>> OpenStore(const Arguments& arguments) {
  FileSystem& files = PosixFileSystem();
  auto opened = LocalStore::Open(files, SystemRandom(), arguments.repository);
  if (opened || opened.error().code() != ErrorCode::kNotFound) return opened;
  ASSIGN_OR_RETURN(auto made, LocalStore::Create(files, SystemRandom(), arguments.repository));
  RETURN_IF_ERROR(Repository::Init(*made, AsBytes(arguments.password), {}, SystemRandom(), SystemClock()));
  return made;
}

Result<void> Run(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const auto store, OpenStore(arguments));
  const auto executor = MakeThreadPool(std::thread::hardware_concurrency());
  Progress progress;
  const JobContext context{*executor, SystemClock(), SystemRandom(), progress, NullLog(), {}, Limits()};
  ASSIGN_OR_RETURN(const auto repository, Repository::Open(*store, AsBytes(arguments.password),
                                                           {&PosixFileSystem(), arguments.cache}, context));
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::make_unique<bench::MadeTree>(arguments.files, arguments.generation));
  const auto begin = SystemClock().Steady();
  ASSIGN_OR_RETURN(
      const BackupReport report,
      RunBackup(context, *repository, std::move(sources), {.host = ToBytes(AsBytes("made"))},
                [](const Finding& finding) { fmt::print(stderr, "{}: {}\n", finding.object, finding.detail); }));
  const std::chrono::duration<double> seconds = SystemClock().Steady() - begin;
  fmt::print("{{\"seconds\": {:.3f}, \"count\": {}, \"unchanged\": {}}}\n", seconds.count(), arguments.files,
             report.files_unchanged);
  return {};
}

int Main(int argc, char** argv) {
  Arguments arguments;
  const char* password = std::getenv("CAIRN_PASSWORD");
  if (argc != 5 || password == nullptr || !ParseNumber(argv[3], arguments.files) || arguments.files == 0 ||
      !ParseNumber(argv[4], arguments.generation)) {
    std::fputs("CAIRN_PASSWORD=... tree_scale REPOSITORY CACHE FILES GENERATION\n", stderr);
    return 2;
  }
  arguments.repository = argv[1];
  arguments.cache = argv[2];
  arguments.password = password;
  const auto result = Run(arguments);
  if (!result) fmt::print(stderr, "tree_scale: {}\n", result.error().message());
  return result ? 0 : 1;
}

}  // namespace
}  // namespace cairn

int main(int argc, char** argv) { return cairn::Main(argc, argv); }
