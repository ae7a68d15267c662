// SPDX-License-Identifier: Apache-2.0
//
// What tests of the memory plane share: a writer (workloads/memory_writer) that knows what every
// page of its memory must hold.
#pragma once

#include <fmt/format.h>

#include "support/move_test.h"

namespace ferry::testing {

class MemoryTest : public MoveTest {
 protected:
  // As "writer", at kAddress:kPort.
  void run_writer(const std::string& size, const std::string& hot, const std::string& rate) const {
    run("east", "writer", {"--ip", fmt::format("{}/24", kAddress)},
        {FERRY_BINARY_DIR "/memory_writer", "--size", size, "--hot", hot, "--rate", rate, "--port",
         std::to_string(kPort)});
    ASSERT_TRUE(comes_true(
        [&] {
          return ferry("east", {"logs", "writer"}).out.starts_with("READY");
        },
        30'000));
  }
  // It goes on writing, and no page is wrong or old.
  void expect_whole(Connection& open) const {
    const int before = std::stoi(open.get("/writes"));
    EXPECT_TRUE(comes_true([&] { return std::stoi(open.get("/writes")) > before; }));
    EXPECT_TRUE(open.get("/verify").starts_with("0 ")) << open.get("/verify");
  }
  bool is_settling(const std::string& host) const {
    return lab().shell(host, "test -n \"$(pgrep -f '[f]erry fill|exe fill')\"").status == 0;
  }
};

}  // namespace ferry::testing
