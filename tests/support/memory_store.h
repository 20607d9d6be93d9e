// The store that every other is compared with.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "engine/store/object_store.h"

namespace cairn {

// Objects in memory, one lock, no surprises. Safe for concurrent use; callbacks are called without the lock.
class MemoryStore final : public ObjectStore {
 public:
  explicit MemoryStore(const Clock& clock = SystemClock()) : clock_(clock) {}

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override;
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override;
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override;
  Result<void> Remove(const ObjectName& name) override;
  Result<ObjectInfo> Stat(const ObjectName& name) override;
  std::string description() const override { return "memory"; }

  // All of it, by name: to compare, to copy, to put back.
  std::map<std::string, Bytes> Contents() const;
  void SetContents(const std::map<std::string, Bytes>& contents);
  // Changes the bytes of an object behind everybody's back; false where it is absent.
  bool Damage(const ObjectName& name, const std::function<void(Bytes&)>& change);
  // A file that is nobody's, which List tells as a stranger.
  void AddStranger(const std::string& name);

 private:
  struct Object {
    Bytes bytes;
    UnixNs modified = 0;
  };

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Object, std::less<>> objects_;  // guarded by mutex_
  std::set<std::string, std::less<>> strangers_;        // guarded by mutex_
};

}  // namespace cairn
