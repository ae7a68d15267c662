// SPDX-License-Identifier: Apache-2.0
//
// `ferry run` that cannot be: a clear word, the documented exit code, and nothing left of the attempt.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "support/move_test.h"

namespace ferry::testing {
namespace {

class RunTest : public MoveTest {
 protected:
  void expect_refused(const Argv& words, int status, const std::string& says) const {
    const std::string before = traces("east");
    const Result result = ferry("east", words);
    EXPECT_EQ(result.status, status) << fmt::format("{}", fmt::join(words, " ")) << ": " << result.err;
    EXPECT_NE(result.err.find(says), std::string::npos) << result.err;
    EXPECT_EQ(result.out, "");
    expect_traces("east", before);
  }
};

TEST_F(RunTest, NamesThatCannotBe) {
  for (const char* name : {"4242", "../etc", "a b", "", "-x", ".hidden", "a/b"}) {
    expect_refused({"run", fmt::format("--name={}", name), "--", "sleep", "1000"}, 2, "");
  }
  expect_refused({"run", "--name", "4242", "--", "sleep", "1000"}, 2, "taken for a pid");
  expect_refused({"run", "--name", std::string(65, 'a'), "--", "sleep", "1000"}, 2, "too long");
}

TEST_F(RunTest, ANameThatIsTaken) {
  run_counter();
  Connection open = connect();
  EXPECT_EQ(open.next(), 1);
  expect_refused({"run", "--name", "web", "--", "sleep", "1000"}, 3, "a workload of that name is running");
  EXPECT_EQ(open.next(), 2);
  EXPECT_EQ(ferry("east", {"logs", "web"}).out, fmt::format("READY {}\n", kPort));
  // A name is free again when its workload has ended.
  ASSERT_EQ(ferry("east", {"stop", "web"}).status, 0);
  run_counter();
  EXPECT_EQ(connect().next(), 1);
}

TEST_F(RunTest, AProgramThatDoesNotExist) {
  expect_refused({"run", "--name", "none", "--", "/no/such/program"}, 1, "/no/such/program");
  expect_refused({"run", "--name", "none", "--ip", "10.77.0.9/24", "--", "/no/such/program"}, 1, "No such file");
  expect_refused({"run", "--name", "none", "--ip", "10.77.0.9/24", "--", "/etc/hostname"}, 1, "Permission denied");
  EXPECT_EQ(ferry("east", {"ps", "-a", "--json"}).out, "[]\n");
}

TEST_F(RunTest, AddressesThatCannotBe) {
  for (const char* ip : {"10.77.0.999/24", "10.77.0.9", "web", "10.77.0.9/33"}) {
    expect_refused({"run", "--name", "web", "--ip", ip, "--", "sleep", "1000"}, 2, std::string(ip).substr(0, std::string(ip).find('/')));
  }
  expect_refused({"run", "--name", "web", "--ip", "10.77.0.1/24", "--", "sleep", "1000"}, 3, "this host itself has it");
  expect_refused({"run", "--name", "web", "--ip", "192.168.9.9/24", "--", "sleep", "1000"}, 3, "no bridge");
  expect_refused({"run", "--name", "web", "--gateway", "10.77.0.1", "--", "sleep", "1000"}, 2, "--gateway needs --ip");
  run_counter();
  expect_refused({"run", "--name", "second", "--ip", "10.77.0.9/24", "--", "sleep", "1000"}, 3, "web has it");
  EXPECT_EQ(connect().next(), 1);
}

TEST_F(RunTest, CommandLinesThatMakeNoSense) {
  expect_refused({"run", "--name", "web"}, 2, "command");
  expect_refused({"run", "--", "sleep", "1000"}, 2, "--name");
  expect_refused({"move", "web"}, 2, "destination");
  expect_refused({"stop"}, 2, "name");
  expect_refused({"move", "web", "root@west", "--tcp", "maybe"}, 2, "--tcp");
  expect_refused({"move", "web", "root@west", "--port", "9-1"}, 2, "9-1");
  expect_refused({"stop", "web", "--timeout", "10"}, 2, "10");
  expect_refused({"logs", "../../../etc"}, 2, "workload's name");
}

}  // namespace
}  // namespace ferry::testing
