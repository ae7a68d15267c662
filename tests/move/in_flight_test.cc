// SPDX-License-Identifier: Apache-2.0
//
// Connections that come all the time, one for each request, to a server that takes its time to accept them: at most moments one waits in
// its queue, which CRIU cannot dump. The move tries at another moment.
#include <fmt/format.h>

#include "support/load.h"
#include "support/move_test.h"

namespace ferry::testing {
namespace {

class InFlightTest : public MoveTest {};

TEST_F(InFlightTest, ManyNewConnectionsASecondAreNotInTheWay) {
  run("east", "slow", {"--ip", fmt::format("{}/24", kAddress)}, {"/usr/bin/python3", program("odd_one.py"), "slow", std::to_string(kPort)});
  ASSERT_TRUE(comes_true([&] { return ferry("east", {"logs", "slow"}).out.starts_with("READY"); }));
  Background load = start_ferry("client", {"load-test", fmt::format("http://{}:{}/next", kAddress, kPort), "--rate", "150", "--connections", "8",
                                           "--new-connections", "--counter", "--json", "--until-eof-of-stdin"});
  for (const auto& [from, to] : {std::pair("east", "west"), std::pair("west", "east"), std::pair("east", "west")}) {
    ASSERT_FALSE(move("slow", from, to).is_null());
  }
  const Json result = end_load(load);
  ASSERT_FALSE(result.is_null());
  EXPECT_GT(result.at("ok"), 100);
  EXPECT_EQ(result.at("failed"), 0) << result.at("examples");
  EXPECT_EQ(result.at("counter").at("holds"), true) << result.at("counter");
}

}  // namespace
}  // namespace ferry::testing
