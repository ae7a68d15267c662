// SPDX-License-Identifier: Apache-2.0
#include "load/http_codec.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace ferry::load {
namespace {

HttpCodec answered(std::string_view status, std::string_view body) {
  HttpCodec codec("GET / HTTP/1.1\r\n\r\n", true);
  EXPECT_EQ(codec.begin(1, true), "GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(codec.feed(fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n\r\n{}", status,
                                   body.size(), body)),
            AnswerState::kDone);
  return codec;
}

TEST(HttpCodec, NumberIsTheWholeBody) {
  EXPECT_EQ(answered("200 OK", "12\n").number(), 12u);
  for (const char* body :
       {"", "\n", "12", "12\n\n", "x\n", "-1\n", " 1\n", "99999999999999999999999\n"}) {
    EXPECT_FALSE(answered("200 OK", body).number()) << body;
  }
}

TEST(HttpCodec, StatusSaysWhetherItIsWrong) {
  EXPECT_FALSE(answered("200 OK", "").wrong());
  EXPECT_FALSE(answered("302 Found", "").wrong());
  EXPECT_EQ(answered("404 Not Found", "").wrong(), "HTTP status 404");
  EXPECT_EQ(answered("503 Busy", "").wrong(), "HTTP status 503");
}

}  // namespace
}  // namespace ferry::load
