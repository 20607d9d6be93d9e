// The system's ssh as a transport: its arguments, and what it says when it fails.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/store/sftp/sftp_options.h"
#include "engine/store/sftp/sftp_place.h"

namespace cairn::sftp {

// The user's ssh configuration, agent, known hosts and jump hosts count. Nothing is asked at a terminal, nothing is
// forwarded, and a dead network is noticed within a minute.
std::vector<std::string> SshCommand(const SftpPlace& place, const SftpOptions& options);

// Why ssh has ended before a session was there, by the end of what it wrote to its standard error: in plain words, with
// the way out, and its own words behind. Transient where it is the network, or a server that does not answer.
Error SshFailure(const SftpPlace& place, std::string_view errors);

// What a program wrote, on one line, with its end kept where it is long; unprintable bytes as \xNN.
std::string OneLine(std::string_view text);

}  // namespace cairn::sftp
