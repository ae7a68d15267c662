// SPDX-License-Identifier: Apache-2.0
#include "criu/session.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <memory>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "kernel/spawn_in.h"
#include "process/blockers.h"

namespace ferry::criu {

using base::SysError;

namespace {

constexpr int kLogLevel = 3;               // info: without it a failure cannot be explained; costs < 1 ms

}  // namespace

Session Session::start(const Installation& installation, const kernel::Namespaces& namespaces,
                       base::SpawnOptions options) {
  base::FdPair sockets = base::make_socketpair(SOCK_SEQPACKET);
  const int theirs = sockets.second.get();
  options.inherit.push_back(theirs);
  auto child =
      kernel::spawn_in(namespaces, installation.command({"swrk", std::to_string(theirs)}), std::move(options));
  return Session(std::move(child), std::move(sockets.first));
}

void Session::warm_up(base::MonoTime deadline) {
  criu_req check;
  check.set_type(FEATURE_CHECK);
  check.set_keep_open(true);
  check.mutable_features()->set_mem_track(true);
  request(check);
  const Event event = next(deadline);
  const auto* finished = std::get_if<Finished>(&event);
  if (finished && finished->success) return;
  base::refuse("CRIU does not work on this host", "it cannot probe the kernel", "see what `criu check` says there");
}

void Session::request(const criu_req& request) {
  const bool is_call = request.type() == DUMP || request.type() == RESTORE;
  send((engine_ && is_call ? engine_->with(request) : request).SerializeAsString());
}

void Session::send(std::string_view bytes) {
  if (::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0) return;
  // A CRIU that is not there any more: next() says how it ended.
  if (errno != EPIPE && errno != ECONNRESET) throw SysError("send", errno, "to criu");
}

Event Session::next(base::MonoTime deadline, int wake_fd) {
  pollfd entries[2] = {{socket_.get(), POLLIN, 0}, {wake_fd, POLLIN, 0}};
  for (;;) {
    const int ready = ::poll(entries, 2, base::ms_until(deadline));
    if (ready > 0) break;
    if (ready == 0) return TimedOut{};
    if (errno != EINTR) throw SysError("poll", errno, "criu");
  }
  if (entries[0].revents == 0) return Interrupted{};
  auto message = base::receive_message(socket_.get());
  criu_resp response;
  if (message.bytes.empty() || !response.ParseFromString(message.bytes)) return died();
  if (response.type() == NOTIFY) {
    base::log("criu {}: {}", process().pid, response.notify().script());
    if (engine_) engine_->keep(std::move(message), response.notify().script());
    return Notified{response.notify().script(), response.notify().pid()};
  }
  if (engine_ && engine_->is_asked()) engine_->tell(message.bytes);
  return Finished{response.success(), response.cr_errno(), response.cr_errmsg(), response.restore().pid()};
}

// How an engine's CRIU ended only the engine knows, and it does not say.
Event Session::died() {
  if (engine_) engine_->hang_up();
  return Died{child_ && !engine_ ? child_.wait() : 0};
}

Event Session::run_until(const std::string& point, base::MonoTime deadline, int wake_fd) {
  for (;;) {
    Event event = next(deadline, wake_fd);
    const auto* notified = std::get_if<Notified>(&event);
    if (notified == nullptr || notified->point == point) return event;
    answer(true);
  }
}

void Session::answer(bool go_on) {
  if (engine_ && go_on) {
    const auto theirs = engine_->ask();
    if (!theirs.empty()) return send(theirs);
    go_on = false;  // CRIU must not go on for an engine that does not know of it
  }
  criu_req reply;
  reply.set_type(NOTIFY);
  reply.set_notify_success(go_on);
  request(reply);
}

bool Session::has_lost_engine() const {
  siginfo_t ended{};
  return engine_ && child_ && ::waitid(P_PID, static_cast<id_t>(child_.pid()), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0;
}

std::optional<int> Session::end_of_engine(base::MonoTime deadline) {
  if (!engine_) return std::nullopt;
  engine_->hang_up();  // whatever it has been told, there is no more
  constexpr auto kPoll = std::chrono::milliseconds(2);
  for (;;) {
    if (const auto status = child_.try_wait()) return base::exit_code(*status);
    if (base::mono_now() > deadline) return std::nullopt;
    std::this_thread::sleep_for(kPoll);
  }
}

namespace {

Diagnosis explain_death(int wait_status, const base::Path& log) {
  if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL) {
    return {"CRIU was killed (signal 9): by somebody, or because memory ran out",
            kAfterAKill};
  }
  if (WIFSIGNALED(wait_status)) {
    return {fmt::format("CRIU was ended by signal {}; {}", WTERMSIG(wait_status), last_words(log)),
            "try again; if it happens every time, use another version of CRIU (tools/get-criu) and report it with the log"};
  }
  auto found = diagnose(log);
  if (found.is_known()) return found;
  return {fmt::format("CRIU ended with status {}; {}", WEXITSTATUS(wait_status), last_words(log)),
          "see whether `criu check` works on that host; tools/get-criu gets one that does"};
}

}  // namespace

Diagnosis explain(const Event& event, const base::Path& log) {
  if (const auto* died = std::get_if<Died>(&event)) return explain_death(died->wait_status, log);
  auto found = diagnose(log);
  if (found.is_known()) return found;
  if (std::holds_alternative<TimedOut>(event)) {
    return {fmt::format("CRIU did not come to an end in time; {}", last_words(log)),
            "try again when the host is less busy; a task that waits for a disk or NFS can hold it too (ps -eo pid,stat,wchan,comm)"};
  }
  // Its own last words are what is left when the log is cut off, as on a full disk.
  const auto* finished = std::get_if<Finished>(&event);
  if (finished && !has_errors(log)) {
    const bool as_in_a_log = finished->message.find("Error (") != std::string::npos;
    const auto words = as_in_a_log ? complaint_in(finished->message) : std::optional(finished->message);
    if (words && !words->empty()) found.why = "CRIU says: " + *words;
  }
  found.remedy = "the log tells what CRIU was at; `ferry check` may know more of the workload";
  return found;
}

namespace {

criu_req common_request(const std::string& images, const char* log) {
  criu_req request;
  auto* options = request.mutable_opts();
  options->set_images_dir_fd(-1);
  options->set_images_dir(images);
  options->set_log_file(log);
  options->set_log_level(kLogLevel);
  options->set_notify_scripts(true);
  options->set_tcp_established(true);
  options->set_file_locks(true);
  options->set_network_lock(SKIP);  // the workload's port is shut instead: no rule that could stay behind
  // The cgroup is ferry's, on both sides: a recorded frozen one would restore tasks that hang.
  options->set_manage_cgroups(false);
  options->set_manage_cgroups_mode(IGNORE);
  options->set_ghost_limit(process::kGhostLimit);
  options->set_timeout(0);  // no alarm: CRIU waits at our gates
  return request;
}

}  // namespace

criu_req dump_request(const std::string& images, pid_t pid, const base::Path& freezer) {
  criu_req request = common_request(images, kDumpLog);
  request.set_type(DUMP);
  request.mutable_opts()->set_pid(pid);
  request.mutable_opts()->set_freeze_cgroup(freezer.string());
  request.mutable_opts()->set_leave_running(false);  // said, because an engine may have said otherwise
  return request;
}

criu_req restore_request(const std::string& images, Pages pages) {
  criu_req request = common_request(images, kRestoreLog);
  request.set_type(RESTORE);
  request.mutable_opts()->set_lazy_pages(pages == Pages::kOnDemand);
  return request;
}

namespace {

constexpr const char* kNetworkKey = "ferry-network";

}  // namespace

void leave_network_alone(criu_req& dump, uint64_t netns) { dump.mutable_opts()->add_external(fmt::format("net[{}]:{}", netns, kNetworkKey)); }

void restore_into_network(criu_req& restore) {
  auto& given = *restore.mutable_opts()->add_inherit_fd();
  given.set_key(kNetworkKey);
  given.set_fd(kNetworkFd);
}

}  // namespace ferry::criu
