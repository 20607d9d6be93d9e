// Where a password comes from.
#pragma once

#include <stop_token>
#include <string>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn {

struct PasswordSources {
  std::string file;                // its first line
  std::string command;             // the first line that it prints; run by the shell
  std::string environment;         // name of a variable; "" none
  std::string keyring_repository;  // asked of the system's keyring by secret-tool; "" not asked
  // The options that fill the first two, for messages; "" where there is none.
  std::string file_option, command_option;
  std::string Names() const;  // "CAIRN_PASSWORD, --password-file"
};

// The first of: file, command, environment, keyring, the terminal without echo (twice where `confirm`). The caller
// wipes. kInvalidArgument where there is none and no terminal to ask at; kInterrupted by `stop`, with the terminal as
// it was.
Result<Bytes> ReadPassword(const PasswordSources& sources, const std::string& prompt, bool confirm,
                           const std::stop_token& stop);

}  // namespace cairn
