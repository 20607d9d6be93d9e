// A store of which it is known whether it is still there.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "engine/store/store_decorator.h"

namespace cairn {

// Tells an object that cannot be read from a store that is away: gone, out of reach, or one that lets nothing be read
// any more (keys that are over). When a call fails, or a pack is not there, a config that was listed before is asked
// for; where that cannot be had, the error is kStoreAway. Until a call succeeds each further failure is the same error,
// with the text of the first one, and asks for nothing. Before a config was listed all errors are the base's.
//
// Stands above what tries again: nothing is asked for before that has given up. Safe for concurrent use.
class PresenceStore final : public StoreDecorator {
 public:
  explicit PresenceStore(std::unique_ptr<ObjectStore> base) : StoreDecorator(std::move(base)) {}
  explicit PresenceStore(ObjectStore& base) : StoreDecorator(base) {}  // borrows it

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<std::unique_ptr<ObjectDraft>> NewDraft(uint64_t bytes_expected) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override;
  Result<void> GetInto(const ObjectName& name, uint64_t size_max, Bytes& bytes) override;
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override;
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override;
  Result<void> Remove(const ObjectName& name) override;
  Result<ObjectInfo> Stat(const ObjectName& name) override;

 private:
  class Draft;
  template <class T>
  Result<T> Judged(Result<T> result, const ObjectName* read = nullptr);
  // Where success says nothing of the store: it may have been in memory.
  template <class T>
  Result<T> JudgedIfFailed(Result<T> result);
  // `read`: what was to be read; nullptr: nothing.
  Error Judge(Error error, const ObjectName* read);

  std::atomic<bool> is_away_ = false;
  std::mutex mutex_;
  std::optional<ObjectName> witness_;  // guarded by mutex_, as what follows
  std::optional<Error> away_;
};

}  // namespace cairn
