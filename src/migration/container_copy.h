// SPDX-License-Identifier: Apache-2.0
//
// One host's copy of a container that moves, for the move itself and for whoever finishes the job of a ferry that has gone: the
// source's goes on from its own checkpoint, the target's is removed with certainty.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "migration/logbook.h"
#include "runtime/backend.h"

namespace ferry::migration {

// What the journal remembers of it. The target notes its intent before it creates (then without an id), and the id after.
struct ContainerNote {
  runtime::ContainerName container;
  std::string id;
  std::string checkpoint;
  std::string exec_mark;    // of its first process; empty: not read yet
  nlohmann::json restarts;  // the policy that it shall have when it runs; null: untouched
  bool keep_source = false;
};
nlohmann::json to_note(const ContainerNote& note);
ContainerNote container_note_of(const Logbook& book);  // the last one; CHECKs that there is one

class ContainerCopy {
 public:
  explicit ContainerCopy(ContainerNote note) : note_(std::move(note)), engine_(runtime::backend_for(note_.container)) {}
  ContainerCopy(ContainerNote note, std::unique_ptr<runtime::Backend> engine) : note_(std::move(note)), engine_(std::move(engine)) {}

  enum class State {
    kGone,      // the engine has no such container
    kNeverRan,  // made, never started
    kRuns,      // and is the one that was checkpointed
    kFresh,     // runs, but was started afresh
    kStopped,
  };
  // Waits for what the engine is doing to it at this moment.
  State look();

  // At the source: runs from its checkpoint unless it runs still; its restart policy is put back, the checkpoint removed. Throws Error
  // when it does not run then; the checkpoint is kept in that case.
  void go_on();
  // At the source, it lives elsewhere now: removed, or kept as it stopped.
  void end_here();
  // At the target: gone for sure, or Error.
  void remove();
  // At the target, running: its restart policy is set and the checkpoint removed.
  void settle_in();

  ContainerNote& note() { return note_; }
  runtime::Backend& engine() { return *engine_; }

 private:
  void wait_for_checkpoint();
  std::string id_or_name() const { return note_.id.empty() ? note_.container.name : note_.id; }

  ContainerNote note_;
  std::unique_ptr<runtime::Backend> engine_;
};

}  // namespace ferry::migration
