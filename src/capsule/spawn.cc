// SPDX-License-Identifier: Apache-2.0
#include "capsule/spawn.h"

#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"

namespace ferry::capsule {

using base::SysError;

namespace {

constexpr auto kInitAnswers = std::chrono::seconds(10);
constexpr auto kDeathTakes = std::chrono::seconds(10);

// In the forked child: makes the namespaces, reports the pid of their first process and leaves the rest to it.
void become_init(const Spec& spec, int report_fd) {
  int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWTIME;
  if (spec.own_network) flags |= CLONE_NEWNET;
  if (spec.own_ipc) flags |= CLONE_NEWIPC;
  if (::unshare(flags) < 0) throw SysError("unshare", errno, "namespaces of a capsule");
  kernel::set_child_time_offsets(spec.time_offsets);
  const pid_t first = ::fork();
  if (first < 0) throw SysError("fork", errno, "");
  if (first > 0) {
    base::write_full(report_fd, std::as_bytes(std::span(&first, 1)));
    ::_exit(0);
  }
}

}  // namespace

Capsule Capsule::start(const Spec& spec) {
  base::FdPair control = base::make_socketpair(SOCK_SEQPACKET);
  base::FdPair report = base::make_pipe();
  base::SpawnOptions options;
  options.inherit = {control.second.get()};
  options.new_session = true;
  options.in_child = [&] { become_init(spec, report.second.get()); };
  base::Argv argv = {"/proc/self/exe", "capsule-init", "--name", spec.name,
                     "--control", std::to_string(control.second.get()),
                     "--last-pid", std::to_string(spec.last_pid)};
  base::Child first = base::spawn(argv, options);
  first.wait();
  report.second.reset();
  pid_t pid = 0;
  if (base::read_full(report.first.get(), std::as_writable_bytes(std::span(&pid, 1))) != sizeof pid) {
    throw base::Error({"cannot make a capsule", "its first process did not start", "", {}, {}});
  }
  const auto init = kernel::find_process(pid);
  Capsule capsule(init.value_or(kernel::ProcessId{pid, 0}), std::move(control.first));
  control.second.reset();
  if (capsule.ask("ready?") != "ready") {
    throw base::Error({"cannot make a capsule", "its init ended at once", "", {}, {}});
  }
  return capsule;
}

std::string Capsule::ask(const std::string& request) {
  if (::send(control_.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return "";
  if (!base::wait_readable(control_.get(), static_cast<int>(std::chrono::milliseconds(kInitAnswers).count()))) {
    return "";
  }
  std::string answer(4096, '\0');
  const ssize_t got = ::recv(control_.get(), answer.data(), answer.size(), 0);
  answer.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return answer;
}

pid_t Capsule::launch(const base::Argv& command, const kernel::Freezer& freezer, const base::Path& log) {
  const nlohmann::json request = {{"launch", command}, {"freezer", freezer.path().string()},
                                  {"log", log.string()}, {"cwd", std::filesystem::current_path().string()}};
  const auto answer = nlohmann::json::parse(ask(request.dump()), nullptr, false);
  if (answer.is_object() && answer.contains("pid")) return answer["pid"];
  const std::string why = answer.is_object() ? answer.value("error", "") : "its capsule ended";
  throw base::Error({fmt::format("cannot start {}", command.at(0)), why, "", {}, {}});
}

int Capsule::pin(const std::string& cpus, const std::vector<pid_t>& tids) {
  constexpr size_t kMost = 4000;  // in one message: its init takes 64 KiB
  int unpinned = 0;
  for (size_t done = 0; done < tids.size(); done += kMost) {
    const auto some = std::span(tids).subspan(done, std::min(kMost, tids.size() - done));
    const nlohmann::json request = {{"pin", cpus}, {"tids", std::vector<pid_t>(some.begin(), some.end())}};
    const auto answer = nlohmann::json::parse(ask(request.dump()), nullptr, false);
    if (!answer.is_object() || !answer.contains("unpinned")) {
      throw base::Error({"cannot pin the workload's threads to their CPUs", "its capsule ended", "", {}, {}});
    }
    unpinned += answer["unpinned"].get<int>();
  }
  return unpinned;
}

void Capsule::adopt(pid_t root_pid, const kernel::Freezer& freezer) {
  const nlohmann::json request = {{"adopt", root_pid}, {"freezer", freezer.path().string()}};
  if (ask(request.dump()) != "adopted") {
    throw base::Error({"the capsule did not take the restored workload", "its init has gone", "", {}, {}});
  }
}

void Capsule::destroy() { destroy_capsule(init_); }

void destroy_capsule(const kernel::ProcessId& init) {
  kernel::signal_process(init, SIGKILL);
  (void)kernel::ends_within(init, kDeathTakes);
}

}  // namespace ferry::capsule
