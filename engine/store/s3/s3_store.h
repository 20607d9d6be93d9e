// A bucket of an S3 server as a store.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "engine/env/clock.h"
#include "engine/http/client.h"
#include "engine/store/object_holder.h"
#include "engine/store/object_locker.h"
#include "engine/store/object_store.h"
#include "engine/store/object_warmer.h"
#include "engine/store/s3/answers.h"
#include "engine/store/s3/place.h"
#include "engine/store/s3/sigv4.h"

namespace cairn::s3 {

// By which header an object is put only where there is none.
enum class CreateBy : uint8_t {
  kIfNoneMatch,      // If-None-Match: *, as Amazon has it
  kForbidOverwrite,  // x-oss-forbid-overwrite: true, as Alibaba has it: not minded in a bucket that keeps versions
  kGenerationMatch,  // x-goog-if-generation-match: 0, as Google has it: signed in its own dialect
};
std::string_view Name(CreateBy create);
// As Name has it; nothing else.
std::optional<CreateBy> ParseCreateBy(std::string_view text);
// By the server's name.
CreateBy CreateByOf(const Place& place);

struct Options {
  Place place;
  Credentials credentials;
  CreateBy create = CreateBy::kIfNoneMatch;
  std::string region{kFirstRegion};  // the server's word counts more: it is taken over where it differs
  // Of data packs; "" as the bucket has it. What is read in every run stays in the bucket's own class.
  std::string storage_class;
  std::string encryption;            // by the server: "", "AES256" or "aws:kms"
  std::string kms_key;               // of aws:kms; "": the account's own
  std::string lock_mode;             // "GOVERNANCE", "COMPLIANCE", or "": what is put may be removed
  std::chrono::seconds lock_for{0};  // with a mode: from when it is put
  bool takes_holds = false;          // a bucket that is made can hold objects, also without a mode
  // Of what is brought back from an archive: for how many days it can be read, and how soon ("Expedited", "Standard",
  // "Bulk").
  uint32_t restore_days = 7;
  std::string restore_tier = "Standard";
  http::ClientSettings client;
  // Told where the server says how long not to ask again (Retry-After). Any thread; may be empty.
  std::function<void(std::chrono::seconds)> hold_off;
};

// One request an object: a PUT is atomic up to 5 GiB, far beyond a pack, where an upload in parts is three requests and
// more, and is not bound to an empty name by every server. What is put carries its SHA-256, which the server compares.
// PutIfAbsent is a PUT with the header that CreateBy names. A clock that is wrong is corrected by the server's. "tmp/"
// below the prefix is not the repository's: nothing in it is an object.
//
// With a lock, what a repository consists of (packs, segments, snapshots, also forgotten ones that are kept, configs,
// keys) is put so that nobody can remove its version before the time is over. The bucket must be made for it, as
// MakeBucket does. A Remove hides such an object, and its version stays.
//
// Safe for concurrent use; borrows the clock. Errors name the URL, or the bucket.
class S3Store final : public ObjectStore, public ObjectLocker, public ObjectHolder, public ObjectWarmer {
 public:
  // Asks for nothing yet: what is wrong shows at the first call.
  static std::unique_ptr<S3Store> Open(Options options, const Clock& clock);
  // Makes the bucket where it is missing. Whether it does for a repository NeedOwnOrEmpty and ProbePutIfAbsent say.
  Result<void> MakeBucket();

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override;
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override;
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override;
  Result<void> Remove(const ObjectName& name) override;
  Result<ObjectInfo> Stat(const ObjectName& name) override;
  Result<bool> ExtendLock(const ObjectName& name) override;
  Result<void> Hold(const ObjectName& name) override;
  Result<bool> IsHeld(const ObjectName& name) override;
  Result<bool> IsVersionHeld(const ObjectVersion& version) override;
  Result<void> ListVersions(const std::function<Result<void>(const ObjectVersion&)>& each) override;
  Result<bool> Release(const ObjectVersion& version) override;
  Result<Warmth> LookAt(const ObjectName& name) override;
  Result<Warmth> WarmUp(const ObjectName& name) override;
  std::string terms() const override;
  bool is_far() const override { return true; }
  std::string description() const override { return options_.place.text(); }

  // Of what others have put there, under any name: keys are whole ones. A page of those that begin with `prefix`; the
  // first one where `token` is "".
  Result<ListedPage> ListKeys(const std::string& prefix, const std::string& token);
  // Exactly these bytes of an object with this ETag; kBusy where it has another one now. `size` is not 0.
  Result<Bytes> GetKeyRange(const std::string& key, const std::string& tag, uint64_t offset, uint64_t size);

 private:
  struct Call {
    std::string method;
    std::string key;  // "": the bucket
    std::vector<std::pair<std::string, std::string>> query = {};
    http::Headers headers = {};
    ByteSpan body = {};
    uint64_t answer_bytes_max = 0;
    bool is_range = false;
    Dialect dialect = Dialect::kAmazon;
  };

  // What a request is signed with; another thread may have learnt better meanwhile.
  struct Signer {
    std::string region;
    int64_t clock_error = 0;
  };

  S3Store(Options options, const Clock& clock);
  std::string KeyOf(const ObjectName& name) const { return options_.place.prefix + name.text(); }
  std::string UrlOf(const std::string& key) const;
  std::string UrlIn(const std::string& region, const std::string& key) const;
  Signer CurrentSigner() const;
  // Once more where the server says that the clock, or the region, is another.
  Result<http::Response> Send(const Call& call);
  Result<http::Response> SendOnce(const Call& call, const Signer& signer);
  // Whether the server said that what the request was signed with is wrong, and what is right: that is kept.
  bool CorrectClock(const Signer& used, const Failure& failure, const http::Response& response);
  bool CorrectRegion(const Signer& used, const Failure& failure);
  // The answer where it is a success, else what it means.
  Result<http::Response> Succeed(const Call& call);
  Result<http::Response> SuccessOf(const Call& call, http::Response response) const;
  Error Refused(const Call& call, const Failure& failure) const;
  Error MissingBy(const std::string& key, const std::string& version = "");
  http::Headers HeadersOfPut(std::string_view name, ByteSpan bytes) const;
  // When a lock ends that begins now, by the server's clock, as S3 writes it.
  std::string LockEnd() const;
  // Why a removal was refused, where it was by a lock or a hold.
  Error RefusedRemoval(const Call& removal, Error error);
  // What is set of an object beside its bytes: "retention", "legal-hold".
  struct Property {
    std::string_view name, root;  // in a query, of the answer's XML
    std::string_view action;      // that reads it, by its name in a policy
    std::atomic<bool>& is_known;  // that the server knows it
  };
  // Before the first PUT of one: to a server that does not know it that is the object, and takes its place.
  Result<void> NeedKnows(const Property& property, const std::string& key);
  Result<void> SetHold(const std::string& key, const std::string& version, bool is_held);
  // Of locks and holds.
  static Error LockRefused(const Failure& failure, const std::string& what, std::string_view action);
  Result<bool> LookForHold(const std::string& key, const std::string& version);
  // A PUT that fills an empty name only.
  Call Creation(const ObjectName& name, ByteSpan bytes) const;
  Result<void> NeedNoVersions(const http::Response& created) const;

  const Options options_;
  const Clock& clock_;
  http::Client client_;
  mutable std::mutex mutex_;
  Signer signer_;  // guarded by mutex_; clock_error: nanoseconds that the server is ahead of us
  std::atomic<bool> knows_retention_ = false, knows_holds_ = false;
};

}  // namespace cairn::s3
