// SPDX-License-Identifier: Apache-2.0
//
// The source's half of a container's move, by its engine's own checkpoint and restore (stop mode). The states, the fences and the
// journal are those of every move (phase.h); only what happens in them is another thing:
//
//     copying    the image, where the target has none of that content; the container made there, not started; its log so far
//     freezing   restarts forbidden, then the engine's checkpoint, after which the container has stopped
//     sending    the checkpoint's files, its writable layer, the rest of its log
//     restoring  all of it put in its place there; nothing runs
//     committed  only the target may start it
//
// The engine's restore has no gate: what it starts, runs. So the target's point of no return lies before it calls the engine, and "never
// ran" means that the engine gave up or that the copy was removed.
#pragma once

#include <optional>

#include "capsule/record.h"
#include "kernel/namespaces.h"
#include "migration/container_copy.h"
#include "migration/container_parts.h"
#include "migration/conversation.h"
#include "migration/departure.h"
#include "migration/guard.h"
#include "migration/source.h"

namespace ferry::migration {

// What the user named is a container of an engine whose checkpoint and restore are used as they are. (Those whose CRIU is in
// ferry's hands move as every workload does: source.h.)
bool names_container(const std::string& what);

// As run_source, for those.
Report run_container_source(const MoveOptions& options, const Observer& observer);

class ContainerSource {
 public:
  ContainerSource(const MoveOptions& options, const Observer& observer, Report& report)
      : options_(options), observer_(observer), report_(report), clock_(observer) {}

  void run();

 private:
  // In the order in which things happen.
  void prepare();
  void find_container();
  void connect();
  void open_journal();
  void offer();
  void copy();
  void send_image();
  void freeze();
  void forbid_restarts();
  void send();
  void send_layer();
  void send_log();
  void restore();
  void commit();
  void note_running(int64_t resumed_monotonic_ns);
  void end_here();

  // When they do not (container_source_abort.cc).
  void give_up(const std::exception& failure);
  void explain(const std::exception& failure);
  void tell_target_to_abort();
  void let_it_run();
  std::optional<SourceEvent> ask_for_verdict(const std::exception& failure);
  void leave_in_doubt();
  void end_job();

  void note_copy();  // in the journal, before what it says is done
  SentBytes count_sent();

  const MoveOptions& options_;
  const Observer& observer_;
  Report& report_;
  PhaseClock clock_;

  std::optional<capsule::Lock> lock_;
  runtime::ContainerName name_;
  std::optional<ContainerCopy> copy_;
  runtime::Container container_;
  std::optional<Walk<Source, SourceEvent>> walk_;
  std::optional<Guard> guard_;
  std::optional<transport::Peer> peer_;
  std::optional<Conversation> talk_;
  wire::ContainerReady there_;
  uint64_t log_sent_ = 0, sent_ = 0;
  kernel::TimeOffsets target_ahead_;
  int64_t frozen_at_ns_ = 0;
};

}  // namespace ferry::migration
