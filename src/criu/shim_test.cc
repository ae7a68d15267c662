// SPDX-License-Identifier: Apache-2.0
//
// The real CRIU behind the shim, called as container engines call it.
#include "criu/shim.h"

#include <sys/socket.h>

#include "base/fd_message.h"
#include "criu/engine_call.h"
#include "criu/test_task.h"

namespace ferry::criu {
namespace {

// Asks its `criu` for what it is given, and tells on its output what that says; "go on" at every notification.
constexpr const char* kEngine = R"py(
import socket, subprocess, sys
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
criu = subprocess.Popen(["criu", "swrk", str(theirs.fileno())], pass_fds=[theirs.fileno()])
theirs.close()
ours.send(bytes.fromhex(sys.argv[1]))
for message in iter(lambda: ours.recv(65536), b""):
    NOTIFY = message[:2] == b"\x08\x06"
    print(message.hex(), flush=True)
    if not NOTIFY:
        break
    ours.send(bytes.fromhex(sys.argv[2]))
ours.close()
sys.exit(criu.wait())
)py";

std::string hex(const std::string& bytes) {
  std::string text;
  for (const unsigned char c : bytes) text += fmt::format("{:02x}", c);
  return text;
}

std::string unhex(const std::string& text) {
  std::string bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return bytes;
}

class ShimTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "CRIU needs root";
    std::filesystem::create_symlink(base::Path(FERRY_BINARY_DIR) / "ferry", directory_.path() / "criu");
  }
  // Nothing but the shim is called criu there, so it passes on to the one that came with ferry.
  std::string path_setting() const { return fmt::format("PATH={}:/usr/bin:/bin", directory_.path().string()); }

  base::Argv engine(const criu_req& request) const {
    criu_req go_on;
    go_on.set_type(NOTIFY);
    go_on.set_notify_success(true);
    return {"python3", "-c", kEngine, hex(request.SerializeAsString()), hex(go_on.SerializeAsString())};
  }
  // What CRIU said last, and the notifications before it.
  criu_resp last(const std::string& output, std::vector<std::string>* points = nullptr) const {
    std::istringstream lines(output);
    criu_resp response;
    for (std::string line; std::getline(lines, line);) {
      EXPECT_TRUE(response.ParseFromString(unhex(line))) << line;
      if (response.type() == NOTIFY && points != nullptr) points->push_back(response.notify().script());
    }
    return response;
  }
  criu_resp ask(const criu_req& request, std::vector<std::string>* points = nullptr) const {
    base::SpawnOptions options;
    options.environment = {path_setting()};
    const auto done = base::run(engine(request), {}, std::move(options));
    EXPECT_EQ(done.status, 0) << done.err;
    return last(done.out, points);
  }
  // As an engine asks: images by its own descriptor would be CRIU's to find, so by name here.
  criu_req dump_of(pid_t pid, const ImageSet& images) const {
    criu_req request;
    request.set_type(DUMP);
    auto* options = request.mutable_opts();
    options->set_images_dir_fd(-1);
    options->set_images_dir(images.link());
    options->set_log_file("dump.log");
    options->set_log_level(4);
    options->set_pid(pid);
    options->set_notify_scripts(true);
    options->set_leave_running(true);
    return request;
  }
  TemporaryDirectory directory_;
};

TEST_F(ShimTest, PassesOnWhatIsNoPartOfAMove) {
  base::SpawnOptions options;
  options.environment = {path_setting()};
  const auto version = base::run({(directory_.path() / "criu").string(), "--version"}, {}, std::move(options));
  EXPECT_EQ(version.status, 0) << version.err;
  EXPECT_NE(version.out.find("Version: " + installation_to_test().version()), std::string::npos) << version.out;

  criu_req asks_version;
  asks_version.set_type(VERSION);
  const auto told = ask(asks_version);
  EXPECT_TRUE(told.success());
  EXPECT_EQ(fmt::format("{}.{}", told.version().major_number(), told.version().minor_number()),
            installation_to_test().version().substr(0, 3));

  criu_req asks_features;
  asks_features.set_type(FEATURE_CHECK);
  asks_features.mutable_features()->set_mem_track(true);
  asks_features.mutable_features()->set_lazy_pages(true);
  EXPECT_TRUE(ask(asks_features).success());
  EXPECT_TRUE(ask(asks_features).features().lazy_pages());
}

// Also while a ferry waits for other containers, and where one that was killed has left its place.
TEST_F(ShimTest, AnotherContainersDumpAndRestoreAreTheEnginesOwn) {
  const EngineCall other_dump(dump_call(1)), other_restore(restore_call("other"));
  TestTask task([](const TestTask::Say& say) {
    say("runs");
    for (int i = 0;; ++i) {
      ::usleep(20'000);
      say(fmt::format("tick {}", i));
    }
  });
  task.await("tick 3");
  const ImageSet images("shim-" + std::to_string(::getpid()), 0);
  std::vector<std::string> points;
  EXPECT_TRUE(ask(dump_of(task.pid(), images), &points).success()) << base::try_read_file(images.directory() / "dump.log").value_or("");
  EXPECT_NE(std::ranges::find(points, "post-dump"), points.end());
  ::kill(task.pid(), SIGKILL);
  ::waitpid(task.pid(), nullptr, 0);
  task.forget_said();

  auto restore = dump_of(task.pid(), images);
  restore.set_type(RESTORE);
  restore.mutable_opts()->clear_leave_running();
  restore.mutable_opts()->set_log_file("restore.log");
  EXPECT_TRUE(ask(restore).success()) << base::try_read_file(images.directory() / "restore.log").value_or("");
  EXPECT_EQ(task.await("tick").find("runs"), std::string::npos) << "it was started afresh";
}

// The engine's request comes to ferry, which adds to it and holds what CRIU says; the engine hears of what ferry lets pass.
class HeldCallTest : public ShimTest {
 protected:
  Session start(const criu_req& request, const std::string& call) {
    base::FdPair pipe = base::make_pipe();
    said_ = std::move(pipe.first);
    base::SpawnOptions options;
    options.stdout_fd = pipe.second.get();
    options.environment = {path_setting()};
    EngineCall waiting(call);
    return waiting.start(engine(request), options, {installation_to_test().command({}), {}}, base::mono_now() + kTestLimit,
                         [] { return std::string("?"); });
  }
  std::string engine_said() const {
    std::string text(1 << 16, '\0');
    text.resize(base::read_full(said_.get(), std::as_writable_bytes(std::span(text))));
    return text;
  }
  base::Fd said_;
};

TEST_F(HeldCallTest, ADumpIsHeldAtItsGateAndGivenUp) {
  TestTask task([](const TestTask::Say& say) { say("runs"); });
  task.await("runs");
  const ImageSet theirs("shim-engine-" + std::to_string(::getpid()), 0), ours("shim-ours-" + std::to_string(::getpid()), 0);
  auto session = start(dump_of(task.pid(), theirs), dump_call(task.pid()));
  EXPECT_EQ(kernel::comm_of(session.process().pid).find("python"), std::string::npos);
  auto request = dump_request(ours.link(), task.pid(), {});
  request.mutable_opts()->clear_freeze_cgroup();
  session.request(request);
  const auto event = session.run_until("post-dump", base::mono_now() + kTestLimit);
  ASSERT_TRUE(std::holds_alternative<Notified>(event)) << base::try_read_file(ours.directory() / kDumpLog).value_or("no log");
  EXPECT_TRUE(std::filesystem::exists(ours.directory() / "inventory.img"));  // ferry's place, not the engine's
  EXPECT_FALSE(std::filesystem::exists(theirs.directory() / "inventory.img"));
  EXPECT_EQ(kernel::task_state(task.pid()), 't') << "it does not stand still at the gate";
  session.answer(false);
  const auto end = session.run_until("", base::mono_now() + kTestLimit);
  ASSERT_TRUE(std::holds_alternative<Finished>(end));
  EXPECT_FALSE(std::get<Finished>(end).success);
  EXPECT_TRUE(session.end_of_engine(base::mono_now() + kTestLimit).has_value());
  std::vector<std::string> points;
  EXPECT_FALSE(last(engine_said(), &points).success());
  EXPECT_EQ(std::ranges::find(points, "post-dump"), points.end()) << "the engine was told of a dump that was given up";
  EXPECT_NE(kernel::task_state(task.pid()), 't');
}

// And nothing is done: neither by CRIU nor to the task. The second engine calls from a process whose parent has ended, as conmon does.
TEST_F(HeldCallTest, AnEngineIsAnsweredWithoutCriu) {
  TestTask task([](const TestTask::Say& say) { say("runs"); });
  task.await("runs");
  const ImageSet images("shim-none-" + std::to_string(::getpid()), 0);
  const auto plain = engine(dump_of(task.pid(), images));
  base::Argv orphaned{"bash", "-c", "(\"$@\" &); sleep 2", "bash"};
  orphaned.insert(orphaned.end(), plain.begin(), plain.end());
  for (const auto& [argv, success] : {std::pair(plain, true), std::pair(plain, false), std::pair(orphaned, true)}) {
    base::FdPair pipe = base::make_pipe();
    said_ = std::move(pipe.first);
    base::SpawnOptions options;
    options.stdout_fd = pipe.second.get();
    options.environment = {path_setting()};
    EngineCall waiting(dump_call(task.pid()));
    bool acted = false;
    const int status = waiting.stand_in(argv, options, success, [&] { acted = true; }, base::mono_now() + kTestLimit, [] { return std::string("?"); });
    pipe.second.reset();
    EXPECT_EQ(status == 0, success);
    EXPECT_TRUE(acted);
    const auto told = last(engine_said());
    EXPECT_EQ(told.success(), success);
    EXPECT_EQ(told.type(), DUMP);
    EXPECT_TRUE(std::filesystem::is_empty(images.directory()));
    EXPECT_NE(kernel::task_state(task.pid()), 't');
  }
}

TEST_F(HeldCallTest, SomebodyElsesCallIsRefused) {
  TestTask task([](const TestTask::Say& say) { say("runs"); });
  task.await("runs");
  const ImageSet images("shim-else-" + std::to_string(::getpid()), 0);
  EngineCall waiting(dump_call(task.pid()));
  base::SpawnOptions options;
  options.environment = {path_setting()};
  auto stranger = base::spawn(engine(dump_of(task.pid(), images)), options);
  EXPECT_THROW(waiting.start({"sleep", "2"}, {}, {installation_to_test().command({}), {}}, base::mono_now() + kTestLimit,
                             [] { return std::string("?"); }),
               base::Error);  // "sleep" ends without a call
  EXPECT_EQ(base::exit_code(stranger.wait()), 1);
  EXPECT_FALSE(std::filesystem::exists(images.directory() / "inventory.img"));
}

}  // namespace
}  // namespace ferry::criu
