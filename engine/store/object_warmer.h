// Objects that a store keeps in an archive, and has to bring back before they can be read.
#pragma once

#include <cstdint>
#include <string>

#include "repo-format/base/result.h"
#include "repo-format/object_name.h"

namespace cairn {

// Whether an object can be read: at once, after the time that bringing it back takes, or after that was asked for.
enum class Warmth : uint8_t { kWarm, kWarming, kCold };

// Of a store with such a storage class. Safe for concurrent use.
class ObjectWarmer {
 public:
  virtual ~ObjectWarmer() = default;
  // kNotFound where it is absent.
  virtual Result<Warmth> LookAt(const ObjectName& name) = 0;
  // Asks for it. To have asked before, or where nothing is to be asked, is no error. kWarm or kWarming. kNotFound where
  // it is absent.
  virtual Result<Warmth> WarmUp(const ObjectName& name) = 0;
  // How long it takes and lasts, for people.
  virtual std::string terms() const = 0;
};

}  // namespace cairn
