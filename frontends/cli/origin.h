// Who makes a snapshot: what it says of its host and user.
#pragma once

#include "repo-format/base/bytes.h"

namespace cairn {

Bytes HostName();  // empty where the system does not say
Bytes UserName();  // of the effective user; the number where there is no name

}  // namespace cairn
