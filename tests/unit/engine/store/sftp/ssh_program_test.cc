#include "engine/store/sftp/ssh_program.h"

#include "tests/support/matchers.h"

namespace cairn::sftp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> Tail(const std::vector<std::string>& command, size_t count) {
  return {command.end() - static_cast<ptrdiff_t>(count), command.end()};
}

TEST(SshProgram, HostAndUserAreNoOptions) {
  const auto place = SftpPlace::Parse("sftp://me@host:2222//srv").value();
  const auto command = SshCommand(place, {});
  EXPECT_EQ(command.front(), "ssh");
  EXPECT_THAT(Tail(command, 8), ElementsAre("-p", "2222", "-l", "me", "-s", "--", "host", "sftp"));
  EXPECT_THAT(command, testing::Contains("BatchMode=yes"));
  EXPECT_THAT(Tail(SshCommand(SftpPlace::Parse("sftp:[::1]:srv").value(), {}), 5),
              ElementsAre("RequestTTY=no", "-s", "--", "::1", "sftp"));
}

TEST(SshProgram, TheUsersCommandsStandAsTheyAre) {
  const auto place = SftpPlace::Parse("sftp:host:srv").value();
  const auto command = SshCommand(place, {.ssh = {"/opt/ssh", "-F", "a b"}});
  EXPECT_EQ(command[0], "/opt/ssh");
  EXPECT_EQ(command[2], "a b");
  EXPECT_THAT(SshCommand(place, {.command = {"plink", "-s", "x"}}), ElementsAre("plink", "-s", "x"));
}

TEST(SshProgram, WhatMayPassIsTransient) {
  const auto place = SftpPlace::Parse("sftp://me@host:2222//srv").value();
  for (const std::string_view text :
       {"ssh: connect to host host port 2222: Connection refused",
        "ssh: connect to host host port 2222: No route to host",
        "ssh: connect to host host port 2222: Connection timed out", "kex_exchange_identification: Connection reset",
        "ssh: Could not resolve hostname host: Temporary failure in name resolution", ""}) {
    EXPECT_TRUE(SshFailure(place, text).transient()) << text;
  }
  for (const std::string_view text :
       {"Host key verification failed.",
        "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
        "me@host: Permission denied (publickey).", "ssh: Could not resolve hostname host: Name or service not known",
        "subsystem request failed on channel 0", "x: terminating, 1 bad configuration options",
        "Received disconnect from 127.0.0.1: Too many authentication failures"}) {
    EXPECT_FALSE(SshFailure(place, text).transient()) << text;
  }
}

TEST(SshProgram, ACertainChangeOfTheHostKeyNamesItsEntry) {
  const auto place = SftpPlace::Parse("sftp://me@host:2222//srv").value();
  EXPECT_THAT(SshFailure(place, "REMOTE HOST IDENTIFICATION HAS CHANGED").message(),
              testing::AllOf(HasSubstr("ssh-keygen -R '[host]:2222'"), HasSubstr("ssh -p 2222 me@host")));
}

TEST(SshProgram, ItsWordsBecomeOneBoundedLine) {
  EXPECT_EQ(OneLine("a\r\n\nb\x1b[0m\n"), "a; b\\x1b[0m");
  const std::string line = OneLine(std::string(5'000, 'a') + "end");
  EXPECT_LT(line.size(), 700U);
  EXPECT_TRUE(line.starts_with("...") && line.ends_with("end"));
}

}  // namespace
}  // namespace cairn::sftp
