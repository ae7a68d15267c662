// SPDX-License-Identifier: Apache-2.0
//
// CRIU's restore into a capsule, held at its gates: started before the freeze, built within it, and let go when the source has
// committed.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "criu/image_set.h"
#include "criu/release.h"
#include "criu/reserve.h"
#include "criu/session.h"
#include "kernel/freezer.h"
#include "kernel/namespaces.h"
#include "kernel/ready_breakpoints.h"
#include "migration/dump.h"
#include "runtime/oci.h"

namespace ferry::migration {

class HeldRestore {
 public:
  // CRIU runs in the capsule and in the workload's cgroup (where the tasks will be too), and has probed the kernel.
  // `pages` on demand: each task will hold its own userfaultfd until the memory has settled (criu/held_uffd.h).
  HeldRestore(const std::string& name, const std::string& job, const criu::ImageSet& images,
              const kernel::Namespaces& capsule, const kernel::Freezer& freezer, criu::Pages pages);

  // Of a container: its engine is called, and has come to its call of CRIU.
  // `netns`: the nameless network namespace that the tasks are to be in; -1: the engine says it.
  HeldRestore(const runtime::OciContainer& container, const std::string& job, const criu::ImageSet& images, criu::Pages pages, int netns);

  // Builds the tasks; afterwards they wait at post-restore, not running. Throws Error. With pages on demand somebody must listen
  // for CRIU already.
  void build(const StateOptions& options, uint64_t memory_bytes);
  // For build(), of a container: the loopback of its network is up before any socket is made. Engines have CRIU leave its links out.
  void set_loopback() { has_loopback_ = true; }
  // Of the CRIU that waits; none: it is an engine's, or cannot have one.
  criu::Reserve* reserve() const { return reserve_.get(); }
  bool has_lost_engine() const { return criu_->has_lost_engine(); }
  // Lets them run; returns as soon as they do. `before_running` is called last, when CRIU has nothing left to do that could
  // fail. Throws Error; where may_have_run() the mark that CRIU leaves then says whether they do (criu/release.h).
  void let_go(const std::function<void()>& before_running);
  bool may_have_run() const { return may_have_run_; }
  // After build(): the root task, in CRIU's pid namespace.
  pid_t root() const { return root_; }
  // Of a container, before let_go(): CRIU kills what it has built, and the engine tidies up after itself. Never throws.
  void refuse() noexcept;
  kernel::ProcessId criu() const { return criu_->process(); }
  // CRIU's own end after let_go().
  void finish();

 private:
  void raise_loopback();
  void require(const criu::Event& event, const char* purpose) const;

  std::string name_, job_;
  const criu::ImageSet& images_;
  criu::Pages pages_;
  pid_t root_ = 0;
  bool has_netns_ = false, has_loopback_ = false;
  std::unique_ptr<criu::Reserve> reserve_;
  criu::ReleaseMark release_;
  kernel::ReadyBreakpoints breakpoints_;
  std::optional<criu::Session> criu_;
  bool may_have_run_ = false;
};

}  // namespace ferry::migration
