// SPDX-License-Identifier: Apache-2.0
//
// The plan that a URL makes, and what the codec thinks of answers, without a socket.
#include "load/redis.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/error.h"

namespace ferry::load {
namespace {

using Command = RedisPlan::Command;

RedisPlan plan_for(std::string_view path, bool counter = false) {
  return RedisPlan(parse_url(fmt::format("redis://h/{}", path)), counter);
}

TEST(RedisPlan, PingsUnlessToldOtherwise) {
  const RedisPlan plan = plan_for("");
  EXPECT_EQ(plan.request(0).command, Command::kPing);
  EXPECT_EQ(plan.request(1).command, Command::kPing);
  EXPECT_TRUE(plan.greeting().empty());
}

TEST(RedisPlan, MixesByWeightAndEvenly) {
  const RedisPlan plan = plan_for("?command=get:90,set:10,incr:20&keys=7&key=n");
  std::map<Command, int> had;
  for (uint64_t number = 0; number < 1200; ++number) {
    const auto request = plan.request(number);
    if (request.command != Command::kIncr) {
      // Each command walks over the keys on its own.
      ASSERT_EQ(request.key, static_cast<uint64_t>(had[request.command]) % 7) << number;
    }
    ++had[request.command];
    if (number % 12 == 5) {
      EXPECT_GE(had[Command::kIncr], static_cast<int>(number / 12 * 2 + 1));
    }
  }
  EXPECT_EQ(had[Command::kGet], 900);
  EXPECT_EQ(had[Command::kSet], 100);
  EXPECT_EQ(had[Command::kIncr], 200);
  EXPECT_EQ(plan.counter_key(), "n");
}

TEST(RedisPlan, GreetsByPasswordAndDatabase) {
  const RedisPlan plan(parse_url("redis://me:pw@h/3?command=get"), false);
  EXPECT_EQ(plan.greeting(),
            "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$2\r\npw\r\n"
            "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n");
  EXPECT_EQ(plan.greeting_answers(), 2u);
  EXPECT_TRUE(RedisPlan(parse_url("redis://h/0"), false).greeting().empty());
  EXPECT_EQ(RedisPlan(parse_url("redis://:pw@h"), false).greeting_answers(), 1u);
}

TEST(RedisPlan, RefusesWhatItDoesNotKnow) {
  for (const char* path :
       {"x", "-1", "?command=del", "?command=get:0", "?command=get:x", "?keys=0",
        "?keys=", "?size=2000000", "?key=", "?nonsense", "?command=get&sizes=3"}) {
    EXPECT_THROW(plan_for(path), base::Error) << path;
  }
  EXPECT_THROW(plan_for("?command=get", true), base::Error) << "no counter to check";
  EXPECT_NO_THROW(plan_for("?command=get,incr", true));
}

TEST(RedisValue, FollowsFromKeyAndSize) {
  std::string value, other;
  make_value(value, 12, 100);
  EXPECT_EQ(value.size(), 100u);
  EXPECT_TRUE(value.starts_with("value:12:"));
  make_value(other, 13, 100);
  EXPECT_NE(value, other);
  for (const size_t size : {0, 1, 7, 8, 9, 20}) {
    make_value(value, 5, size);
    EXPECT_EQ(value.size(), size);
  }
  make_value(value, 99, 1 << 20);
  EXPECT_EQ(value.size(), size_t{1} << 20) << "also longer than what it is cut from";
  make_value(value, 0, 14);
  EXPECT_EQ(value, std::string("value:0:\0\x21\xc1\x75\x88\x38", 14)) << "any later run must find the same";
  EXPECT_TRUE(is_populated_value(std::string("value:5\0\0\0", 10), 5, 10));
  EXPECT_TRUE(is_populated_value("valu", 5, 4)) << "as Redis cuts it";
  EXPECT_FALSE(is_populated_value(std::string("value:5\0\0\1", 10), 5, 10));
  EXPECT_FALSE(is_populated_value(std::string("value:6\0\0\0", 10), 5, 10));
  EXPECT_FALSE(is_populated_value("value:5", 5, 10));
}

class RedisCodecTest : public ::testing::Test {
 protected:
  // What the codec finds wrong with an answer to its first request.
  std::string verdict(std::string_view path, std::string_view answer) {
    codec_.emplace(std::make_shared<const RedisPlan>(plan_for(path)));
    codec_->begin(0, false);
    for (const char c : answer.substr(0, answer.size() - 1)) {
      EXPECT_EQ(codec_->feed({&c, 1}), AnswerState::kMore);
    }
    EXPECT_EQ(codec_->feed(answer.substr(answer.size() - 1)), AnswerState::kDone);
    return codec_->wrong().value_or("");
  }
  std::optional<RedisCodec> codec_;
};

TEST_F(RedisCodecTest, AnswersMustFitTheCommand) {
  EXPECT_EQ(verdict("", "+PONG\r\n"), "");
  EXPECT_EQ(verdict("", "+OK\r\n"), "this is no answer to PING");
  EXPECT_EQ(verdict("?command=set", "+OK\r\n"), "");
  EXPECT_EQ(verdict("?command=set", ":1\r\n"), "this is no answer to SET");
  EXPECT_EQ(verdict("?command=set", "-OOM\r\n"), "the service refuses the command");
  EXPECT_EQ(verdict("?command=incr", "$1\r\n1\r\n"), "this is no answer to INCR");
  EXPECT_EQ(verdict("?command=incr", ":7\r\n"), "");
  EXPECT_EQ(codec_->number(), 7u);
  EXPECT_EQ(verdict("?command=incr", ":-7\r\n"), "");
  EXPECT_FALSE(codec_->number());
}

TEST_F(RedisCodecTest, ValueMustBeTheKeysOwn) {
  std::string value;
  make_value(value, 0, 20);
  EXPECT_EQ(verdict("?command=get&size=20", fmt::format("$20\r\n{}\r\n", value)), "");
  EXPECT_EQ(verdict("?command=get&size=20",
                    std::string("$20\r\nvalue:0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\n", 27)),
            "");
  value[19] = static_cast<char>(value[19] ^ 1);
  EXPECT_EQ(verdict("?command=get&size=20", fmt::format("$20\r\n{}\r\n", value)),
            "key:0 has a value of 20 bytes that is not its own of 20");
  EXPECT_EQ(verdict("?command=get&size=20", "$-1\r\n"), "key:0 is missing");
  EXPECT_EQ(verdict("?command=get", "+OK\r\n"), "this is no answer to GET");
}

TEST_F(RedisCodecTest, GreetsANewConnectionOnce) {
  const auto plan = std::make_shared<const RedisPlan>(parse_url("redis://:pw@h/2"), false);
  RedisCodec codec(plan);
  EXPECT_EQ(codec.begin(0, true), plan->greeting() + "*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(codec.feed("+OK\r\n+OK"), AnswerState::kMore);
  EXPECT_EQ(codec.feed("\r\n+PONG\r\n+more"), AnswerState::kDone);
  EXPECT_FALSE(codec.wrong());
  EXPECT_EQ(codec.surplus(), 5u);
  EXPECT_EQ(codec.begin(1, false), "*1\r\n$4\r\nPING\r\n");
  codec.begin(2, true);
  EXPECT_EQ(codec.feed("-WRONGPASS no\r\n"), AnswerState::kBad);
  EXPECT_EQ(codec.complaint(), "the service does not let us in: \"WRONGPASS no\"");
}

}  // namespace
}  // namespace ferry::load
