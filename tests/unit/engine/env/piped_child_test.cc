#include "engine/env/piped_child.h"

#include <poll.h>
#include <signal.h>

#include <chrono>
#include <fstream>

#include "tests/support/matchers.h"

namespace cairn {
namespace {

std::string ReadToEnd(PipedChild& child) {
  std::string text;
  Bytes buffer(100);
  for (;;) {
    pollfd waiting = {child.output(), POLLIN, 0};
    if (::poll(&waiting, 1, 10'000) != 1) return text + " (nothing more came)";
    const auto got = child.ReadOutput(buffer);
    if (!got || !*got || **got == 0) return text;
    text += AsText(ByteSpan(buffer).first(**got));
  }
}

TEST(PipedChild, IsTalkedWith) {
  ASSERT_OK_AND_ASSIGN(const auto child, PipedChild::Start({"cat"}));
  EXPECT_THAT(child->Write({AsBytes("hello "), AsBytes("there")}), IsOkAnd(11U));
  child->CloseInput();
  EXPECT_EQ(ReadToEnd(*child), "hello there");
}

TEST(PipedChild, NothingThatIsNotThereIsWaitedFor) {
  ASSERT_OK_AND_ASSIGN(const auto child, PipedChild::Start({"cat"}));
  Bytes buffer(10);
  EXPECT_THAT(child->ReadOutput(buffer), IsOkAnd(std::nullopt));
  EXPECT_THAT(child->ReadErrors(buffer), IsOkAnd(std::nullopt));
  const Bytes much(8 << 20);
  ASSERT_OK_AND_ASSIGN(const size_t written, child->Write({much}));
  EXPECT_LT(written, much.size());
}

TEST(PipedChild, HasASessionOfItsOwn) {
  ASSERT_OK_AND_ASSIGN(const auto child,
                       PipedChild::Start({"sh", "-c", "test \"$(cut -d' ' -f6 /proc/$$/stat)\" = $$ && echo yes"}));
  EXPECT_EQ(ReadToEnd(*child), "yes\n");
}

TEST(PipedChild, ArgumentsAreNoShellText) {
  ASSERT_OK_AND_ASSIGN(const auto child, PipedChild::Start({"echo", "$HOME;", "a  b"}));
  EXPECT_EQ(ReadToEnd(*child), "$HOME; a  b\n");
}

TEST(PipedChild, HasTheEnvironmentThatIsGiven) {
  ASSERT_OK_AND_ASSIGN(const auto child, PipedChild::Start({"sh", "-c", "echo \"$GIVEN ${HOME-none} ${PATH:+path}\""},
                                                           500, {"GIVEN=a b=c", "HOME"}));
  EXPECT_EQ(ReadToEnd(*child), "a b=c none path\n");
}

TEST(PipedChild, IsGoneWithItsObjectThoughItDoesNotListen) {
  const auto begin = std::chrono::steady_clock::now();
  pid_t id;
  {
    ASSERT_OK_AND_ASSIGN(const auto child,
                         PipedChild::Start({"sh", "-c", "trap '' TERM; echo $$; while :; do sleep 0.1; done"}, 50));
    Bytes buffer(20);
    pollfd waiting = {child->output(), POLLIN, 0};
    ASSERT_EQ(::poll(&waiting, 1, 10'000), 1);
    ASSERT_OK_AND_ASSIGN(const auto got, child->ReadOutput(buffer));
    id = std::stoi(std::string(AsText(ByteSpan(buffer).first(*got))));
    EXPECT_EQ(::kill(id, 0), 0);
  }
  EXPECT_NE(::kill(id, 0), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

// 'Z' where it has ended and nobody has asked for it yet; 0 where it is gone.
char StateOf(const std::string& id) {
  std::ifstream file("/proc/" + id + "/stat");
  std::string number, name;
  char state = 0;
  file >> number >> name >> state;
  return state;
}

TEST(PipedChild, WhatItHasStartedAndLeftIsGoneWithItsObject) {
  std::string id;
  {
    ASSERT_OK_AND_ASSIGN(const auto child, PipedChild::Start({"sh", "-c", "sleep 1000 >/dev/null & echo $!"}));
    id = ReadToEnd(*child);
    id.pop_back();
    EXPECT_NE(StateOf(id), 0) << id;
  }
  const auto ends = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  const auto is_gone = [&] { return StateOf(id) == 0 || StateOf(id) == 'Z'; };
  while (!is_gone() && std::chrono::steady_clock::now() < ends) ::poll(nullptr, 0, 5);  // it has been told to
  EXPECT_TRUE(is_gone()) << id;
}

TEST(PipedChild, AProgramThatIsMissingIsToldByName) {
  EXPECT_THAT(PipedChild::Start({"/no/such/program"}),
              ErrorIs(ErrorCode::kNotFound, testing::HasSubstr("/no/such/program")));
  EXPECT_THAT(PipedChild::Start({}), ErrorCodeIs(ErrorCode::kInvalidArgument));
}

}  // namespace
}  // namespace cairn
