// SPDX-License-Identifier: Apache-2.0
#include "memory/settling.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "kernel/procfs.h"
#include "kernel/task_fd.h"
#include "memory/far_pages.h"

namespace ferry::memory {
namespace {

constexpr int kLookMs = 50;                    // should a word of news be missed
constexpr base::milliseconds kEndLimit{2000};  // of both processes, once told to

base::Fd make_eventfd() {
  base::Fd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) throw base::SysError("eventfd", errno, "");
  return fd;
}

// `stored_bytes`: what the store still holds.
Progress progress_of(const SharedState& state, uint64_t stored_bytes) {
  Progress progress;
  const Outcome outcome = state->outcome;
  progress.restored = state->restored != 0;
  progress.settled = outcome == Outcome::kSettled;
  progress.lost = outcome == Outcome::kLost;
  progress.bytes_total = state->bytes_total;
  progress.bytes_left = outcome == Outcome::kOpen ? stored_bytes : 0;
  progress.faults = state->faults;
  progress.worst_fault_us = state->worst_fault_ns / 1000;
  progress.events = state->events;
  progress.forks = state->forks;
  progress.takeovers = state->takeovers;
  progress.unplaced_bytes = state->unplaced_bytes;
  progress.far_total = state->far_total;
  progress.far_left = outcome == Outcome::kOpen ? state->far_left.load() : 0;
  progress.bytes_left += progress.far_left;
  const uint64_t began = state->fill_began_ns, ended = state->fill_ended_ns;
  if (began != 0 && ended != 0) progress.fill_ms = static_cast<double>(ended - began) / 1e6;
  progress.premapped_bytes = state->premapped_bytes;
  progress.left_at_resume = state->left_at_resume;
  progress.cpu_ms = static_cast<double>(state->cpu_ns) / 1e6;
  progress.trouble = state->trouble;
  return progress;
}

std::vector<FarPages::Space> far_spaces(const Store& store,
                                        const Settling::Far& far) {
  std::vector<FarPages::Space> spaces;
  for (const SpacePlan& plan : store.plans()) {
    const auto found = far.find(plan.pid);
    if (found != far.end()) spaces.push_back({plan.pid, plan.slot, found->second});
  }
  CHECK(spaces.size() == far.size());
  return spaces;
}

enum class Lock { kTaken, kHeldByOthers };
Lock try_lock(int fd, int kind) {
  while (::flock(fd, kind | LOCK_NB) < 0) {
    if (errno == EWOULDBLOCK) return Lock::kHeldByOthers;
    if (errno != EINTR) throw base::SysError("flock", errno, "of the file of a settling workload");
  }
  return Lock::kTaken;
}

// The lock on the file says it, not the file: it goes with the last of the processes that hold it.
base::Fd make_marker(const std::string& name, const base::Path& path) {
  std::filesystem::create_directories(path.parent_path());
  for (;;) {
    base::Fd fd = base::open_file(path, O_RDWR | O_CREAT, 0600);
    if (try_lock(fd.get(), LOCK_EX) == Lock::kHeldByOthers) {
      throw base::Error(
          {fmt::format("cannot receive {}", name),
           "a workload of that name is still settling here: not all of its memory is in place",
           "wait until it has settled",
           {},
           {}},
          base::Exit::kRefused);
    }
    struct stat status {};
    if (::fstat(fd.get(), &status) == 0 && status.st_nlink > 0) return fd;
    // The one before has removed it meanwhile.
  }
}

}  // namespace

base::Child Settling::launch_ferry(int state_fd, const std::vector<int>& inherit) {
  base::SpawnOptions options;
  options.inherit = inherit;
  options.new_session = true;
  return base::spawn({"/proc/self/exe", "fill", "--state", std::to_string(state_fd)}, options);
}

Settling::Settling(base::Fd state)
    : state_fd_(std::move(state)),
      state_(state_fd_.get()),
      commands_(make_eventfd()),
      news_(make_eventfd()) {}

Settling Settling::start(const Store& store, Listeners listeners, Options options) {
  Settling settling(SharedState::make());
  settling.store_ = base::Fd(::fcntl(store.fd(), F_DUPFD_CLOEXEC, 0));
  if (!settling.store_) throw base::SysError("fcntl", errno, "F_DUPFD of the store");
  settling.plan_ = make_memfd("ferry-plans");
  settling.far_ = make_memfd("ferry-far");
  settling.asked_ = make_eventfd();
  base::FdPair owner = base::make_pipe(), alive = base::make_pipe();
  base::Fd marker;
  StateHeader& header = settling.state_.header();
  if (!options.name.empty()) {
    const base::Path path = options.directory / options.name;
    if (path.string().size() >= sizeof header.marker_path) {
      throw base::Error({"cannot receive " + options.name, "its name is too long", "", {}, {}});
    }
    marker = make_marker(options.name, path);
    std::strcpy(header.marker_path, path.c_str());
  }
  CHECK(options.job.size() < sizeof header.job);
  std::strcpy(header.job, options.job.c_str());
  header.state = settling.state_fd_.get();
  header.store = store.fd();
  header.plan = settling.plan_.get();
  header.listener = listeners.arrivals.get();
  header.premapped_listener = listeners.premapped.get();
  header.commands = settling.commands_.get();
  header.news = settling.news_.get();
  header.marker = marker.get();
  header.owner = owner.first.get();
  header.alive = alive.second.get();
  std::vector<int> inherit{header.state,    header.store, header.plan,  header.listener,
                           header.commands, header.news,  header.owner, header.alive,
                           settling.far_.get(), settling.asked_.get()};
  if (marker) inherit.push_back(header.marker);
  if (listeners.premapped) inherit.push_back(header.premapped_listener);
  settling.guardian_ = options.launch(header.state, inherit);
  settling.owner_ = std::move(owner.second);
  settling.alive_ = std::move(alive.first);
  return settling;
}

void Settling::serve(const Store& store, const Far& far, size_t tasks) {
  const auto plans = store.plans();
  write_plans(plan_.get(), plans);
  state_->tasks = static_cast<uint32_t>(std::max(tasks, plans.size()));
  state_->bytes_total = state_->bytes_left = store.bytes_held();
  if (!far.empty()) {
    FarPages::write(far_.get(), far_spaces(store, far));
    state_->asked = asked_.get();
    state_->far_total = state_->far_left = FarPages(far_.get()).bytes_left();
    state_->bytes_total += state_->far_total;
    state_->far = far_.get();
  }
  command(kWantServe);
}

Settling::~Settling() {
  try {
    if (guardian_ && (state_->wanted & kWantServe) == 0) abort();
    if (guardian_) guardian_.try_wait();
  } catch (const std::exception&) {
    // Somebody has reaped it.
  }
  guardian_.release();
}

void Settling::command(uint32_t wanted) {
  state_->wanted |= wanted;
  const uint64_t one = 1;
  (void)!::write(commands_.get(), &one, sizeof one);
}

std::vector<pid_t> Settling::processes() const {
  std::vector<pid_t> pids{state_->filler_pid, state_->guardian_pid};
  std::erase_if(pids, [](pid_t pid) {
    const auto state = kernel::task_state(pid);
    return !state || *state == 'Z' || *state == 'X';
  });
  return pids;
}

bool Settling::is_alive() const { return !base::wait_readable(alive_.get(), 0); }

bool Settling::wait_until(base::MonoTime deadline, const std::function<bool()>& condition) const {
  for (;;) {
    if (condition()) return true;
    const bool alive = is_alive();
    if (condition()) return true;  // it may have been the last thing they did
    if (!alive) {
      throw base::Error({"cannot put the workload's memory in place",
                         "the processes that do it (`ferry fill`) were killed, all at once",
                         "the workload cannot go on without them: end it",
                         {},
                         {}});
    }
    const int left = base::ms_until(deadline);
    if (left == 0) return false;
    pollfd entries[] = {{news_.get(), POLLIN, 0}, {alive_.get(), POLLIN, 0}};
    if (::poll(entries, 2, std::min(left, kLookMs)) < 0 && errno != EINTR) {
      throw base::SysError("poll", errno, "");
    }
    uint64_t count;
    if (entries[0].revents != 0) (void)!::read(news_.get(), &count, sizeof count);
  }
}

void Settling::prefill(base::MonoTime deadline) {
  command(kWantPrefill);
  const auto told = [&] {
    return state_->prefilled != Prefilled::kNo || state_->outcome != Outcome::kOpen;
  };
  const std::string what = "cannot put the first pages of the workload in place";
  if (!wait_until(deadline, told)) {
    throw base::Error({what,
                       fmt::format("they were not there in time {}", std::string(state_->trouble)),
                       "",
                       {},
                       {}});
  }
  if (state_->prefilled == Prefilled::kDone) return;
  if (state_->prefilled == Prefilled::kNo) {
    throw base::Error({what, "its tasks have ended", "", {}, {}});
  }
  const uint64_t pid = state_->uncovered_pid, start = state_->uncovered_start;
  const std::string why =
      start == 0
          ? fmt::format("CRIU did not restore the memory of process {} on demand", pid)
          : fmt::format("CRIU did not register the memory at {:#x} of process {}", start, pid);
  throw base::Error(
      {what, why + ", of which pages were sent", "use --mode stop, and report this", {}, {}});
}

void Settling::begin_fill() { command(kWantFill); }

Progress Settling::progress() const { return progress_of(state_, file_bytes(store_.get())); }

bool Settling::wait_settled(base::MonoTime deadline) {
  (void)wait_until(deadline, [&] { return state_->outcome != Outcome::kOpen; });
  return state_->outcome == Outcome::kSettled;
}

void Settling::abort() {
  command(kWantAbort);
  if (!base::wait_readable(alive_.get(), static_cast<int>(kEndLimit.count()))) {
    for (const pid_t pid : processes()) ::kill(pid, SIGKILL);
    (void)!::ftruncate(state_->store, 0);
  }
  if (guardian_) guardian_.wait();
}

std::optional<Progress> find_settling(const std::string& name, const base::Path& directory) {
  const auto marker = base::try_open_file(directory / name, O_RDONLY);
  if (!marker || try_lock(marker->get(), LOCK_SH) == Lock::kTaken) return std::nullopt;
  Progress progress;
  std::string job;
  if (const auto fd = try_open_marked_state(marker->get())) {
    const SharedState state(fd->get());
    progress = progress_of(state, state->bytes_left);  // as of the filler's last look
    job = state->job;
  }
  if (progress.far_left == 0) return progress;
  const auto access = find_pull_access(name, job, directory);
  progress.is_pulled = access && kernel::is_alive(FarPages(access->far.get()).puller());
  return progress;
}

PullAccess Settling::pull_access() const {
  CHECK(state_->far >= 0);
  return {state_fd_.dup(), store_.dup(), far_.dup(), commands_.dup(), asked_.dup()};
}

std::optional<PullAccess> find_pull_access(const std::string& name, const std::string& job,
                                           const base::Path& directory) {
  const auto marker = base::try_open_file(directory / name, O_RDONLY);
  if (!marker || try_lock(marker->get(), LOCK_SH) == Lock::kTaken) return std::nullopt;
  auto found = try_open_marked_state(marker->get());
  if (!found) return std::nullopt;
  const SharedState state(found->get());
  if (state->far < 0 || state->outcome != Outcome::kOpen || job != state->job) {
    return std::nullopt;
  }
  for (const pid_t holder : {state->guardian_pid.load(), state->filler_pid.load()}) {
    const auto copy = [&](int fd) { return kernel::copy_descriptor(holder, fd); };
    PullAccess access{copy(state->state), copy(state->store), copy(state->far),
                      copy(state->commands), copy(state->asked)};
    if (access.state && access.store && access.far && access.placed && access.asked) return access;
  }
  return std::nullopt;
}

}  // namespace ferry::memory
