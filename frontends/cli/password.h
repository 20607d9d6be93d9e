// Where a password comes from.
#pragma once

#include <string>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn {

struct PasswordSources {
  std::string file;                // its first line
  std::string command;             // the first line that it prints; run by the shell
  std::string environment;         // name of a variable; "" none
  std::string keyring_repository;  // asked of the system's keyring by secret-tool; "" not asked
};

// The first of: file, command, environment, keyring, the terminal without echo (twice where `confirm`). The caller
// wipes. kInvalidArgument where there is none and no terminal to ask at.
Result<Bytes> ReadPassword(const PasswordSources& sources, const std::string& prompt, bool confirm);

}  // namespace cairn
