// SPDX-License-Identifier: Apache-2.0
#include "load/http.h"

#include <gtest/gtest.h>

namespace ferry::load {
namespace {

using State = HttpParser::State;

State parse(HttpParser& parser, std::string_view text, size_t piece) {
  parser.start(true);
  State state = State::kMore;
  for (size_t at = 0; at < text.size(); at += piece) state = parser.feed(text.substr(at, piece));
  return state;
}

struct Answer {
  const char* text;
  int status;
  const char* body;
  bool keep_alive;
};

constexpr Answer kAnswers[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n7\n", 200, "7\n", true},
    {"HTTP/1.1 200 OK\r\ncontent-length:2\r\nCONNECTION: Close\r\n\r\n7\n", 200, "7\n", false},
    {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, "", true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 200, "x", true},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx", 200, "x", true},
    {"HTTP/1.1 204 No Content\r\n\r\n", 204, "", true},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304, "", true},
    {"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nlate", 503, "late", true},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
     "chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
     200, "abc0123456789", true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n1\r\n\n\r\n0\r\nSum: 1\r\n\r\n",
     200, "\n", true},
};

TEST(HttpParser, TakesAnswersInPiecesOfAnySize) {
  for (const Answer& answer : kAnswers) {
    for (size_t piece = 1; piece <= std::string_view(answer.text).size(); ++piece) {
      HttpParser parser;
      ASSERT_EQ(parse(parser, answer.text, piece), State::kDone) << answer.text << " in " << piece;
      EXPECT_EQ(parser.status(), answer.status);
      EXPECT_EQ(parser.body(), answer.body);
      EXPECT_EQ(parser.keep_alive(), answer.keep_alive) << answer.text;
      EXPECT_EQ(parser.surplus(), 0u);
    }
  }
}

TEST(HttpParser, IsNotDoneBeforeTheLastByte) {
  for (const Answer& answer : kAnswers) {
    HttpParser parser;
    const std::string_view text = answer.text;
    EXPECT_EQ(parse(parser, text.substr(0, text.size() - 1), 1), State::kMore) << text;
    EXPECT_EQ(parser.end_of_stream(), State::kBad) << text;
  }
}

TEST(HttpParser, RefusesGarbageAtOnce) {
  for (const char* text :
       {"SSH-2.0-OpenSSH_9.2\r\n", "\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"}) {
    for (const size_t piece : {1, 3, 1000}) {
      HttpParser parser;
      EXPECT_EQ(parse(parser, text, piece), State::kBad) << text;
      EXPECT_FALSE(parser.complaint().empty());
    }
  }
}

TEST(HttpParser, BodyCanEndWithTheConnection) {
  HttpParser parser;
  EXPECT_EQ(parse(parser, "HTTP/1.1 200 OK\r\n\r\nall there is", 5), State::kMore);
  EXPECT_EQ(parser.end_of_stream(), State::kDone);
  EXPECT_EQ(parser.body(), "all there is");
  EXPECT_FALSE(parser.keep_alive());
}

TEST(HttpParser, CountsWhatNobodyAskedFor) {
  HttpParser parser;
  EXPECT_EQ(parse(parser, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1", 1000),
            State::kDone);
  EXPECT_EQ(parser.surplus(), 8u);
}

TEST(HttpParser, BoundsWhatItKeeps) {
  HttpParser parser;
  parser.start(true);
  parser.feed("HTTP/1.1 200 OK\r\nX: ");
  EXPECT_EQ(parser.feed(std::string(70'000, 'x')), State::kBad);

  parser.start(true);
  parser.feed("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n");
  EXPECT_EQ(parser.feed(std::string(2'000'000, 'x')), State::kBad);

  parser.start(false);  // nobody looks at the body: any length will do
  parser.feed("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n");
  EXPECT_EQ(parser.feed(std::string(2'000'000, 'x')), State::kDone);
  EXPECT_TRUE(parser.body().empty());
}

TEST(HttpParser, CanBeUsedAgain) {
  HttpParser parser;
  EXPECT_EQ(parse(parser, "nonsense", 1), State::kBad);
  for (const Answer& answer : kAnswers) EXPECT_EQ(parse(parser, answer.text, 7), State::kDone);
}

TEST(HttpRequest, SaysHowTheConnectionGoesOn) {
  const Target target = parse_url("http://web:81/next");
  EXPECT_EQ(http_request(target, true),
            "GET /next HTTP/1.1\r\nHost: web:81\r\nUser-Agent: ferry\r\nAccept: */*\r\n\r\n");
  EXPECT_NE(http_request(target, false).find("Connection: close\r\n"), std::string::npos);
}

}  // namespace
}  // namespace ferry::load
