#include "engine/env/log.h"

namespace cairn {
namespace {

class Null : public Log {
 public:
  void Write(LogLevel, std::string_view) override {}
};

}  // namespace

Log& NullLog() {
  static Null log;
  return log;
}

}  // namespace cairn
