// Verified reads of blobs, with a bounded cache of opened frames.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>

#include "engine/codec/frame_codec.h"
#include "engine/env/finding.h"
#include "engine/repo/blob_ends.h"
#include "engine/repo/repository.h"
#include "engine/repo/run_metadata.h"

namespace cairn {

// Safe for concurrent use. Borrows repository and index. A location that fails is told to `findings`, and the others
// are tried; where none is left the index is brought into step once (something was repacked meanwhile), and tried
// again.
class BlobReader : public BlobSource {
 public:
  // Metadata may come out of this machine's cache of a far store, unless it is the store that is asked about: then
  // packs are fetched for this reader alone.
  enum class Metadata : uint8_t { kMayBeCached, kOfTheStore };
  BlobReader(const Repository& repository, Index& index, const JobContext& context, uint64_t cache_bytes,
             FindingSink findings = {}, Metadata metadata = Metadata::kMayBeCached);
  Result<std::shared_ptr<const Bytes>> ReadBlob(BlobKind kind, const BlobId& id) override;
  // In the plaintext of its frame.
  Result<BlobView> ViewBlob(BlobKind kind, const BlobId& id) override;
  Digest MetadataHash(std::string_view label, std::initializer_list<ByteSpan> parts) const override;

  // The plaintext of a whole frame from the store, verified; not through the cache.
  Result<std::shared_ptr<const Bytes>> OpenFrameAt(const BlobLocation& location);
  // The same from sealed bytes that the caller has fetched (a coalesced range). `only`: as in OpenFrame.
  Result<Bytes> OpenSealed(const BlobLocation& location, ByteSpan sealed,
                           const std::optional<BlobNumbers>& only = std::nullopt);
  // Several of one kind (a CHECK): opens them by twos, which is quicker, and gives each with its number in `frames` in
  // their order, until `each` says false. Memory: of two frames, or one that is longer than usual.
  static constexpr size_t kFramesTogether = 2;  // enough for two lanes of SHA-256
  struct Sealed {
    BlobLocation location;
    ByteSpan bytes;
    std::optional<BlobNumbers> only;
  };
  using EachOpened = std::function<bool(size_t number, Result<Bytes> plain)>;
  void OpenSealedEach(std::span<const Sealed> frames, const EachOpened& each);

  // For who knows that there is something new to be read, and not to be looked for in vain first.
  Result<void> BringIndexIntoStep();

  uint64_t frames_read() const { return frames_read_; }

 private:
  std::vector<Result<Bytes>> OpenTogether(std::span<const Sealed> frames) const;

  struct Key {
    uint32_t pack = 0;  // its number: under another one its frames may be others
    uint32_t frame = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const {
      return std::hash<uint64_t>()(static_cast<uint64_t>(key.pack) << 32 | key.frame);
    }
  };
  struct Cached {
    Key key;
    BlobKind kind = BlobKind::kData;
    std::shared_ptr<const Bytes> plain;
    std::shared_ptr<const FrameEntry> entry;
    uint64_t bytes() const;
  };
  struct Part {  // of a cached frame
    std::list<Cached>::iterator frame;
    uint32_t offset = 0, length = 0;
  };
  struct Opening {  // a frame that a thread is about to open; without a result until then
    std::optional<Result<std::shared_ptr<const Bytes>>> plain;
  };
  struct Attempt {
    bool any = false;                    // location of this kind
    bool may_be_stale = false;           // what the index says may no longer be so
    std::vector<uint32_t> missing = {};  // numbers of packs that are not there
  };
  bool MayBeStale(const Attempt& attempt);
  void TellOtherCopy(const BlobLocation& location, const BlobId& id, const Error& error);
  static Error Gone(BlobKind kind, const BlobId& id, const Error& why);
  Result<BlobView> TryLocations(BlobKind kind, const BlobId& id, Attempt* attempt);
  Result<bool> SyncSince(uint64_t begun_before);
  Result<void> SyncNow();  // sync_mutex_ is held
  Result<std::shared_ptr<const Bytes>> FrameThroughCache(const BlobLocation& location);
  Result<std::shared_ptr<const Bytes>> OpenCachedFrame(const BlobLocation& location);
  std::optional<BlobView> FindCached(BlobKind kind, const BlobId& id);
  void Remember(Cached frame);  // mutex_ is held
  void DropOldest();            // mutex_ is held

  const Repository& repository_;
  Index& index_;
  const JobContext& context_;
  const uint64_t cache_bytes_max_;
  const FindingSink findings_;
  std::mutex findings_mutex_;                        // held while it is called
  const std::unique_ptr<RunMetadata> run_metadata_;  // may be nullptr
  MetadataCache* const metadata_cache_;              // nullptr: not asked
  std::mutex mutex_;
  std::list<Cached> recent_;                                              // guarded by mutex_; newest first
  std::unordered_map<Key, std::list<Cached>::iterator, KeyHash> by_key_;  // guarded by mutex_
  // Guarded by mutex_. What was written together is asked for together: the index need not be asked for each.
  std::unordered_map<BlobId, Part> by_id_;
  uint64_t cache_bytes_ = 0;                                            // guarded by mutex_
  std::unordered_map<Key, std::shared_ptr<Opening>, KeyHash> opening_;  // guarded by mutex_
  std::condition_variable opened_;
  std::set<uint32_t> gone_;  // guarded by mutex_: packs that are missing, and not for want of a newer index
  std::mutex sync_mutex_;    // held while the store is asked: by who needs a newer index, and nobody else
  std::atomic<uint64_t> syncs_begun_{0};   // changes with sync_mutex_ held
  uint64_t last_sync_number_ = 0;          // guarded by sync_mutex_: of those, the last that came to its end
  std::chrono::nanoseconds last_sync_{0};  // guarded by sync_mutex_; on the steady clock
  std::atomic<uint64_t> frames_read_{0};
};

}  // namespace cairn
