// SPDX-License-Identifier: Apache-2.0
#include "cli/unknown_verb.h"

#include <gtest/gtest.h>

namespace ferry::cli {
namespace {

class UnknownVerbTest : public ::testing::Test {
 protected:
  UnknownVerbTest() {
    app_.add_subcommand("move", "moves");
    auto* relay = app_.add_subcommand("relay", "relays");
    relay->add_subcommand("list", "lists");
    relay->add_subcommand("stop", "stops");
    relay->add_subcommand("serve", "is one")->group("");
  }
  base::Explanation of(const std::vector<std::string>& words) const {
    return unknown_verb(app_, words).value_or(base::Explanation{});
  }
  CLI::App app_{"", "ferry"};
};

TEST_F(UnknownVerbTest, TheNearestIsNamed) {
  EXPECT_EQ(of({"mvoe", "web", "root@west"}).what, "there is no \"ferry mvoe\"");
  EXPECT_EQ(of({"mvoe", "web", "root@west"}).why, "do you mean \"ferry move\"?");
  EXPECT_EQ(of({"-v", "relay", "lst"}).why, "do you mean \"ferry relay list\"?");
  EXPECT_EQ(of({"-v", "relay", "lst"}).remedy, "ferry relay list|stop");
}

TEST_F(UnknownVerbTest, WhatIsLikeNoneHasTheList) {
  EXPECT_EQ(of({"teleport"}).why, "");
  EXPECT_EQ(of({"teleport"}).remedy, "ferry move|relay");
}

TEST_F(UnknownVerbTest, NoWordIsMissing) {
  EXPECT_EQ(of({}).what, "");
  EXPECT_EQ(of({"relay"}).what, "");
  EXPECT_EQ(of({"move", "web"}).what, "") << "it has no verbs of its own";
}

}  // namespace
}  // namespace ferry::cli
