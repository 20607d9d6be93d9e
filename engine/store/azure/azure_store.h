// A container of Azure Blob Storage as a store.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "engine/env/clock.h"
#include "engine/env/random.h"
#include "engine/http/client.h"
#include "engine/store/azure/answers.h"
#include "engine/store/azure/credentials.h"
#include "engine/store/azure/place.h"
#include "engine/store/object_store.h"
#include "engine/store/object_warmer.h"

namespace cairn::azure {

struct Options {
  Place place;
  Credentials credentials;
  // Of data packs: "Hot", "Cool", "Cold" or "Archive"; "" as the account has it. What is read in every run stays in its
  // own tier.
  std::string access_tier;
  std::string rehydrate_priority = "Standard";  // of what is moved from the archive tier to Hot; or "High"
  http::ClientSettings client;
};

// One request an object: a Put Blob is atomic, and may have 5,000 MiB. What is put carries its MD5, which the server
// compares. PutIfAbsent is If-None-Match, which is answered by BlobAlreadyExists. A clock that is wrong is corrected by
// the server's. "tmp/" below the prefix is not the repository's: nothing in it is an object.
//
// Safe for concurrent use; borrows the clock. Errors name the URL, or the container.
class AzureStore final : public ObjectStore, public ObjectWarmer {
 public:
  // Asks for nothing yet: what is wrong shows at the first call.
  static std::unique_ptr<AzureStore> Open(Options options, const Clock& clock);
  // Makes the container where it is missing. Whether it does for a repository NeedOwnOrEmpty and ProbePutIfAbsent say.
  Result<void> MakeContainer();

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override;
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override;
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override;
  Result<void> Remove(const ObjectName& name) override;
  Result<ObjectInfo> Stat(const ObjectName& name) override;
  Result<Warmth> LookAt(const ObjectName& name) override;
  Result<Warmth> WarmUp(const ObjectName& name) override;
  std::string terms() const override;
  bool is_far() const override { return true; }
  std::string description() const override { return options_.place.text(); }

 private:
  struct Call {
    std::string method;
    std::string blob;  // "": the container
    std::vector<std::pair<std::string, std::string>> query = {};
    http::Headers headers = {};
    ByteSpan body = {};
    uint64_t answer_bytes_max = 0;
    bool is_range = false;
  };

  AzureStore(Options options, const Clock& clock);
  std::string BlobOf(const ObjectName& name) const { return options_.place.prefix + name.text(); }
  std::string UrlOf(const std::string& blob) const;
  // Once more where the server's clock is another.
  Result<http::Response> Send(const Call& call);
  Result<http::Response> SendOnce(const Call& call);
  bool CorrectClock(const http::Response& response);
  // The answer where it is a success, else what it means.
  Result<http::Response> Succeed(const Call& call);
  Error MissingBy(const std::string& blob);
  Result<http::Response> SuccessOf(const Call& call, http::Response response) const;
  Call CallOfPut(const std::string& blob, std::string_view name, ByteSpan bytes) const;
  Result<bool> Holds(const Call& put);
  Result<ListedPage> Page(std::string_view prefix, const std::string& marker);

  const Options options_;
  const Clock& clock_;
  http::Client client_;
  std::atomic<int64_t> clock_error_{0};  // nanoseconds that the server is ahead of us
};

}  // namespace cairn::azure
