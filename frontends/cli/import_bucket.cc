#include "frontends/cli/import_bucket.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <tuple>

#include "engine/repo/time_text.h"
#include "frontends/import/backup_name.h"

namespace cairn {
namespace {

constexpr size_t kFilesMax = 1'000'000;  // of which each takes some 300 bytes
constexpr std::array<std::string_view, 3> kEndings = {"-wal", "-shm", "-journal"};

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

WireTime ExpectedTime(const std::string& path, const WireTime& modified, const Clock& clock) {
  const auto written = import::ReadBackupName(path).time;
  if (!written) return modified;
  const auto time = ParseTime(*written, clock);
  return time ? *time : modified;
}

// The database of which this would be a part; "" of every other.
std::string DatabaseOf(const std::string& key) {
  for (const std::string_view ending : kEndings) {
    if (key.ends_with(ending)) return key.substr(0, key.size() - ending.size());
  }
  return "";
}

}  // namespace

Result<std::unique_ptr<Bucket>> OpenBucketAt(Cli& cli, const std::string& address) {
  const StoreWorld world{.files = PosixFileSystem(),
                         .clock = SystemClock(),
                         .random = SystemRandom(),
                         .stop = cli.stop(),
                         .environment = Variable,
                         .retry_notice = [&cli](const Error& error, std::chrono::nanoseconds pause) {
                           cli.context().log.Warning("{}; trying again in {:.1f} s", error.message(),
                                                     std::chrono::duration<double>(pause).count());
                         }};
  StoreSettings settings;
  for (const std::string& one : cli.global.store_settings) RETURN_IF_ERROR(AddStoreSetting(settings, one));
  return OpenBucket(address, settings, world);
}

Result<std::vector<BucketFile>> FilesOfBucket(Bucket& bucket, const Clock& clock) {
  std::vector<BucketFile> files;
  std::set<std::string> of_databases;  // keys of what may be beside one
  RETURN_IF_ERROR(bucket.List([&](BucketObject object) -> Result<void> {
    if (object.key.ends_with('/')) return {};
    if (files.size() == kFilesMax) {
      return MakeError(ErrorCode::kUnsupported, "{} has more than {} objects: name a longer prefix",
                       bucket.AddressOf(""), kFilesMax);
    }
    if (!DatabaseOf(object.key).empty()) of_databases.insert(object.key);
    BucketFile file{.object = std::move(object), .path = {}, .modified = {}, .expected = {}};
    file.path = bucket.AddressOf(file.object.key);
    file.modified = ToWireTime(file.object.modified);
    file.expected = ExpectedTime(file.path, file.modified, clock);
    files.push_back(std::move(file));
    return {};
  }));
  std::set<std::string> keys_of_databases;
  for (const std::string& key : of_databases) keys_of_databases.insert(DatabaseOf(key));
  std::set<std::string> has_log;
  for (BucketFile& file : files) {
    file.has_log = keys_of_databases.contains(file.object.key);
    if (file.has_log) has_log.insert(file.object.key);
  }
  std::erase_if(files, [&](const BucketFile& file) { return has_log.contains(DatabaseOf(file.object.key)); });
  std::ranges::sort(files, [](const BucketFile& a, const BucketFile& b) {
    return std::tie(a.expected, a.path) < std::tie(b.expected, b.path);
  });
  return files;
}

Result<std::shared_ptr<const import::Original>> FetchFile(Bucket& bucket, const BucketFile& file) {
  if (file.has_log) {
    return Error(
        ErrorCode::kUnsupported,
        "beside it is a log or a journal, which may hold its last changes: bring both into a folder, and import "
        "that");
  }
  return import::Original::Fetch(file.path, file.object.size, file.modified,
                                 [&](const import::Original::Take& take) { return bucket.Read(file.object, take); });
}

}  // namespace cairn
