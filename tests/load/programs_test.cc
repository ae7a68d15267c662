// SPDX-License-Identifier: Apache-2.0
//
// The workloads that ship with ferry, without a lab: do they notice what is done to them?
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "base/clock.h"
#include "base/fd.h"
#include "load/generator.h"
#include "support/lab.h"
#include "support/poll.h"

namespace ferry::testing {
namespace {

using std::chrono::milliseconds;

std::string workload(const char* name) { return fmt::format("{}/{}", FERRY_BINARY_DIR, name); }

// "key=value key=value …"
std::map<std::string, std::string> fields(const std::string& line) {
  std::map<std::string, std::string> all;
  std::istringstream in(line);
  for (std::string word; in >> word;) {
    const size_t equals = word.find('=');
    all[word.substr(0, equals)] = equals == std::string::npos ? "" : word.substr(equals + 1);
  }
  return all;
}

TEST(Compute, KnowsHowLongItDidNotRunAndThatItIsRight) {
  Background compute = start_program({workload("compute"), "--report", "0.2"});
  ASSERT_TRUE(compute.read_line());
  ASSERT_TRUE(compute.signal(SIGSTOP));
  const auto begin = base::mono_now();
  std::this_thread::sleep_for(milliseconds(500));
  const double stopped_ms = base::ms_between(begin, base::mono_now());
  compute.signal(SIGCONT);
  ASSERT_TRUE(compute.read_line());
  compute.signal(SIGTERM);
  EXPECT_EQ(compute.wait(), 0);
  std::string last;
  while (const auto line = compute.read_line()) last = *line;
  auto report = fields(last);
  EXPECT_EQ(report["right"], "yes") << last;
  const double longest_ms = std::stod(report["longest_ms"]);
  EXPECT_GE(longest_ms, stopped_ms - 10) << last;
  EXPECT_LE(longest_ms, stopped_ms + 200) << last;
  EXPECT_GE(std::stod(report["lost_ms"]), longest_ms - 1) << last;
  EXPECT_GE(std::stod(report["longest_at_s"]), 0.1) << last;
}

TEST(Compute, EndsByItself) {
  const Result result = base::run({workload("compute"), "--seconds", "0.3"});
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.out.find("right=yes"), std::string::npos) << result.out;
}

class MemoryWriterTest : public ::testing::Test {
 protected:
  void start(const Argv& options) {
    Argv argv{workload("memory_writer"), "--address", "127.0.0.1", "--port", "0"};
    argv.insert(argv.end(), options.begin(), options.end());
    writer_ = start_program(argv);
    const auto ready = writer_.read_line(60'000);
    ASSERT_TRUE(ready && ready->starts_with("READY ")) << ready.value_or("(nothing)");
    url_ = "http://127.0.0.1:" + ready->substr(6);
  }
  void TearDown() override { writer_.signal(SIGKILL); }

  // The body of one answer.
  std::string get(const std::string& path) const {
    load::Options options;
    options.url = url_ + path;
    options.rate = 1000;
    options.duration = milliseconds(1);
    options.timeout = std::chrono::seconds(30);
    std::string body;
    options.check = [&](std::string_view text) -> std::optional<std::string> {
      body = text;
      return std::nullopt;
    };
    const load::Result result = load::run(options);
    if (!result.examples.empty()) body = result.examples[0].message;
    return body;
  }
  std::vector<uint64_t> numbers(const std::string& path) const {
    std::istringstream in(get(path));
    std::vector<uint64_t> all;
    for (uint64_t number = 0; in >> number;) all.push_back(number);
    return all;
  }
  uint64_t writes() const { return numbers("/writes").at(0); }

  Background writer_;
  std::string url_;
};

TEST_F(MemoryWriterTest, WritesAtTheRateOfItsDial) {
  start({"--size", "16MiB", "--hot", "4MiB", "--rate", "4096kB/s"});
  EXPECT_EQ(numbers("/writes").at(1), 4096u);
  EXPECT_EQ(numbers("/writes").at(2), 1024u);
  const auto begin = base::mono_now();
  const uint64_t before = writes();
  std::this_thread::sleep_for(milliseconds(1000));
  const double pages = static_cast<double>(writes() - before);
  const double seconds = base::ms_between(begin, base::mono_now()) / 1000;
  EXPECT_LE(pages, 1000 * seconds * 1.1 + 30);
  EXPECT_GE(pages, 1000 * seconds * 0.3) << "a busy machine makes it slower, but not so much";

  EXPECT_EQ(numbers("/rate?0").at(3), 0u);
  const uint64_t stopped = writes();
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(writes(), stopped);
  EXPECT_EQ(numbers("/rate?80MB/s").at(3), 80'000'000u);
  EXPECT_TRUE(comes_true([&] { return writes() > stopped + 2 * 1024; })) << "every hot page twice";
  EXPECT_NE(get("/rate?many").find("400"), std::string::npos);
  EXPECT_EQ(numbers("/rate?").size(), 0u);
  const auto verdict = numbers("/verify");
  EXPECT_EQ(verdict.at(0), 0u);
  EXPECT_EQ(verdict.at(1), 4096u);
}

// Where page `number` of a writer's memory is, by what it holds.
off_t find_page(pid_t pid, const base::Fd& memory, uint64_t number) {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  for (std::string line; std::getline(maps, line);) {
    uint64_t begin = 0, end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx rw-p", &begin, &end) != 2) continue;
    for (uint64_t at = begin; at < end; at += 4096) {
      uint64_t head[2] = {};
      const auto place = static_cast<off_t>(at);
      if (::pread(memory.get(), head, sizeof head, place) != sizeof head) break;
      if (head[0] == number && head[1] == 0) return place;
    }
  }
  return 0;
}

TEST_F(MemoryWriterTest, FindsTheByteThatWasChanged) {
  start({"--size", "8MiB", "--rate", "0"});
  EXPECT_EQ(get("/verify"), "0 2048 0\n");
  const base::Fd memory = base::open_file(fmt::format("/proc/{}/mem", writer_.pid()), O_RDWR);
  const off_t page = find_page(writer_.pid(), memory, 2047);
  ASSERT_NE(page, 0);
  char byte = 0;
  ASSERT_EQ(::pread(memory.get(), &byte, 1, page + 3000), 1);
  byte = static_cast<char>(byte ^ 1);
  ASSERT_EQ(::pwrite(memory.get(), &byte, 1, page + 3000), 1);
  EXPECT_EQ(get("/verify"), "1 2048 0\npage 2047 of write 0 has another word 375\n");
}

TEST_F(MemoryWriterTest, AnswersAsTheWebCounterDoes) {
  start({"--size", "1MiB"});
  EXPECT_EQ(get("/next"), "1\n");
  EXPECT_EQ(get("/next"), "2\n");
  EXPECT_EQ(get("/value"), "2\n");
  EXPECT_EQ(numbers("/id").at(0), static_cast<uint64_t>(writer_.pid()));
  EXPECT_EQ(numbers("/clock").size(), 4u);
  EXPECT_EQ(numbers("/clock").at(3), 0u);
  EXPECT_NE(get("/nothing").find("404"), std::string::npos);
}

TEST(MemoryWriter, RefusesWhatItDoesNotUnderstand) {
  EXPECT_NE(base::run({workload("memory_writer"), "--size", "many"}).status, 0);
  EXPECT_NE(base::run({workload("memory_writer"), "--size", "1MiB", "--rate", "5"}).status, 0);
  EXPECT_NE(base::run({workload("memory_writer"), "--size", "900000GiB"}).status, 0);
}

}  // namespace
}  // namespace ferry::testing
