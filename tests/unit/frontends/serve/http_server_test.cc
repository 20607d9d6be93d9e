#include "frontends/serve/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/support/matchers.h"

namespace cairn::serve {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

// Letters without an end, or so many.
class Letters : public Body {
 public:
  Letters(uint64_t size, std::atomic<int>& alive) : left_(size), alive_(alive) { ++alive_; }
  ~Letters() override { --alive_; }
  Result<size_t> Read(MutableByteSpan target) override {
    const size_t size = std::min<uint64_t>(target.size(), left_);
    std::ranges::fill(target.first(size), uint8_t{'x'});
    left_ -= size;
    if (size == 0 && fails_at_end) return Error(ErrorCode::kIo, "it breaks off");
    return size;
  }
  bool fails_at_end = false;

 protected:
  uint64_t left_;
  std::atomic<int>& alive_;
};

// That take long to be made.
class SlowLetters final : public Letters {
 public:
  using Letters::Letters;
  Result<size_t> Read(MutableByteSpan target) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(2500));
    return Letters::Read(target);
  }
};

class LetterHandler final : public Handler {
 public:
  std::optional<Answer> Refuse(const Request& request) override {
    if (request.method == "PUT") return Words(405, "no");
    return std::nullopt;
  }
  Answer Give(const Request& request, ByteSpan body) override {
    ++asked;
    if (request.target.starts_with("/slow")) std::this_thread::sleep_for(std::chrono::milliseconds(2500));
    if (request.method == "PROPFIND") return Words(207, std::to_string(body.size()) + " at " + request.target);
    Answer answer;
    auto letters = std::make_unique<Letters>(request.target == "/endless" ? UINT64_MAX : 300'000, alive);
    if (request.target == "/slow-body") letters = std::make_unique<SlowLetters>(100'000, alive);
    letters->fails_at_end = request.target == "/broken";
    if (request.target == "/sized") answer.size = 300'000;
    answer.body = std::move(letters);
    return answer;
  }
  std::atomic<int> alive = 0, asked = 0;
};

class HttpServerTest : public testing::Test {
 protected:
  void Start(HttpServerOptions options = {}) {
    ASSERT_OK_AND_ASSIGN(options.listen, ListenAddress::Parse("127.0.0.1:0"));
    EXPECT_TRUE(options.listen.is_loopback);
    ASSERT_OK_AND_ASSIGN(server_, HttpServer::Start(handler_, context_, std::move(options)));
  }
  int Connect() const {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return descriptor;
  }
  static std::string ReadAll(int descriptor) {
    std::string text;
    char buffer[10'000];
    for (ssize_t got = 0; (got = ::recv(descriptor, buffer, sizeof(buffer), 0)) > 0;) {
      text.append(buffer, static_cast<size_t>(got));
    }
    return text;
  }
  std::string Ask(const std::string& request) const {
    const int descriptor = Connect();
    EXPECT_EQ(::send(descriptor, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    std::string answer = ReadAll(descriptor);
    ::close(descriptor);
    return answer;
  }

  const std::unique_ptr<Executor> executor_ = MakeInlineExecutor();
  Progress progress_;
  const JobContext context_{*executor_, SystemClock(), SystemRandom(), progress_, NullLog(), {}, {}};
  LetterHandler handler_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, GivesBodiesOfAnyKindWhole) {
  Start();
  EXPECT_THAT(Ask("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), EndsWith("\r\n0\r\n\r\n"));
  const std::string sized = Ask("GET /sized HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_NE(sized.find("Content-Length: 300000\r\n"), std::string::npos);
  EXPECT_EQ(sized.size() - sized.find("\r\n\r\n") - 4, 300'000U);
  EXPECT_THAT(Ask("HEAD /sized HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), EndsWith("\r\n\r\n"));
  EXPECT_EQ(handler_.alive, 0);
}

TEST_F(HttpServerTest, ABodyThatBreaksOffHasNoEnd) {
  Start();
  const std::string broken = Ask("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_GT(broken.size(), 300'000U);
  EXPECT_FALSE(broken.ends_with("0\r\n\r\n"));
}

TEST_F(HttpServerTest, TargetsStayAsTheyWereSent) {
  Start();
  EXPECT_THAT(Ask("PROPFIND /a%2Fb%00c+d//e?q=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
              HasSubstr("0 at /a%2Fb%00c+d//e\n"));
}

TEST_F(HttpServerTest, TakesBodiesUpToTheirLimit) {
  Start();
  std::string chunked = "PROPFIND / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string chunk = "8000\r\n" + std::string(0x8000, 'x') + "\r\n";
  EXPECT_THAT(Ask(chunked + chunk + chunk + "0\r\n\r\n"), HasSubstr("65536 at /\n"));
  const int asked = handler_.asked;
  EXPECT_EQ(Ask(chunked + chunk + chunk + "1\r\nx\r\n0\r\n\r\n"), "");
  EXPECT_EQ(handler_.asked, asked);
}

TEST_F(HttpServerTest, RefusesWithoutTheBody) {
  Start();
  EXPECT_THAT(Ask("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
  EXPECT_EQ(handler_.asked, 0);
}

TEST_F(HttpServerTest, ManyAtOnceAndAnEndInTheirMiddle) {
  Start();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 10; ++round) {
        const std::string got = Ask("GET /sized HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        if (got.size() - got.find("\r\n\r\n") - 4 != 300'000) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  threads.clear();
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { Ask("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n"); });
  while (handler_.alive < 8) std::this_thread::yield();
  server_.reset();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(handler_.alive, 0);
}

TEST_F(HttpServerTest, WhatTakesLongToBeMadeIsNotTheClientsIdleness) {
  Start({.idle_max = std::chrono::seconds(1)});
  EXPECT_THAT(Ask("PROPFIND /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), HasSubstr("0 at /slow\n"));
  EXPECT_THAT(Ask("GET /slow-body HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), EndsWith("\r\n0\r\n\r\n"));
  const int idle = Connect();
  const std::string request = "PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(::send(idle, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  EXPECT_THAT(ReadAll(idle), HasSubstr("0 at /\n"));  // the connection ends, for nothing more is asked
  ::close(idle);
}

TEST_F(HttpServerTest, EndsStrangersAndKeepsWhoWasLetIn) {
  Start({.stranger_max = std::chrono::seconds(1)});
  std::stop_source stop;
  std::jthread waiting([&] { server_->Wait(stop.get_token()); });
  const int known = Connect(), silent = Connect(), refused = Connect();
  const auto ask = [](int descriptor, std::string_view request) {
    EXPECT_EQ(::send(descriptor, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    char buffer[1000];
    const ssize_t got = ::recv(descriptor, buffer, sizeof(buffer), 0);
    return std::string(buffer, got > 0 ? static_cast<size_t>(got) : 0);
  };
  EXPECT_THAT(ask(known, "PROPFIND /1 HTTP/1.1\r\nHost: a\r\n\r\n"), StartsWith("HTTP/1.1 207 "));
  EXPECT_THAT(ask(refused, "PUT /1 HTTP/1.1\r\nHost: a\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
  EXPECT_EQ(ReadAll(silent), "");
  EXPECT_EQ(ReadAll(refused), "");
  EXPECT_THAT(ask(known, "PROPFIND /2 HTTP/1.1\r\nHost: a\r\n\r\n"), StartsWith("HTTP/1.1 207 "));
  stop.request_stop();
  waiting.join();
  for (const int one : {known, silent, refused}) ::close(one);
}

TEST(ListenAddress, IsHostAndPort) {
  ASSERT_OK_AND_ASSIGN(const ListenAddress six, ListenAddress::Parse("[::1]:80"));
  EXPECT_EQ(six.host, "[::1]");
  EXPECT_EQ(six.port, 80);
  EXPECT_TRUE(six.is_loopback);
  EXPECT_FALSE(ListenAddress::Parse("0.0.0.0:80").value().is_loopback);
  for (const std::string bad : {"", ":", "80", "a:", "::1:80", "127.0.0.1:65536", "127.0.0.1:-1", "[]:1", "[::1:1"}) {
    EXPECT_FALSE(ListenAddress::Parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace cairn::serve
