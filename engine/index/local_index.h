// Index over one table. Private to engine/index.
#pragma once

#include <atomic>
#include <shared_mutex>
#include <unordered_set>

#include "engine/index/copy_folder.h"
#include "engine/index/frame_cache.h"
#include "engine/index/index.h"
#include "engine/index/index_table.h"
#include "engine/index/neighbours.h"
#include "engine/index/pack_set.h"

namespace cairn {

class LocalIndex final : public Index {
 public:
  LocalIndex(const IndexOptions& options, std::unique_ptr<CopyFolder> folder);
  Result<void> OpenTable();

  Result<void> Sync(std::vector<SegmentId> listed, const LoadSegment& load, const JobContext& context) override;
  Result<void> AddPack(const SegmentPack& pack, const std::vector<PackSession>& sessions) override;
  Result<void> AddSegment(const SegmentId& id, const IndexSegment& segment) override;
  Result<void> Flush() override;
  void DropAddedPacks() override { packs_.DropAdded(); }
  void SetTombstones(const std::vector<PackName>& packs) override { packs_.SetTombstones(packs); }

  Result<bool> HasForWriter(const BlobId& id, std::optional<uint32_t> length) override;
  Result<std::vector<BlobLocation>> Find(const BlobId& id) override;
  std::vector<IndexedPack> Packs() override { return packs_.Sorted(); }
  std::optional<IndexedPack> FindPack(const PackName& name) override { return packs_.Find(name); }
  Result<std::vector<IndexedFrame>> Frames(uint32_t pack_number) override;
  Result<void> ForEachBlobOf(const IdShare& share, const EachBlob& each) override;
  std::vector<std::pair<PackName, SegmentId>> Removed() override {
    const std::shared_lock lock(rows_mutex_);
    return removed_;
  }
  uint64_t blob_count() override { return packs_.blob_count(); }
  std::vector<PackName> RemovedWithoutEntry() override {
    const std::shared_lock lock(rows_mutex_);
    return removed_without_entry_;
  }
  uint32_t next_number() override { return packs_.next_number(); }
  IndexGeneration generation() override {
    const std::shared_lock lock(rows_mutex_);
    return generation_;
  }
  bool goes_on() const override { return options_.goes_on; }
  bool is_private() const override { return folder_->is_private(); }

 private:
  struct Listing;  // what the segments of one listing say together

  // Sync.
  Result<void> SyncOnce(const std::vector<SegmentId>& listed, const LoadSegment& load, const JobContext& context);
  // Takes the rows of listed segments into `listing`; gives those that the copy lacks, and drops those not listed.
  Result<std::vector<SegmentId>> ReadKnown(const std::vector<SegmentId>& listed, Listing& listing);
  Result<void> LoadAll(const std::vector<SegmentId>& missing, const LoadSegment& load, const JobContext& context,
                       Listing& listing);
  // The first of those that are `left`, as many as go into a bulk; they are taken from it.
  Result<void> LoadInBulk(std::span<const SegmentId>& left, const LoadSegment& load, const JobContext& context,
                          Listing& listing);
  Result<void> PutInBulk(const SegmentId& id, const IndexSegment& segment, Listing& listing, IndexTable::Bulk& bulk);
  void ForgetPacks(const std::vector<uint32_t>& numbers);
  static Result<IndexSegment> Fetch(const SegmentId& id, const LoadSegment& load);
  // What `settled` has named keeps its rows. Rows go into `bulk` where there is one.
  Result<index_rows::SegmentRow> StorePacks(const IndexSegment& segment, Listing& listing, const Listing* settled,
                                            IndexTable::Bulk* bulk);
  Result<void> LoadOne(const SegmentId& id, const LoadSegment& load, Listing& listing, const Listing* settled);
  Result<void> ReloadUnresolved(const LoadSegment& load, const JobContext& context, Listing& listing);
  Result<bool> Settle(Listing& listing);  // whether a pack was dropped
  Result<void> MakeAnew(Log& log);
  void WriteNotes(Log& log);

  // Puts the rows of a pack where they are not there; its number. Where rows are there that were made from something
  // else DropOther takes them away before.
  Result<uint32_t> Store(const SegmentPack& pack, std::span<const PackSession> sessions, const PackDigest& digest,
                         IndexTable::Bulk* bulk);
  Result<bool> DropOther(const PackName& name, const PackDigest& digest);
  Result<void> LoadPacks();
  Result<void> BeginGeneration();
  // For a writer.
  bool Counts(const BlobPlace& place) const;
  void RememberNeighbours(const BlobPlace& place);
  Result<std::shared_ptr<const IndexedFrame>> CachedFrame(uint32_t pack, uint32_t frame);
  Result<BlobLocation> Locate(const BlobId& id, const IndexedPack& pack, const BlobPlace& place);
  bool IsRetired(uint32_t pack, uint32_t frame) const {
    return !retired_.empty() && retired_.contains(static_cast<uint64_t>(pack) << 32 | frame);
  }
  // Remembers that the copy is damaged, where this says so: the next Sync, or the next process, makes it anew.
  template <class T>
  Result<T> Noting(Result<T> result) {
    if (!result && result.error().code() == ErrorCode::kCorrupt) NoteDamage();
    return result;
  }
  void NoteDamage();
  // For those who use the index, where kCorrupt and kNotFound would be the repository's.
  template <class T>
  static Result<T> OfTheCopy(Result<T> result) {
    if (result || !IsLoss(result.error().code())) return result;
    return MakeError(ErrorCode::kIo, "{}: this machine's copy is damaged, not the repository; it is made anew",
                     result.error().message());
  }
  // There is none after it could not be made anew.
  Result<void> NeedTable() const {
    if (table_ != nullptr) return {};
    return MakeError(ErrorCode::kIo, "the local copy of the index in {} could not be made anew", folder_->table());
  }
  Result<std::vector<BlobLocation>> Locations(const BlobId& id);
  Result<std::vector<IndexedFrame>> FramesOf(uint32_t pack_number);
  Result<void> Walk(const IdShare& share, const EachBlob& each, bool* is_damage);

  const IndexOptions options_;
  const std::unique_ptr<CopyFolder> folder_;
  std::unique_ptr<IndexTable> table_;  // goes before its folder does
  PackSet packs_;
  FrameCache frames_;
  Neighbours neighbours_;
  std::atomic<bool> damaged_ = false;
  // Exclusive while rows are taken away (or the whole table is), shared while they are looked for and put: what was
  // found in `packs_` has its rows then. ForEachBlobOf does without, by its contract.
  mutable std::shared_mutex rows_mutex_;
  IndexGeneration generation_ = {};                      // guarded by rows_mutex_
  std::unordered_set<uint64_t> retired_;                 // guarded by rows_mutex_: pack number << 32 | frame
  std::vector<std::pair<PackName, SegmentId>> removed_;  // guarded by rows_mutex_
  std::vector<PackName> removed_without_entry_;          // guarded by rows_mutex_
  // Only Open and Sync change these.
  bool may_copy_shared_ = true;
  std::vector<std::string> notes_;  // for the log of the next Sync
};

}  // namespace cairn
