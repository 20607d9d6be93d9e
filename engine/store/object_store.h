// Objects by name, on a local disk or on somebody else's servers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/env/clock.h"
#include "engine/store/object_draft.h"
#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"
#include "repo-format/object_name.h"

namespace cairn {

struct ObjectInfo {
  ObjectName name;
  uint64_t size = 0;
  UnixNs modified = 0;  // by the store's own clock; 0 where it has none
};

using ListingWaves = std::vector<std::vector<std::string>>;  // prefixes

// What the medium must give (the protocol of SPEC section 13 rests on it), and what every backend is tested for:
//  - Put is atomic: a reader sees all of an object or none of it, and on return it survives a power cut.
//  - What was put is seen by every Get, Stat and List that begins after Put has returned, and what was removed by none.
//  - Put onto a filled name replaces it atomically. cairn does so in one place only: forget puts a fence over a
//    snapshot.
//  - PutIfAbsent: of several at one name exactly one returns true.
//  - Remove is durable on return; of an absent name it is success.
//  - List may be torn while others put and remove: what is there all the while is listed once.
//
// Safe for concurrent use. Every call ends: with a result or, after the backend's own time limit, an Error.
// Errors name the object; `transient` ones may be tried again by RetryStore.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  virtual Result<void> Put(const ObjectName& name, ByteSpan bytes) = 0;
  // For an object whose name is known last, as a pack's. A backend that can lets it grow on its disk; else it is in
  // memory, of which `bytes_expected` are set aside, and goes by Put. The store outlives it.
  virtual Result<std::unique_ptr<ObjectDraft>> NewDraft(uint64_t bytes_expected);
  // True: this call has filled the name. False: it was filled before.
  virtual Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) = 0;
  // kNotFound where it is absent. `size_max` guards memory: kCorrupt where the object is larger.
  virtual Result<Bytes> Get(const ObjectName& name, uint64_t size_max) = 0;
  // The same into `bytes`, in the memory that they have where the backend can: for who reads many large ones. On
  // failure they are empty.
  virtual Result<void> GetInto(const ObjectName& name, uint64_t size_max, Bytes& bytes) {
    bytes = Bytes();  // before there are others
    ASSIGN_OR_RETURN(bytes, Get(name, size_max));
    return {};
  }
  // Exactly `size` bytes; kCorrupt where the object ends before.
  virtual Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) = 0;
  // Every object whose name begins with `prefix` ("" or one that ends with "/"), in any order. Temporary files of the
  // backend itself are not objects; names that break ObjectName's rules are given to `stranger` (may be empty). An
  // Error of either ends the listing and is returned.
  using Each = std::function<Result<void>(const ObjectInfo&)>;
  using Stranger = std::function<Result<void>(const std::string&)>;
  virtual Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) = 0;
  virtual Result<void> Remove(const ObjectName& name) = 0;
  virtual Result<ObjectInfo> Stat(const ObjectName& name) = 0;

  // Removes what crashes have left that is no object (temporary files, unfinished uploads) and is too old to be of
  // somebody who is still at work. Best effort: what cannot be removed stays for the next time.
  virtual Result<void> CleanTemporary() { return {}; }

  // Each call takes a round trip over a network: several at once are quicker, and what is kept here saves one.
  virtual bool is_far() const { return false; }

  // Its user, who only reads until these are over, is about to list this: the prefixes of one wave in any order, each
  // wave after the one before. A far store may begin (AheadStore). Once.
  virtual void ListAhead(const ListingWaves& waves) { static_cast<void>(waves); }

  // Where several processes write at the same time more than one may win at a name (PutIfAbsent), or see old listings:
  // one at a time may. Calls of one process are as sound as elsewhere.
  virtual bool takes_one_writer() const { return false; }

  // Where it is not known that the server fills a name in one step (it may look first and write then), PutIfAbsent may
  // have told two at once that they were first: what decides something is read again.
  virtual bool may_have_two_winners() const { return takes_one_writer(); }

  // No larger object may be put. Who puts what can be cut cuts it smaller.
  virtual uint64_t object_bytes_max() const { return UINT64_MAX; }

  // How people name it: a path or URL, without secrets.
  virtual std::string description() const = 0;
};

}  // namespace cairn
