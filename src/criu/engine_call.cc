// SPDX-License-Identifier: Apache-2.0
#include "criu/engine_call.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "base/fd_message.h"
#include "base/log.h"
#include "criu/engine_side.h"
#include "criu/session.h"
#include "criu/shim.h"

namespace ferry::criu {

namespace fs = std::filesystem;

namespace {

constexpr int kPollMs = 10;  // between two looks at whether the engine lives
constexpr int kShimSpeaksMs = 2'000;
constexpr const char* kShimDirectory = "/run/ferry/bin";

base::Fd listen_at(const base::Path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  CHECK(path.native().size() < sizeof address.sun_path);
  std::copy_n(path.c_str(), path.native().size(), address.sun_path);
  base::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) throw base::SysError("socket", errno, "AF_UNIX");
  ::unlink(path.c_str());  // of a ferry that was killed: the workload's lock is ours
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 || ::listen(socket.get(), 4) < 0) {
    throw base::SysError("bind", errno, path.string());
  }
  return socket;
}

// Who is the engine's, of those that call. An engine may call its runtime from a process whose parent has ended (podman's conmon): as
// long as this lives, such a one becomes a child of ours, and is no one's that was there before.
class Offspring {
 public:
  Offspring() : others_(kernel::children_of(::getpid())) { become_reaper(1); }
  ~Offspring() { become_reaper(0); }
  Offspring(const Offspring&) = delete;
  Offspring& operator=(const Offspring&) = delete;

  bool has(pid_t pid) const {
    pid_t child = 0;
    while (pid > 1 && pid != ::getpid()) {
      child = pid;
      pid = kernel::parent_of(pid).value_or(0);
    }
    return pid == ::getpid() && std::ranges::find(others_, child) == others_.end();
  }

 private:
  static void become_reaper(unsigned long on) { (void)::prctl(PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); }
  std::vector<pid_t> others_;
};

void refuse_call(int socket, const char* why) {
  try {
    base::send_message(socket, nlohmann::json{{"refused", why}}.dump());
  } catch (const base::SysError& gone) {
    base::log("criu's shim: {}", gone.what());
  }
}

}  // namespace

std::string dump_call(pid_t root) { return fmt::format("dump-{}", root); }
std::string restore_call(const std::string& container_id) { return "restore-" + container_id; }

EngineCall::EngineCall(std::string name, Caller caller) : path_(base::Path(kCallsDirectory) / name), expected_(caller) {
  fs::create_directories(kCallsDirectory);
  ::chmod(kCallsDirectory, 0700);
  listener_ = listen_at(path_);
}

EngineCall::~EngineCall() { ::unlink(path_.c_str()); }

EngineCall::Call EngineCall::call(const base::Argv& engine, const base::SpawnOptions& options, base::MonoTime deadline,
                                  const std::function<std::string()>& engine_words) {
  const Offspring offspring;
  auto child = base::spawn(engine, options);
  for (;;) {
    if (const auto status = child.try_wait()) {
      throw base::Error({fmt::format("{} {} failed", engine[0], engine.size() > 1 ? engine[1] : ""),
                         fmt::format("it ended with status {}: {}", base::exit_code(*status), engine_words()), "", {}, {}});
    }
    if (base::mono_now() > deadline) {
      throw base::Error({fmt::format("{} does not come to its call of CRIU", engine[0]), engine_words(),
                         "see whether it can checkpoint without ferry", {}, {}});
    }
    if (!base::wait_readable(listener_.get(), kPollMs)) continue;
    base::Fd shim(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!shim || !base::wait_readable(shim.get(), kShimSpeaksMs)) continue;
    auto hello = base::receive_message(shim.get());
    if (hello.fds.size() != 1) continue;
    const auto caller = kernel::find_process(base::peer_of(shim.get()));
    if (!caller) continue;
    if (expected_ == Caller::kDaemon || offspring.has(caller->pid)) return {std::move(child), std::move(shim), std::move(hello.fds[0]), *caller};
    refuse_call(shim.get(), "ferry is moving this container");
  }
}

Session EngineCall::start(const base::Argv& engine, const base::SpawnOptions& options, const RealCriu& criu,
                          base::MonoTime deadline, const std::function<std::string()>& engine_words) {
  auto caller = call(engine, options, deadline, engine_words);
  base::FdPair sockets = base::make_socketpair(SOCK_SEQPACKET);
  auto side = std::make_unique<EngineSide>(std::move(caller.engine), caller.process, criu.untold);
  const nlohmann::json answer = {{"argv", criu.argv}, {"environment", criu.environment}};
  std::vector<int> given{sockets.second.get()};
  if (criu.netns >= 0) given.push_back(criu.netns);
  base::send_message(caller.shim.get(), answer.dump(), given);
  base::log("{} has started criu {} through ferry", engine[0], caller.process.pid);
  return Session(std::move(caller.child), std::move(sockets.first), std::move(side));
}

int EngineCall::stand_in(const base::Argv& engine, const base::SpawnOptions& options, bool success, const std::function<void()>& act,
                         base::MonoTime deadline, const std::function<std::string()>& engine_words) {
  auto caller = call(engine, options, deadline, engine_words);
  criu_req asked;
  if (!asked.ParseFromString(base::receive_message(caller.engine.get()).bytes)) {
    throw base::Error({fmt::format("cannot read what {} asks of CRIU", engine[0]), "its request is no message of CRIU's protocol", "", {}, {}});
  }
  act();
  criu_resp told;
  told.set_type(asked.type());
  told.set_success(success);
  if (asked.type() == DUMP) told.mutable_dump()->set_restored(false);  // libcriu reads it unasked
  base::send_message(caller.engine.get(), told.SerializeAsString());
  const nlohmann::json become = {{"argv", base::Argv{success ? "true" : "false"}}, {"environment", base::Argv{}}};
  base::send_message(caller.shim.get(), become.dump(), {caller.engine.get()});
  std::optional<int> status;
  while (!(status = caller.child.try_wait())) {
    if (base::mono_now() > deadline) {
      throw base::Error({fmt::format("{} does not come to an end", engine[0]), engine_words(), "see whether it can checkpoint without ferry", {}, {}});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kPollMs));
  }
  return base::exit_code(*status);
}

base::Path shim_directory() {
  link_to_ferry(base::Path(kShimDirectory) / "criu");
  return kShimDirectory;
}

std::string path_with_shim() {
  const char* path = std::getenv("PATH");
  return fmt::format("PATH={}:{}", shim_directory().string(), path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

}  // namespace ferry::criu
