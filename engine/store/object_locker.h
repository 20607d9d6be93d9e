// Objects that nobody can remove for a time.
#pragma once

#include "repo-format/base/result.h"
#include "repo-format/object_name.h"

namespace cairn {

// Of a store that puts what a repository consists of under such a lock. Safe for concurrent use.
class ObjectLocker {
 public:
  virtual ~ObjectLocker() = default;
  // Where less than half of its time is left of an object's lock, it lasts from now on as if the object had just been
  // put: true. False: more was left, or objects of such a name are not locked. kNotFound where it is absent.
  virtual Result<bool> ExtendLock(const ObjectName& name) = 0;
};

}  // namespace cairn
