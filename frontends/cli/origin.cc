#include "frontends/cli/origin.h"

#include <fmt/core.h>
#include <pwd.h>
#include <unistd.h>

#include <string>

namespace cairn {

Bytes HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? ToBytes(AsBytes(name)) : Bytes();
}

Bytes UserName() {
  const passwd* user = getpwuid(geteuid());
  return ToBytes(AsBytes(user != nullptr ? std::string(user->pw_name) : fmt::format("{}", geteuid())));
}

}  // namespace cairn
