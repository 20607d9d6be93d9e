#include "engine/index/table_state.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>
#include <rocksdb/write_buffer_manager.h>

#include <filesystem>

#include "repo-format/base/units.h"

namespace cairn {
namespace {

// Files stay open up to this many; a copy of 100 million blobs has about 150.
constexpr int kOpenFilesMax = 256;
// What is not there is told by filters, and where a row is by indexes. They grow with the copy: without room for all of
// them each look-up reads a piece of them again.
constexpr uint64_t kFilterBitsABlob = 14;  // 7 to 8 of it for the filter, the rest for the indexes, and room
constexpr uint64_t kFilterBytesMax = 256 * kMiB;
constexpr uint64_t kCacheBytesABlob = 2;  // of rows themselves, until the memory that is given is used
constexpr double kFiltersShare = 0.8;     // of the cache, which rows do not push out
// By as many threads that look up at once. In RocksDB 8.4 to 8.6 an iterator that is refreshed may miss what is new
// (its pull request 11452; mended by 11848).
constexpr bool kMayKeepLookups = ROCKSDB_MAJOR != 8 || ROCKSDB_MINOR < 4 || ROCKSDB_MINOR > 6;
constexpr size_t kLookupsKept = kMayKeepLookups ? 4 : 0;

// RocksDB writes about itself into a file that grows, unless it has somebody to tell.
class SilentLogger : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::DBOptions DatabaseOptions(uint64_t memory_bytes, const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.atomic_flush = true;  // without a log this makes what a crash leaves the state after some write
  options.max_open_files = kOpenFilesMax;
  options.max_file_opening_threads = 1;
  options.max_background_jobs = 2;
  options.max_subcompactions = 2;
  options.max_manifest_file_size = kMiB;  // others copy it
  options.info_log = std::make_shared<SilentLogger>();
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.skip_stats_update_on_db_open = true;
  options.bytes_per_sync = kMiB;
  options.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(memory_bytes / 2, cache);
  return options;
}

rocksdb::ColumnFamilyOptions FamilyOptions(uint64_t write_buffer_bytes, rocksdb::BlockBasedTableOptions table) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = write_buffer_bytes;
  options.compression = rocksdb::kNoCompression;  // LZ4 saves 8 %, and costs a tenth of the look-ups
  options.level_compaction_dynamic_level_bytes = true;
  // Reads may become slower for a while; a backup never waits for the sorting of its cache.
  options.level0_slowdown_writes_trigger = options.level0_stop_writes_trigger = 1 << 30;
  options.soft_pending_compaction_bytes_limit = options.hard_pending_compaction_bytes_limit = 0;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// Indexes and filters are cut in pieces that come and go through the cache, so memory does not grow with the copy.
rocksdb::BlockBasedTableOptions PlainTable(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.format_version = 5;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.metadata_block_size = 4 * kKiB;
  table.cache_index_and_filter_blocks = true;
  table.pin_top_level_index_and_filter = true;
  return table;
}

rocksdb::ColumnFamilyOptions BlobOptions(uint64_t write_buffer_bytes, const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table = PlainTable(cache);
  table.partition_filters = true;
  table.whole_key_filtering = false;  // it is asked for ids, and a key has a pack's number behind it
  table.filter_policy.reset(rocksdb::NewRibbonFilterPolicy(10));
  rocksdb::ColumnFamilyOptions options = FamilyOptions(write_buffer_bytes, table);
  options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(BlobId::kSize));
  options.memtable_prefix_bloom_size_ratio = 0.05;
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> Families(uint64_t memory_bytes,
                                                      const std::shared_ptr<rocksdb::Cache>& cache,
                                                      const std::shared_ptr<const DroppedPacks>& dropped) {
  const uint64_t large = memory_bytes / 4, small = memory_bytes / 16;
  const rocksdb::BlockBasedTableOptions table = PlainTable(cache);
  rocksdb::ColumnFamilyOptions blobs = BlobOptions(large, cache), frames = FamilyOptions(large, table);
  blobs.compaction_filter_factory = LeaveOutDropped(dropped, BlobId::kSize);
  frames.compaction_filter_factory = LeaveOutDropped(dropped, 0);
  return {{rocksdb::kDefaultColumnFamilyName, FamilyOptions(small, table)},
          {"blobs", blobs},
          {"packs", FamilyOptions(small, table)},
          {"frames", frames},
          {"segments", FamilyOptions(small, table)}};
}

}  // namespace

Result<std::unique_ptr<IndexTable::State>> IndexTable::State::Open(const Options& options, bool* is_new) {
  std::error_code ignored;
  *is_new = !std::filesystem::exists(options.folder + "/CURRENT", ignored);
  const uint64_t small = options.memory_bytes / 2;  // the other half is for many rows: FitCache
  const auto cache = rocksdb::NewLRUCache(small, /*num_shard_bits=*/-1, /*strict_capacity_limit=*/false, kFiltersShare);
  auto state = std::make_unique<State>();
  state->folder = options.folder;
  state->cache = cache;
  state->cache_bytes_min = small;
  std::filesystem::remove_all(state->BulkFolder(), ignored);  // of a process that died
  rocksdb::DBOptions database = DatabaseOptions(small, cache);
  database.avoid_flush_during_shutdown = options.is_temporary;
  rocksdb::DB* db = nullptr;
  const auto families = Families(small, cache, state->dropped);
  const rocksdb::Status status = rocksdb::DB::Open(database, options.folder, families, &state->families, &db);
  state->db.reset(db);
  // Families that are missing or too many, files of a newer RocksDB: another layout.
  if (status.IsInvalidArgument() || status.IsNotSupported()) {
    return Corrupt("index copy in {}: {}", options.folder, status.ToString());
  }
  RETURN_IF_ERROR(ToResult(status, options.folder));
  state->FitCache();
  return state;
}

void IndexTable::State::FitCache() const {
  const uint64_t rows = EstimateRows(Family::kBlobs, kBlobRowBytes);
  const uint64_t filter_bytes = std::min(rows * kFilterBitsABlob / 8, kFilterBytesMax);
  cache->SetCapacity(cache_bytes_min + std::min(rows * kCacheBytesABlob, cache_bytes_min) + filter_bytes);
}

uint64_t IndexTable::State::EstimateRows(Family which, uint64_t row_bytes) const {
  uint64_t bytes = 0;
  db->GetIntProperty(family(which), rocksdb::DB::Properties::kLiveSstFilesSize, &bytes);
  return bytes / row_bytes;
}

IndexTable::State::~State() {
  lookups.clear();
  for (rocksdb::ColumnFamilyHandle* handle : families) {
    static_cast<void>(db->DestroyColumnFamilyHandle(handle));
  }
  if (db != nullptr) static_cast<void>(db->Close());
}

rocksdb::ReadOptions IndexTable::State::ScanOptions() {
  rocksdb::ReadOptions options;
  options.total_order_seek = true;
  options.fill_cache = false;
  options.readahead_size = kMiB;
  return options;
}

std::unique_ptr<rocksdb::Iterator> IndexTable::State::NewIterator(const rocksdb::ReadOptions& options,
                                                                  Family which) const {
  return std::unique_ptr<rocksdb::Iterator>(db->NewIterator(options, family(which)));
}

// The one that lay longest, so that none keeps an old state for long.
std::unique_ptr<rocksdb::Iterator> IndexTable::State::TakeBlobLookup() const {
  std::unique_ptr<rocksdb::Iterator> lookup;
  {
    const std::lock_guard lock(lookups_mutex);
    if (!lookups.empty()) {
      lookup = std::move(lookups.front());
      lookups.pop_front();
    }
  }
  if (lookup != nullptr && lookup->Refresh().ok()) return lookup;
  rocksdb::ReadOptions options;
  options.prefix_same_as_start = true;
  options.ignore_range_deletions = true;  // there are none, and Refresh would look for them
  return NewIterator(options, Family::kBlobs);
}

void IndexTable::State::GiveBack(std::unique_ptr<rocksdb::Iterator> lookup) const {
  const std::lock_guard lock(lookups_mutex);
  if (lookups.size() < kLookupsKept) lookups.push_back(std::move(lookup));
}

void IndexTable::State::DropLookups() const {
  std::deque<std::unique_ptr<rocksdb::Iterator>> gone;  // which may remove files, not under the lock
  const std::lock_guard lock(lookups_mutex);
  gone.swap(lookups);
}

Result<void> IndexTable::State::Get(Family which, const rocksdb::Slice& key, rocksdb::PinnableSlice* value) const {
  const rocksdb::Status status = db->Get(rocksdb::ReadOptions(), family(which), key, value);
  if (status.IsNotFound()) return Corrupt("index copy in {} lacks row {}", folder, key.ToString(true));
  return ToResult(status);
}

Result<void> IndexTable::State::ToResult(const rocksdb::Status& status, const std::string& folder) {
  if (status.ok()) return {};
  ErrorCode code = ErrorCode::kIo;
  if (status.IsNoSpace()) code = ErrorCode::kNoSpace;
  // A file that is gone is damage too.
  if (status.IsCorruption() || status.IsPathNotFound()) code = ErrorCode::kCorrupt;
  return MakeError(code, "index copy in {}: {}", folder, status.ToString());
}

}  // namespace cairn
