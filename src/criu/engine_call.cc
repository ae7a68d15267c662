// SPDX-License-Identifier: Apache-2.0
#include "criu/engine_call.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

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

bool is_below(pid_t pid, pid_t ancestor) {
  while (pid > 1 && pid != ancestor) pid = kernel::parent_of(pid).value_or(0);
  return pid == ancestor;
}

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

EngineCall::EngineCall(std::string name) : path_(base::Path(kCallsDirectory) / name) {
  fs::create_directories(kCallsDirectory);
  ::chmod(kCallsDirectory, 0700);
  listener_ = listen_at(path_);
}

EngineCall::~EngineCall() { ::unlink(path_.c_str()); }

Session EngineCall::start(const base::Argv& engine, const base::SpawnOptions& options, const RealCriu& criu,
                          base::MonoTime deadline, const std::function<std::string()>& engine_words) {
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
    const base::Fd shim(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!shim || !base::wait_readable(shim.get(), kShimSpeaksMs)) continue;
    auto hello = base::receive_message(shim.get());
    if (hello.fds.size() != 1) continue;
    const auto caller = kernel::find_process(base::peer_of(shim.get()));
    if (!caller) continue;
    if (!is_below(caller->pid, child.pid())) {
      refuse_call(shim.get(), "ferry is moving this container");
      continue;
    }
    base::FdPair sockets = base::make_socketpair(SOCK_SEQPACKET);
    auto side = std::make_unique<EngineSide>(std::move(hello.fds[0]), *caller);
    const nlohmann::json answer = {{"argv", criu.argv}, {"environment", criu.environment}};
    std::vector<int> given{sockets.second.get()};
    if (criu.netns >= 0) given.push_back(criu.netns);
    base::send_message(shim.get(), answer.dump(), given);
    base::log("{} has started criu {} through ferry", engine[0], caller->pid);
    return Session(std::move(child), std::move(sockets.first), std::move(side));
  }
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
