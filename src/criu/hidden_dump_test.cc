// SPDX-License-Identifier: Apache-2.0
//
// What the real CRIU makes of hidden memory: dumps.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

#include "criu/hidden_memory.h"
#include "criu/lazy_entries.h"
#include "criu/prepared_smaps.h"
#include "criu/test_task.h"

namespace ferry::criu {
namespace {

constexpr size_t kPagesEach = 32;
// Put together at run time: the programs image must not contain them.
std::string mark(char kind) {
  return std::string("a mark of kind ") + kind + ", 32 bytes long: " + kind;
}

void fill(void* at, size_t size, const std::string& text) {
  for (size_t i = 0; i + text.size() <= size; i += text.size())
    std::memcpy(static_cast<char*>(at) + i, text.data(), text.size());
}

class HiddenDump : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "CRIU needs root";
  }

  // 'h' and 's' in areas of their own, 'k' on the stack.
  static void live(const TestTask::Say& say) {
    for (const auto& [place, kind] : {std::pair{kHidden, 'h'}, {kShown, 's'}}) {
      void* at =
          ::mmap(reinterpret_cast<void*>(place), kPagesEach * kTestPage, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
      if (at == MAP_FAILED) ::_exit(1);
      fill(at, kPagesEach * kTestPage, mark(kind));
    }
    char on_stack[4 * kTestPage];
    fill(on_stack, sizeof on_stack, mark('k'));
    say(std::string("ready ") + on_stack[0]);
    for (;;) ::pause();
  }
  static std::map<pid_t, HiddenTask> all_but_shown(pid_t pid) {
    HiddenTask task;
    for (const auto& range : anonymous_memory(pid)) {
      if (range.start != kShown) task.ranges.push_back(range);
    }
    return {{pid, task}};
  }
  void expect_only_shown(const std::string& image) {
    EXPECT_EQ(count_of(image, mark('h')), 0u);
    EXPECT_EQ(count_of(image, mark('k')), 0u) << "the stack";
    EXPECT_EQ(count_of(image, mark('s')), kPagesEach * kTestPage / mark('s').size());
  }

  static constexpr uint64_t kHidden = 0x200000000000, kShown = 0x210000000000;
};

TEST_F(HiddenDump, TheImagesHoldWhatIsNotHidden) {
  const TestTask task(live);
  task.await("ready");
  TestDump dump("shown");
  const Event event = dump.run(task.pid(), [&] { return all_but_shown(task.pid()); });
  ASSERT_TRUE(std::holds_alternative<Notified>(event)) << dump.log();
  expect_only_shown(dump.page_image());
  dump.finish();
}

TEST_F(HiddenDump, ATaskWithNothingHiddenIsDumpedWhole) {
  const TestTask task(live);
  task.await("ready");
  TestDump dump("whole");
  const Event event = dump.run(task.pid(), [&] {
    return std::map<pid_t, HiddenTask>{{task.pid(), {}}};
  });
  ASSERT_TRUE(std::holds_alternative<Notified>(event)) << dump.log();
  const std::string image = dump.page_image();
  for (const char kind : {'h', 's'}) {  // more: what an earlier test has left in this process
    EXPECT_GE(count_of(image, mark(kind)), kPagesEach * kTestPage / mark(kind).size()) << kind;
  }
  EXPECT_GT(count_of(image, mark('k')), 0u);
  dump.finish();
}

TEST_F(HiddenDump, PagesThatWouldNotBeRestoredAreFound) {
  const TestTask task(live);
  task.await("ready");
  TestDump dump("found");
  Event event = dump.run(task.pid(), [&] { return all_but_shown(task.pid()); });
  ASSERT_TRUE(std::holds_alternative<Notified>(event)) << dump.log();
  EXPECT_EQ(pages_nobody_restores(dump.images().directory()),
            fmt::format("pages of process {} from {:x} on", task.pid(), kShown));
  dump.finish();
}

TEST_F(HiddenDump, ATaskThatIsNotKnownIsNotDumped) {
  const TestTask task(live);
  task.await("ready");
  for (const std::vector<std::string>& way :
       {std::vector<std::string>{}, {std::string("CRIU_FAULT=135")}}) {
    TestDump dump("unknown");
    const Event event = dump.run(
        task.pid(),
        [&] {
          return std::map<pid_t, HiddenTask>{{task.pid() + 1, {}}};
        },
        way);
    const auto* finished = std::get_if<Finished>(&event);
    ASSERT_TRUE(finished != nullptr && !finished->success) << dump.log();
    EXPECT_EQ(::kill(task.pid(), 0), 0);
  }
}

// As CRIU 3 does, and CRIU 4 on kernels before 6.7: it reads /proc/PID/pagemap.
TEST_F(HiddenDump, AlsoFromACriuThatDoesNotScan) {
  const TestTask task(live);
  task.await("ready");
  TestDump dump("read");
  // fault-injection.h: FI_DONT_USE_PAGEMAP_SCAN.
  const Event event =
      dump.run(task.pid(), [&] { return all_but_shown(task.pid()); }, {"CRIU_FAULT=135"});
  ASSERT_TRUE(std::holds_alternative<Notified>(event)) << dump.log();
  expect_only_shown(dump.page_image());
  dump.finish();
}

TEST_F(HiddenDump, WithoutTheFileNothingIsDumped) {
  const TestTask task(live);
  task.await("ready");
  TestDump dump("none");
  const Event event = dump.run(task.pid(), {});
  const auto* finished = std::get_if<Finished>(&event);
  ASSERT_TRUE(finished != nullptr && !finished->success) << dump.log();
  EXPECT_NE(explain(event, dump.images().directory() / kDumpLog)
                .why.find("what memory ferry moves itself"),
            std::string::npos);
  EXPECT_EQ(::kill(task.pid(), 0), 0);
}

TEST_F(HiddenDump, CriuReadsThePreparedSmaps) {
  const TestTask task(live);
  task.await("ready");
  const auto read = [&](const char* name) {
    return base::read_file(fmt::format("/proc/{}/{}", task.pid(), name));
  };
  TestDump dump("smaps");
  const Event event = dump.run(task.pid(), [&] {
    auto tasks = all_but_shown(task.pid());
    const std::string line =
        fmt::format("{:x}-{:x} rw-p 00000000 00:00 0 ", kShown, kShown + kPagesEach * kTestPage);
    std::string smaps = prepare_smaps(read("smaps"), read("maps")).value_or("");
    EXPECT_NE(smaps.find(line), std::string::npos) << smaps;
    // A name that the kernel does not know: CRIU logs the lines that it reads.
    tasks[task.pid()].smaps = smaps.insert(smaps.find(line) + line.size(), "[prepared by ferry]");
    return tasks;
  });
  ASSERT_TRUE(std::holds_alternative<Notified>(event)) << dump.log();
  EXPECT_NE(dump.log().find("[prepared by ferry]"), std::string::npos);
  expect_only_shown(dump.page_image());
  dump.finish();
}

}  // namespace
}  // namespace ferry::criu
