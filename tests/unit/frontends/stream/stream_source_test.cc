#include "frontends/stream/stream_source.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "repo-format/tree_path.h"
#include "tests/support/fake_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_folder.h"

namespace cairn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Bytes Text(std::string_view text) { return ToBytes(AsBytes(text)); }

class StreamSourceTest : public testing::Test {
 protected:
  std::unique_ptr<StreamSource> Make(StreamSourceOptions options) {
    auto source = StreamSource::Make(std::move(options), clock_, stop_.get_token());
    EXPECT_OK(source);
    return source ? *std::move(source) : nullptr;
  }
  std::unique_ptr<StreamSource> Shell(const std::string& script) { return Make({.command = {"sh", "-c", script}}); }

  // Goes down to the file, and opens it.
  static Result<std::unique_ptr<SourceFile>> Open(StreamSource& source, std::string* path = nullptr) {
    ASSIGN_OR_RETURN(auto folder, source.OpenRoot({}));
    TreePath full;
    for (;;) {
      const auto entries = folder->List().value();
      CHECK(entries.size() == 1);
      full = JoinPath(full, entries[0].name);
      CHECK(folder->ReadMetadata(entries[0]).has_value());
      if (entries[0].type == NodeType::kFile) {
        if (path != nullptr) *path = ToString(full);
        return folder->OpenFile(entries[0]);
      }
      ASSIGN_OR_RETURN(folder, folder->OpenFolder(entries[0]));
    }
  }
  static Result<std::string> ReadAll(SourceFile& file) {
    std::string bytes;
    Bytes buffer(1000);
    for (;;) {
      ASSIGN_OR_RETURN(const auto extent, file.NextExtent());
      if (extent.length == 0) return bytes;
      EXPECT_FALSE(extent.hole);
      for (;;) {
        ASSIGN_OR_RETURN(const size_t got, file.Read(buffer));
        if (got == 0) break;
        bytes.append(AsText(ByteSpan(buffer).first(got)));
      }
    }
  }
  static Result<std::string> ReadSource(StreamSource& source, std::string* path = nullptr) {
    ASSIGN_OR_RETURN(const auto file, Open(source, path));
    return ReadAll(*file);
  }

  FakeClock clock_;
  std::stop_source stop_;
};

// A pipe with something in it.
class Pipe {
 public:
  explicit Pipe(std::string_view bytes) {
    CHECK(::pipe2(ends_, O_CLOEXEC) == 0);
    CHECK(::write(ends_[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  ~Pipe() {
    ::close(ends_[0]);
    Close();
  }
  void Close() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }
  int read_end() const { return ends_[0]; }

 private:
  int ends_[2];
};

TEST_F(StreamSourceTest, ReadsADescriptorToItsEnd) {
  Pipe pipe(std::string("a stream\0of bytes", 17));
  pipe.Close();
  const auto source = Make({.descriptor = pipe.read_end()});
  std::string path;
  EXPECT_THAT(ReadSource(*source, &path), IsOkAnd(std::string("a stream\0of bytes", 17)));
  EXPECT_EQ(path, "stdin");
  EXPECT_OK(source->Finish());
  EXPECT_EQ(source->command_line(), std::nullopt);
}

TEST_F(StreamSourceTest, AnEmptyStreamIsAnEmptyFile) {
  Pipe pipe("");
  pipe.Close();
  const auto source = Make({.descriptor = pipe.read_end()});
  EXPECT_THAT(ReadSource(*source), IsOkAnd(std::string()));
  EXPECT_OK(source->Finish());
}

TEST_F(StreamSourceTest, TheNameMayHaveFolders) {
  Pipe pipe("x");
  pipe.Close();
  const auto source = Make({.filename = "/db//./daily/dump.sql", .descriptor = pipe.read_end()});
  EXPECT_THAT(source->paths(), ElementsAre(Text("db/daily/dump.sql")));
  std::string path;
  EXPECT_THAT(ReadSource(*source, &path), IsOkAnd(std::string("x")));
  EXPECT_EQ(path, "db/daily/dump.sql");
}

TEST_F(StreamSourceTest, RefusesNamesThatNoFileCanHave) {
  for (const std::string& name :
       std::vector<std::string>{"", "/", ".", "..", "a/../b", "a/", "../x", std::string("a\0b", 3)}) {
    EXPECT_THAT(StreamSource::Make({.filename = name}, clock_, {}), ErrorCodeIs(ErrorCode::kInvalidArgument)) << name;
  }
}

TEST_F(StreamSourceTest, TheFileIsOfNow) {
  const auto source = Make({.descriptor = 0});
  clock_.SetNow(-1);
  const auto root = source->OpenRoot({}).value();
  const SourceEntry entry = root->List().value().at(0);
  EXPECT_EQ(entry.modified, (WireTime{-1, 999'999'999}));
  EXPECT_EQ(entry.mode, 0600u);
  EXPECT_EQ(entry.uid, ::geteuid());
  EXPECT_FALSE(entry.stable_mark);
  EXPECT_EQ(source->kind(), ItemKind::kStream);
}

TEST_F(StreamSourceTest, ADescriptorCannotBeReadTwice) {
  Pipe pipe("x");
  pipe.Close();
  const auto source = Make({.descriptor = pipe.read_end()});
  EXPECT_OK(ReadSource(*source));
  EXPECT_FALSE(ReadSource(*source).has_value());
  EXPECT_THAT(source->Finish(), ErrorIs(ErrorCode::kIo, HasSubstr("read already")));
}

TEST_F(StreamSourceTest, WhatIsNotReadToItsEndIsNoSnapshot) {
  Pipe pipe("x");
  const auto source = Make({.descriptor = pipe.read_end()});
  EXPECT_THAT(source->Finish(), ErrorCodeIs(ErrorCode::kIo));
  const auto file = Open(*source).value();
  Bytes buffer(10);
  EXPECT_OK(file->Read(buffer));
  EXPECT_THAT(source->Finish(), ErrorIs(ErrorCode::kIo, HasSubstr("not read to its end")));
}

TEST_F(StreamSourceTest, AReadErrorIsNoSnapshot) {
  const int folder = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const auto source = Make({.descriptor = folder});
  EXPECT_FALSE(ReadSource(*source).has_value());
  EXPECT_FALSE(source->Finish().has_value());
  ::close(folder);
}

TEST_F(StreamSourceTest, AReadingThatWaitsStopsWhenItIsAskedTo) {
  Pipe pipe("x");
  const auto source = Make({.descriptor = pipe.read_end()});
  const auto file = Open(*source).value();
  Bytes buffer(10);
  ASSERT_EQ(file->Read(buffer).value(), 1u);
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop_.request_stop();
  });
  EXPECT_THAT(file->Read(buffer), ErrorCodeIs(ErrorCode::kInterrupted));
  stopper.join();
  EXPECT_THAT(source->Finish(), ErrorCodeIs(ErrorCode::kInterrupted));
}

// --- commands ---

TEST_F(StreamSourceTest, ReadsWhatACommandWrites) {
  const auto source = Make({.filename = "out", .command = {"printf", "%s|%s", "a b", "$HOME"}});  // no shell
  EXPECT_THAT(ReadSource(*source), IsOkAnd(std::string("a b|$HOME")));
  EXPECT_OK(source->Finish());
  EXPECT_EQ(source->command_line(), Text(std::string("printf\0%s|%s\0a b\0$HOME\0", 23)));
}

TEST_F(StreamSourceTest, ReadsMoreThanAPipeHolds) {
  const auto source = Shell("head -c 5000000 /dev/zero");
  const auto bytes = ReadSource(*source);
  ASSERT_OK(bytes);
  EXPECT_EQ(bytes->size(), 5'000'000u);
  EXPECT_OK(source->Finish());
}

TEST_F(StreamSourceTest, ACommandThatFailsIsNoSnapshot) {
  const auto source = Shell("echo half of it; exit 3");
  EXPECT_THAT(ReadSource(*source), IsOkAnd(std::string("half of it\n")));
  EXPECT_THAT(source->Finish(), ErrorIs(ErrorCode::kIo, HasSubstr("sh ended with status 3")));
}

TEST_F(StreamSourceTest, ACommandThatIsKilledIsNoSnapshot) {
  const auto source = Shell("echo x; kill -9 $$");
  EXPECT_OK(ReadSource(*source));
  EXPECT_THAT(source->Finish(), ErrorIs(ErrorCode::kIo, HasSubstr("ended by signal 9 (Killed)")));
}

TEST_F(StreamSourceTest, ACommandThatIsNotThereIsToldAtOnce) {
  const auto source = Make({.command = {"no-such-command-here"}});
  EXPECT_THAT(source->OpenRoot({}), ErrorIs(ErrorCode::kNotFound, HasSubstr("no-such-command-here")));
  EXPECT_FALSE(source->Finish().has_value());
  const auto folder = Make({.command = {"/etc"}});
  EXPECT_THAT(folder->OpenRoot({}), ErrorCodeIs(ErrorCode::kPermission));
}

TEST_F(StreamSourceTest, WaitsForTheExitStatusOfACommandThatClosedItsOutput) {
  const auto source = Shell("exec >&-; sleep 0.2; exit 7");
  EXPECT_THAT(ReadSource(*source), IsOkAnd(std::string()));
  EXPECT_THAT(source->Finish(), ErrorIs(ErrorCode::kIo, HasSubstr("status 7")));
}

TEST_F(StreamSourceTest, WaitingForACommandStopsWhenItIsAskedTo) {
  const auto source = Shell("exec >&-; exec sleep 100");
  EXPECT_OK(ReadSource(*source));
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop_.request_stop();
  });
  EXPECT_THAT(source->Finish(), ErrorCodeIs(ErrorCode::kInterrupted));
  stopper.join();
}

TEST_F(StreamSourceTest, ACommandHasNothingOnItsStandardInputAndNoDescriptorOfOurs) {
  int inherited = 0;  // by this test too
  for (int fd = 3; fd < 1024; ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    inherited += flags >= 0 && (flags & FD_CLOEXEC) == 0 ? 1 : 0;
  }
  Pipe pipe("ours");
  const auto source = Shell("cat; ls /proc/self/fd | wc -l");
  EXPECT_THAT(ReadSource(*source), IsOkAnd(fmt::format("{}\n", inherited + 4)));  // three, and that of ls
  EXPECT_OK(source->Finish());
}

TEST_F(StreamSourceTest, ACommandBeginsWithPlainSignals) {
  ::signal(SIGPIPE, SIG_IGN);
  const auto source = Shell("grep -E '^Sig(Blk|Ign)' /proc/self/status | cut -f 2");
  const auto masks = ReadSource(*source);
  ASSERT_OK(masks);
  EXPECT_THAT(*masks, testing::StartsWith("0000000000000000\n"));
  EXPECT_EQ(std::stoull(masks->substr(17), nullptr, 16) & (1u << (SIGPIPE - 1)), 0u);
  EXPECT_OK(source->Finish());
  ::signal(SIGPIPE, SIG_DFL);
}

TEST_F(StreamSourceTest, ACommandRunsAgainWhenTheRootIsOpenedAgain) {
  const auto source = Shell("echo x");
  EXPECT_THAT(ReadSource(*source), IsOkAnd(std::string("x\n")));
  EXPECT_THAT(ReadSource(*source), IsOkAnd(std::string("x\n")));
  EXPECT_OK(source->Finish());
}

bool HasEnded(pid_t process) { return ::kill(process, 0) != 0; }

// The command, and what it has started itself, write their process ids first.
std::vector<pid_t> ReadIds(SourceFile& file, size_t count) {
  std::string text;
  Bytes buffer(100);
  while (static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) < count) {
    const auto got = file.Read(buffer);
    CHECK(got && *got > 0);
    text.append(AsText(ByteSpan(buffer).first(*got)));
  }
  std::vector<pid_t> ids;
  for (size_t place = 0; place < text.size(); place = text.find('\n', place) + 1) {
    ids.push_back(static_cast<pid_t>(std::stoi(text.substr(place))));
  }
  return ids;
}

TEST_F(StreamSourceTest, ACommandEndsWithItsGroupWhenTheSourceGoes) {
  auto source = Shell("sleep 100 & echo $!; echo $$; wait");
  auto file = Open(*source).value();
  const auto ids = ReadIds(*file, 2);
  file.reset();
  source.reset();
  EXPECT_TRUE(HasEnded(ids[1]));
  // The child of the child is reaped by whoever adopts it.
  for (int i = 0; i < 200 && !HasEnded(ids[0]); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // no child is left, dead or alive
  EXPECT_EQ(errno, ECHILD);
}

// As the system does it to who reads the terminal from the background: nothing comes any more, and no end either.
TEST_F(StreamSourceTest, ACommandThatAsksTheTerminalIsAnErrorAndEnds) {
  for (const char* script : {"echo $$; kill -TTIN $$", "echo $$; exec >&-; kill -TTOU $$"}) {
    auto source = Shell(script);
    auto file = Open(*source).value();
    const auto ids = ReadIds(*file, 1);
    const auto asks = ErrorIs(ErrorCode::kIo, HasSubstr("sh was stopped: it asks the terminal"));
    const auto rest = ReadAll(*file);
    EXPECT_TRUE(rest.has_value() || rest.error().message() == source->Finish().error().message());
    EXPECT_THAT(source->Finish(), asks);
    const auto begin = std::chrono::steady_clock::now();
    file.reset();
    source.reset();
    EXPECT_TRUE(HasEnded(ids[0]));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2)) << "it was told, and did not hear it";
  }
}

TEST_F(StreamSourceTest, ACommandThatDoesNotListenIsMadeToEnd) {
  auto source = Shell("trap '' TERM; echo $$; while :; do sleep 1; done");
  auto file = Open(*source).value();
  const auto ids = ReadIds(*file, 1);
  file.reset();
  source.reset();
  EXPECT_TRUE(HasEnded(ids[0]));
}

}  // namespace
}  // namespace cairn
