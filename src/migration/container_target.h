// SPDX-License-Identifier: Apache-2.0
//
// The target's half of a container's move: has the image loaded and the container made, takes the checkpoint and puts it where the
// engine looks for it, and has the engine start it when (and only when) the source has committed. What was started is then shown to
// be the one that was checkpointed: an engine may start it afresh without a word.
#pragma once

#include <optional>

#include "capsule/record.h"
#include "migration/container_copy.h"
#include "migration/container_parts.h"
#include "migration/conversation.h"
#include "migration/guard.h"

namespace ferry::migration {

class ContainerTarget {
 public:
  ContainerTarget(Conversation& talk, const wire::ContainerPlan& plan) : talk_(talk), plan_(plan) {}

  // Serves the move to its end; true when the container runs here. Failures are told to the source, not thrown.
  bool run();

 private:
  base::milliseconds silence_limit() const;
  void serve(const transport::Frame& frame);

  // In the order in which things happen.
  void prepare();
  void begin_part(const wire::ContainerPart& part);
  void end_part();
  void create();
  void restore(const wire::ContainerRestore& request);
  void resume();
  void start_and_verify();
  void announce();
  void conclude();

  // When they do not.
  void abort();
  void end(TargetEvent event, const std::exception& failure);
  bool has_run_all_the_same();
  bool remove_copy() noexcept;
  void tell_failure(const std::exception& failure, bool never_ran);
  void end_job();

  void note_copy();

  Conversation& talk_;
  wire::ContainerPlan plan_;
  nlohmann::json configuration_;
  bool finished_ = false, may_have_run_ = false;
  std::optional<capsule::Lock> lock_;
  std::optional<ContainerCopy> copy_;
  std::optional<Walk<Target, TargetEvent>> walk_;
  std::optional<Guard> guard_;
  std::optional<PartSink> sink_;
};

}  // namespace ferry::migration
