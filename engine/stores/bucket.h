// What others have put into a bucket: read, and never written.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/stores/open_store.h"

namespace cairn {

struct BucketObject {
  std::string key;  // the whole one
  uint64_t size = 0;
  UnixNs modified = 0;  // 0: not said
  std::string tag;      // another one: other bytes
};

// Objects of any name, unlike those of an ObjectStore. Each request is tried again as a store's are. One thread.
class Bucket {
 public:
  virtual ~Bucket() = default;
  // Those below the prefix that the address names; where there are none, the one of that name. A page at a time is in
  // memory. In the order of their names.
  using Each = std::function<Result<void>(BucketObject object)>;
  virtual Result<void> List(const Each& each) = 0;
  // From its beginning to its end, in pieces of 8 MiB at most. kBusy where it was replaced since it was listed.
  using Take = std::function<Result<void>(ByteSpan piece)>;
  virtual Result<void> Read(const BucketObject& object, const Take& take) = 0;
  // How people name an object: as an address, of which the key is as it is.
  virtual std::string AddressOf(const std::string& key) const = 0;
};

// "s3:..." with a bucket.
bool NamesBucket(const std::string& address);
// Asks for nothing yet. Addresses and settings: those of a store.
Result<std::unique_ptr<Bucket>> OpenBucket(const std::string& address, const StoreSettings& settings,
                                           const StoreWorld& world);

}  // namespace cairn
