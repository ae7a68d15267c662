// SPDX-License-Identifier: Apache-2.0
#include "runtime/local_http.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

#include "base/error.h"

namespace ferry::runtime {
namespace {

// A daemon for one request: keeps what it was asked, answers what it was told.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) : answer_(std::move(answer)) {
    char directory[] = "/tmp/ferry-http-XXXXXX";
    directory_ = ::mkdtemp(directory);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = socket();
    std::copy(path.begin(), path.end(), address.sun_path);
    listener_ = base::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~OneAnswer() {
    end();
    std::filesystem::remove_all(directory_);
  }
  void end() {
    if (thread_.joinable()) thread_.join();
  }
  std::string socket() const { return directory_ + "/socket"; }
  const std::string& asked() {
    end();
    return asked_;
  }

 private:
  void serve() {
    const base::Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char chunk[4096];
    while (asked_.find("\r\n\r\n") == std::string::npos) {
      const auto got = ::read(peer.get(), chunk, sizeof chunk);
      if (got <= 0) return;
      asked_.append(chunk, static_cast<size_t>(got));
    }
    base::write_full(peer.get(), answer_);
  }
  std::string answer_, directory_, asked_;
  base::Fd listener_;
  std::thread thread_;
};

constexpr base::milliseconds kLimit{5'000};

TEST(LocalHttp, AsksAndReadsTheWholeAnswer) {
  const std::string body(100'000, 'x');
  OneAnswer daemon("HTTP/1.0 201 Created\r\nContent-Type: application/json\r\n\r\n" + body);
  const auto answer = ask(daemon.socket(), {"POST", "/containers/create?name=a", "{}"}, kLimit);
  EXPECT_EQ(answer.status, 201);
  EXPECT_TRUE(answer.ok());
  EXPECT_EQ(answer.body, body);
  EXPECT_TRUE(daemon.asked().starts_with("POST /containers/create?name=a HTTP/1.0\r\n"));
  EXPECT_NE(daemon.asked().find("Content-Length: 2\r\n"), std::string::npos);
}

TEST(LocalHttp, SaysWhenNobodyListens) {
  EXPECT_THROW(ask("/tmp/ferry-there-is-no-such-socket", {"GET", "/info", ""}, kLimit), base::SysError);
}

TEST(LocalHttp, RefusesWhatIsNoAnswer) {
  EXPECT_THROW(parse_answer(""), base::Error);
  EXPECT_THROW(parse_answer("SSH-2.0-OpenSSH"), base::Error);
  EXPECT_THROW(parse_answer("HTTP/1.0 200 OK\r\nhalf"), base::Error);
  EXPECT_THROW(parse_answer("HTTP/1.0 abc OK\r\n\r\n"), base::Error);
  EXPECT_EQ(parse_answer("HTTP/1.1 404 Not Found\r\n\r\n{}").status, 404);
}

TEST(LocalHttp, EncodesWhatIsNotPlain) { EXPECT_EQ(percent_encode("a b/c:ü"), "a%20b%2Fc%3A%C3%BC"); }

}  // namespace
}  // namespace ferry::runtime
