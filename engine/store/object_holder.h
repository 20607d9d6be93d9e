// Objects that nobody can remove until somebody says that they may be: legal holds.
#pragma once

#include <functional>
#include <string>

#include "repo-format/base/result.h"
#include "repo-format/object_name.h"

namespace cairn {

struct ObjectVersion {
  ObjectName name;
  std::string id;  // of the store's
};

// Of a store that keeps each version of an object, and knows such holds; they have no end. Safe for concurrent use.
class ObjectHolder {
 public:
  virtual ~ObjectHolder() = default;
  // Nobody can remove what is there now. To hold it twice is no error. kNotFound where it is absent; kUnsupported where
  // the store does not know holds, and nothing is changed.
  virtual Result<void> Hold(const ObjectName& name) = 0;
  // What is there now. kNotFound where it is absent.
  virtual Result<bool> IsHeld(const ObjectName& name) = 0;
  // Each version of each object, also of those that were removed since: a removal only hides what is held.
  virtual Result<void> ListVersions(const std::function<Result<void>(const ObjectVersion&)>& each) = 0;
  // kNotFound where it is absent.
  virtual Result<bool> IsVersionHeld(const ObjectVersion& version) = 0;
  // True: it was held until now. kNotFound where it is absent.
  virtual Result<bool> Release(const ObjectVersion& version) = 0;
};

}  // namespace cairn
