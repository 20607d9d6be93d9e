#include "engine/store/azure/credentials.h"

#include "engine/http/base64.h"

namespace cairn::azure {

Result<Credentials> FindCredentials(const Environment& environment) {
  Credentials found;
  if (const std::string key = environment("AZURE_ACCOUNT_KEY"); !key.empty()) {
    auto decoded = http::Base64Decode(key);
    if (!decoded) return Error(ErrorCode::kInvalidArgument, "AZURE_ACCOUNT_KEY is no key: it is not Base64");
    found.key = *std::move(decoded);
    return found;
  }
  found.sas = environment("AZURE_ACCOUNT_SAS");
  if (found.sas.starts_with('?')) found.sas.erase(0, 1);
  if (found.sas.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "there is no key for the Azure store: set AZURE_ACCOUNT_KEY, or AZURE_ACCOUNT_SAS to a shared access "
                 "signature");
  }
  if (found.sas.find("sig=") == std::string::npos || found.sas.find_first_of(" \t\r\n#") != std::string::npos) {
    return Error(ErrorCode::kInvalidArgument, "AZURE_ACCOUNT_SAS is no shared access signature: sv=...&sig=...");
  }
  return found;
}

}  // namespace cairn::azure
