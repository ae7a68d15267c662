// SPDX-License-Identifier: Apache-2.0
//
// The source's half of a move as one object: source.cc has what happens in the order in which it happens, source_copy.cc the part of it
// in which the workload runs, source_engine.cc what a container's has besides, source_again.cc what happens when it must be frozen once
// more, source_abort.cc when it cannot go on.
#pragma once

#include <map>
#include <optional>

#include "files/staged.h"
#include "handover/relay_process.h"
#include "migration/common_files.h"
#include "migration/image_sender.h"
#include "migration/departure.h"
#include "migration/dump.h"
#include "migration/early_smaps.h"
#include "migration/guard.h"
#include "migration/memory_copy.h"
#include "migration/parking_departure.h"
#include "migration/plan.h"
#include "migration/root_files.h"
#include "migration/serving.h"
#include "migration/shared_copy.h"
#include "migration/shared_ssh.h"
#include "migration/source.h"
#include "migration/throttle.h"
#include "runtime/defining_engine.h"

namespace ferry::migration {

class SourceMove {
 public:
  SourceMove(const MoveOptions& options, const Observer& observer, Report& report, EarlySmaps::Trust trust)
      : options_(options), observer_(observer), report_(report), trust_(trust), clock_(observer) {}

  void run();

 private:
  // In the order in which things happen.
  void prepare();
  void finish_earlier_jobs();
  void open_journal();
  void connect();
  void choose_mode();
  void require_direct_way() const;
  void require_way_for_relay();
  int lanes() const;
  void choose_parking();
  void open_parking(const wire::Ready& target);
  void find_way_home();
  void make_entrance();
  void open_lanes();
  void freeze();
  void stop_workload(base::milliseconds accepts = {});
  void throw_if_target_failed();
  void dump();
  void dump_once();
  void let_it_go_on();
  void let_it_run_a_moment();
  void send();
  void restore();
  void commit();
  void begin_serving();
  void serve();
  SourceEvent running() const { return post_copy_ ? SourceEvent::kRunningFar : SourceEvent::kRunning; }
  Conversation& talk() { return serving_ ? serving_->talk() : *talk_; }
  void note_running(int64_t resumed_monotonic_ns);
  void serve_relay();
  void hold_relays();
  void let_relays_go_on();
  void remember_cost() const;
  void end_here();
  void settle();

  // source_copy.cc: while it runs.
  memory::WorkloadTracker::StandStill stand_still();
  void copy();
  void copy_memory();
  void copy_some_memory();
  void copy_rounds();
  void look_for_written();
  void tell_what_waits();
  void slow_down(int percent);
  void end_throttle();
  void send_round();
  bool send_shared_memory();
  bool catch_up_shared_memory();
  void send_image_pages();
  Outlook outlook() const;
  void start_criu();
  void send_workload_files();
  void send_workload_file(const std::string& path);

  // source_files.cc: of a container.
  void find_root_files();
  void leave_present(const wire::Ready& target);
  void for_each_tree(const std::function<void(RootFiles&)>& act);
  int64_t moment_of_standstill();
  void send_engine_files();
  bool catch_up_files();
  void finish_engine_files(const std::vector<std::string>& mapped);

  // source_engine.cc: of a container.
  void define_there();
  void end_relay_to_here() const;
  bool start_engine_there();
  void open_relay(const wire::RelayExit& exit);
  void send_engine_notes();
  void send_log();
  void send_last_of_log();
  void send_image(const std::string& name);

  // source_again.cc: the flags of its memory.
  void hide_memory();
  std::map<pid_t, criu::HiddenTask> look_at_frozen(EarlySmaps::Trust trust);
  void tell_of_frozen_memory(const std::map<pid_t, criu::HiddenTask>& hidden);
  void take_back();
  void require_same_flags();

  // When they do not.
  void give_up(const std::exception& failure);
  void explain(const std::exception& failure);
  void tell_target_to_abort();
  void let_it_run();
  std::optional<SourceEvent> ask_for_verdict(const std::exception& failure);
  std::optional<SourceEvent> ask_on_this_link();
  std::optional<SourceEvent> ask_on_a_new_link();
  void leave_in_doubt();
  void end_job();  // nothing is left to do

  const MoveOptions& options_;
  const Observer& observer_;
  Report& report_;
  EarlySmaps::Trust trust_;
  PhaseClock clock_;

  std::optional<capsule::Lock> lock_;
  Subject subject_;
  std::map<std::string, SentFile> sent_files_;
  CommonFiles common_files_;
  std::optional<SharedSsh> shared_ssh_;  // of a container
  std::optional<RootFiles> root_files_, shared_memory_;
  std::vector<RootFiles> trees_;  // its volumes, in the order of engine_files_, and bind mounts that are sent
  std::unique_ptr<runtime::DefiningEngine> engine_;  // of a container that has such a one
  runtime::OciFiles engine_files_;
  uint64_t log_sent_ = 0;
  bool needs_image_ = false, engine_waits_ = false;
  std::optional<Walk<Source, SourceEvent>> walk_;
  std::optional<Guard> guard_;
  std::optional<transport::Peer> peer_;
  std::optional<Conversation> talk_;
  kernel::TimeOffsets target_ahead_;  // the target's clocks minus ours
  int64_t frozen_at_ns_ = 0;          // CLOCK_MONOTONIC here
  // Destroyed from the last to the first: CRIU lets go of the tasks, then they are thawed.
  std::optional<criu::ImageSet> images_;
  memory::Support tracking_;
  bool rounds_ = false, post_copy_ = false;  // the mode
  std::optional<MemoryCopy> memory_;
  std::optional<SharedCopy> shared_copy_;  // of what tasks share
  std::optional<ImageSender> image_sender_;
  EarlySmaps smaps_;
  std::optional<kernel::Freezer> freezer_;
  std::optional<Throttle> throttle_;
  base::MonoTime slowed_since_{};
  Frozen::Origins origins_;
  std::optional<ParkingDeparture> parking_;
  std::optional<handover::RelayEntrance> entrance_;
  std::optional<handover::Relay> relay_;
  std::optional<handover::LineHome> home_;  // to the exit of the relay that leads from the target to here
  std::optional<Frozen> frozen_;
  std::optional<HeldDump> dump_;
  std::optional<Serving> serving_;  // reads the frozen tasks' memory
};

// After a run whose report says flags_changed.
Report run_source_again(const MoveOptions& options, const Observer& observer, const Report& before);

}  // namespace ferry::migration
