// SPDX-License-Identifier: Apache-2.0
//
// Settling: from CRIU's restore until all of the workload's memory has been put in place. Two
// processes do it, the filler and its guardian (guardian.h); this is the handle of the ferry that
// starts them, and the view of any other ferry on the host. They outlive it, and end when all is in
// place, when the workload has ended, or at abort().
//
//     auto settling = Settling::start(store, {criu::listen_lazy_pages(directory)}, {.name = "web"});
//     …all pages come…
//     settling.serve(store);
//     …CRIU restores; faults are answered from the start…
//     settling.prefill(deadline);      // at the post-restore gate
//     settling.begin_fill();           // after the grant
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/fd.h"
#include "base/subprocess.h"
#include "memory/settle_state.h"
#include "memory/store.h"

namespace ferry::memory {

inline constexpr const char* kSettlingDirectory = "/run/ferry/settling";

struct Progress {
  bool restored = false;  // the restore has ended
  bool settled = false;   // all in place, nothing of ferry is left in the workload
  bool lost = false;      // the address spaces have gone, or abort() was called
  uint64_t bytes_total = 0, bytes_left = 0;  // of the store, and of what is at the source
  uint64_t far_total = 0, far_left = 0;      // still at the source (post-copy)
  bool is_pulled = false;                    // a ferry here is fetching it
  uint64_t faults = 0;                       // answered, zero pages included
  uint64_t worst_fault_us = 0;  // an upper bound: from the last look at which it was not there yet
  uint64_t events = 0, forks = 0;
  uint64_t takeovers = 0;       // a filler or guardian had died
  uint64_t unplaced_bytes = 0;  // had no registered memory to go to, and nobody had unmapped it: a
                                // bug, or a disagreement with CRIU
  uint64_t premapped_bytes = 0;  // were put while CRIU was still building the task
  uint64_t left_at_resume = 0;   // were not in place yet when it began to run
  double fill_ms = 0;           // of the background fill
  double cpu_ms = 0;            // of the filler, from its start to the end
  std::string trouble;          // what the filler last failed at; it tries again
};

// What whoever fetches the pages that are at the source needs: descriptors of its own.
struct PullAccess {
  base::Fd state, store, far;
  base::Fd placed;  // an eventfd, written to: look, pages have come
  base::Fd asked;   // an eventfd, read from: pages are waited for
};

// At which the filler hears of what CRIU restores.
struct Listeners {
  base::Fd arrivals;   // FillHooks::arrivals
  base::Fd premapped;  // FillHooks::premapping; none: nothing is put before a task has arrived
};

class Settling {
 public:
  // Starts run_guardian(descriptor of the state) in a process of its own that keeps `inherit` open,
  // and returns its pid.
  using Launch = std::function<base::Child(int state_fd, const std::vector<int>& inherit)>;
  struct Options {
    std::string name;  // of the workload; empty: nobody will ask for it
    base::Path directory = kSettlingDirectory;
    Launch launch = launch_ferry;
    std::string job;                 // of the move that serves them
  };
  static base::Child launch_ferry(int state_fd, const std::vector<int>& inherit);  // `ferry fill`

  // Starts both processes, which wait: that takes longer than all else here, and is no part of the
  // pause. Throws Error when a workload of that name is still settling.
  static Settling start(const Store& store, Listeners listeners, Options options);
  Settling(Settling&&) = default;
  // The processes go on without us; but they end if they have nothing to serve yet, or if the restore
  // has not yielded any address space.
  ~Settling();

  // The store is complete, or what lacks can be pulled: pages, by the pid of their space, that are
  // still at the source. From now on faults are answered.
  using Far = std::map<int32_t, PageSet>;
  // `tasks`: that are to be restored, should it be more than those of which pages are stored.
  void serve(const Store& store, const Far& far = {}, size_t tasks = 0);

  // Puts the `first` pages of all spaces in place and checks that every stored page has registered
  // memory to go to. Throws Error when it has not (the workload would lose it), or at the deadline.
  void prefill(base::MonoTime deadline);
  // The rest, in the background. Without it, it begins when this object's process has ended after a
  // finished restore.
  void begin_fill();
  Progress progress() const;
  // False: the deadline came first, or it has been lost.
  [[nodiscard]] bool wait_settled(base::MonoTime deadline);
  std::vector<pid_t> processes() const;  // filler and guardian, as far as they live
  bool is_alive() const;                 // at least one of the two processes
  PullAccess pull_access() const;        // with pages at the source
  // The tasks have been killed: ends both, gives the memory back, waits for it.
  void abort();

 private:
  explicit Settling(base::Fd state);
  void command(uint32_t wanted);
  bool wait_until(base::MonoTime deadline, const std::function<bool()>& condition) const;

  base::Fd state_fd_;
  SharedState state_;
  base::Fd commands_, news_;
  base::Fd store_, plan_, far_, asked_;
  base::Fd owner_;  // closed with us
  base::Fd alive_;  // at its end: both processes have gone
  base::Child guardian_;
};

// The workload `name` is still settling on this host: a dump of it now would find pages missing.
// Nothing: it is not.
std::optional<Progress> find_settling(const std::string& name,
                                      const base::Path& directory = kSettlingDirectory);
// Of a workload that is still settling with pages at the source of that move; else nothing.
std::optional<PullAccess> find_pull_access(const std::string& name, const std::string& job,
                                           const base::Path& directory = kSettlingDirectory);

}  // namespace ferry::memory
