// SPDX-License-Identifier: Apache-2.0
#include "load/resp.h"

#include <gtest/gtest.h>

namespace ferry::load {
namespace {

using Kind = RespParser::Kind;

AnswerState parse(RespParser& parser, std::string_view text, size_t piece) {
  parser.start();
  AnswerState state = AnswerState::kMore;
  for (size_t at = 0; at < text.size(); at += piece) {
    std::string_view data = text.substr(at, piece);
    state = parser.take(data);
    if (state == AnswerState::kBad) break;
    EXPECT_TRUE(data.empty()) << "it has left some of its own answer";
  }
  return state;
}

struct RespCase {
  std::string_view text;
  Kind kind;
  std::string_view body;
};

constexpr RespCase kRespCases[] = {
    {"+OK\r\n", Kind::kSimple, "OK"},
    {"+\r\n", Kind::kSimple, ""},
    {"-ERR unknown command\r\n", Kind::kError, "ERR unknown command"},
    {":12345\r\n", Kind::kInteger, "12345"},
    {":-1\r\n", Kind::kInteger, "-1"},
    {"$5\r\nvalue\r\n", Kind::kBulk, "value"},
    {"$4\r\n\r\n\r\n\r\n", Kind::kBulk, "\r\n\r\n"},
    {"$0\r\n\r\n", Kind::kBulk, ""},
    {"$-1\r\n", Kind::kNil, ""},
};

TEST(RespParser, TakesAnswersInPiecesOfAnySize) {
  for (const RespCase& answer : kRespCases) {
    for (size_t piece = 1; piece <= answer.text.size(); ++piece) {
      RespParser parser;
      ASSERT_EQ(parse(parser, answer.text, piece), AnswerState::kDone) << answer.text;
      EXPECT_EQ(parser.kind(), answer.kind) << answer.text;
      EXPECT_EQ(parser.text(), answer.body);
      EXPECT_EQ(parser.integer().has_value(), answer.kind == Kind::kInteger);
    }
  }
}

TEST(RespParser, IsNotDoneBeforeTheLastByte) {
  for (const RespCase& answer : kRespCases) {
    RespParser parser;
    const std::string_view part = answer.text.substr(0, answer.text.size() - 1);
    EXPECT_EQ(parse(parser, part, 1), AnswerState::kMore) << answer.text;
    EXPECT_EQ(parser.end_of_stream(), AnswerState::kBad);
    EXPECT_EQ(parser.complaint(), "the connection was closed within the answer");
  }
  RespParser parser;
  parser.start();
  EXPECT_EQ(parser.end_of_stream(), AnswerState::kBad);
  EXPECT_EQ(parser.complaint(), "the connection was closed before the answer");
}

TEST(RespParser, RefusesGarbageAtOnce) {
  for (const char* text :
       {"HTTP/1.1 200 OK\r\n", "\r\n", "*1\r\n:1\r\n", "+OK\n", ":\r\n", ":1x\r\n",
        ":99999999999999999999\r\n", "$\r\n", "$-2\r\n", "$x\r\n", "$2000000\r\n",
        "$99999999999999999999\r\n", "$2\r\nabc\r\n", "$1\r\na\r\r\n"}) {
    for (const size_t piece : {1, 3, 1000}) {
      RespParser parser;
      EXPECT_EQ(parse(parser, text, piece), AnswerState::kBad) << text;
      EXPECT_FALSE(parser.complaint().empty());
    }
  }
}

TEST(RespParser, BoundsItsLines) {
  RespParser parser;
  EXPECT_EQ(parse(parser, "+" + std::string(70'000, 'x'), 1000), AnswerState::kBad);
}

TEST(RespParser, LeavesWhatIsNotItsOwn) {
  RespParser parser;
  for (int i = 0; i < 3; ++i) {  // and can be used again
    parser.start();
    std::string_view data = "$1\r\nx\r\n+OK\r\n";
    EXPECT_EQ(parser.take(data), AnswerState::kDone);
    EXPECT_EQ(data, "+OK\r\n");
  }
}

TEST(RespCommand, IsAnArrayOfBulkStrings) {
  std::string out = "x";
  append_command(out, {"SET", "key:1", std::string_view("a\0b", 3)});
  EXPECT_EQ(out, std::string("x*3\r\n$3\r\nSET\r\n$5\r\nkey:1\r\n$3\r\na\0b\r\n", 34));
}

}  // namespace
}  // namespace ferry::load
