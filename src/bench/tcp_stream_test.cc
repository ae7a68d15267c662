// SPDX-License-Identifier: Apache-2.0
#include "bench/tcp_stream.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace ferry::bench {
namespace {

TEST(TcpStream, IsWhatArrived) {
  EXPECT_DOUBLE_EQ(parse_stream(R"({"start": {}, "end": {"sum_sent": {"bits_per_second": 9e9},
                                    "sum_received": {"bytes": 2e9, "bits_per_second": 8e9}}})"),
                   1e9);
}

TEST(TcpStream, AFailureIsToldInIperfsWords) {
  try {
    parse_stream(R"({"start": {}, "error": "unable to connect to server: Connection refused"})");
    FAIL() << "there was an error";
  } catch (const base::Error& failure) {
    EXPECT_NE(std::string(failure.what()).find("Connection refused"), std::string::npos);
  }
  EXPECT_THROW(parse_stream("sh: 1: iperf3: not found"), base::Error);
}

TEST(TcpStream, TheFirstRoundIsTheCopysSpeed) {
  report::Move move;
  EXPECT_FALSE(copy_bytes_per_second(move));
  move.rounds = {{1, 100, 500, 1u << 30, 1u << 28}, {2, 600, 10, 1u << 20, 1u << 20}};
  EXPECT_DOUBLE_EQ(copy_bytes_per_second(move).value(), 2.0 * (1u << 30));
}

}  // namespace
}  // namespace ferry::bench
