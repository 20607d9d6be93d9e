// Who asks an Azure store.
#pragma once

#include <functional>
#include <string>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn::azure {

// One of the two; neither is ever printed.
struct Credentials {
  Bytes key;        // of the account, decoded
  std::string sas;  // a shared access signature: a query without its "?"
};

// A variable of the environment, "" where it is not set.
using Environment = std::function<std::string(const char* name)>;

// AZURE_ACCOUNT_KEY, else AZURE_ACCOUNT_SAS. kInvalidArgument where there is none, saying what to set, or where it is
// none.
Result<Credentials> FindCredentials(const Environment& environment);

}  // namespace cairn::azure
