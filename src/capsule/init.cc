// SPDX-License-Identifier: Apache-2.0
#include "capsule/init.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/subprocess.h"
#include "capsule/record.h"
#include "kernel/affinity.h"

namespace ferry::capsule {

using base::SysError;
using nlohmann::json;

namespace {

// What happens to mounts on the host reaches the capsule, not the other way round; /proc shows its own pids.
void prepare_mounts() {
  if (::mount("", "/", nullptr, MS_REC | MS_SLAVE, nullptr) < 0) throw SysError("mount", errno, "slave /");
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) < 0) {
    throw SysError("mount", errno, "/proc");
  }
}

constexpr int kLookAgainMs = 100;

class Init {
 public:
  explicit Init(const InitOptions& options) : name_(options.name), control_(options.control_fd) {
    ::fcntl(control_.get(), F_SETFD, FD_CLOEXEC);
    prepare_mounts();
    if (options.last_pid > 0) {
      base::write_file("/proc/sys/kernel/ns_last_pid", std::to_string(options.last_pid));
    }
    sigset_t watched;
    sigemptyset(&watched);
    for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&watched, number);
    ::sigprocmask(SIG_BLOCK, &watched, nullptr);
    signals_ = base::Fd(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  int run() {
    for (;;) {
      pollfd entries[2] = {{signals_.get(), POLLIN, 0}, {control_.get(), POLLIN, 0}};
      // Somebody else's children (CRIU's) may be the last here: their end sends us no signal.
      const int ready = ::poll(entries, 2, childless_ ? kLookAgainMs : -1);
      if (ready < 0 && errno != EINTR) return 1;
      if ((entries[0].revents != 0 || ready == 0) && handle_signals()) return 0;
      if (entries[1].revents != 0 && !handle_request()) {
        if (root_ == 0) return 0;  // our maker has gone without a workload: nothing here may live on
        control_.reset();
      }
    }
  }

 private:
  // True when the last task has gone.
  bool handle_signals() {
    signalfd_siginfo info;
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
      // Once the root has been reaped its pid may be another's: then all that is left is told.
      if (info.ssi_signo == SIGTERM && root_ > 0) ::kill(exit_status_ ? -1 : root_, SIGTERM);
    }
    int status = 0;
    pid_t pid;
    while ((pid = ::waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
      if (pid == root_) exit_status_ = base::exit_code(status);
    }
    // Some live on; or none is ours yet, or CRIU, whose child the root still is, has not let go of it.
    childless_ = pid < 0 && root_ > 0;
    if (!childless_ || !is_alone()) return false;
    record_end();
    return true;
  }

  static bool is_alone() {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (std::isdigit(static_cast<unsigned char>(name[0])) && name != "1") return false;
    }
    return true;
  }

  void record_end() {
    if (exit_status_) save_exit_status(name_, *exit_status_);
    if (!freezer_.empty()) ::rmdir(freezer_.c_str());
  }

  bool handle_request() {
    std::string request(65536, '\0');
    const ssize_t got = ::recv(control_.get(), request.data(), request.size(), 0);
    if (got <= 0) return false;
    request.resize(static_cast<size_t>(got));
    std::string answer = "ready";
    if (request != "ready?") answer = obey(json::parse(request));
    ::send(control_.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    return true;
  }

  std::string obey(const json& request) {
    if (request.contains("adopt")) {
      root_ = request["adopt"];
      freezer_ = request.value("freezer", "");
      return "adopted";
    }
    try {
      if (request.contains("pin")) return pin(request).dump();
      launch(request);
      return json{{"pid", root_}}.dump();
    } catch (const std::exception& failure) {
      return json{{"error", failure.what()}}.dump();
    }
  }

  // Here, because here the threads have the ids that the source has told.
  static json pin(const json& request) {
    const auto cpus = kernel::CpuSet::parse(request["pin"].get<std::string>());
    int unpinned = 0;
    for (const pid_t tid : request["tids"]) unpinned += kernel::set_affinity(tid, cpus) ? 0 : 1;
    return {{"unpinned", unpinned}};
  }

  void launch(const json& request) {
    const std::string freezer = request["freezer"], cwd = request["cwd"];
    const base::Fd log = base::open_file(request["log"].get<std::string>(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    base::SpawnOptions options;
    options.stdout_fd = options.stderr_fd = log.get();
    options.new_session = true;
    options.in_child = [&] {
      base::write_file(freezer + "/cgroup.procs", "0");
      if (::chdir(cwd.c_str()) < 0) throw SysError("chdir", errno, cwd);
    };
    root_ = base::spawn(request["launch"].get<base::Argv>(), options).release();
    freezer_ = freezer;
  }

  std::string name_;
  base::Fd control_;
  base::Fd signals_;
  pid_t root_ = 0;
  std::string freezer_;
  std::optional<int> exit_status_;
  bool childless_ = false;
};

}  // namespace

int run_init(const InitOptions& options) { return Init(options).run(); }

}  // namespace ferry::capsule
