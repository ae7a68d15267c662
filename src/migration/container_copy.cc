// SPDX-License-Identifier: Apache-2.0
#include "migration/container_copy.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "kernel/exec_mark.h"

namespace ferry::migration {

using nlohmann::json;

namespace {

// A checkpoint that the engine is writing takes so long at most (docker.cc: some 10 MB/s).
constexpr base::milliseconds kCheckpointEnds{30 * 60'000};
constexpr base::milliseconds kBetweenLooks{50};

}  // namespace

json to_note(const ContainerNote& note) {
  return {{"engine", note.container.engine}, {"name", note.container.name}, {"id", note.id},
          {"checkpoint", note.checkpoint},   {"exec_mark", note.exec_mark}, {"restarts", note.restarts},
          {"keep_source", note.keep_source}};
}

ContainerNote container_note_of(const Logbook& book) {
  const json* note = book.find(kNoteContainer);
  CHECK(note != nullptr);
  return {{note->value("engine", ""), note->value("name", "")},
          note->value("id", ""),
          note->value("checkpoint", ""),
          note->value("exec_mark", ""),
          note->value("restarts", json()),
          note->value("keep_source", false)};
}

namespace {

// A restored process has started after its checkpoint was written.
bool has_started_since(pid_t pid, const base::Path& written) {
  const auto process = kernel::find_process(pid);
  struct stat info {};
  if (!process || ::stat(written.c_str(), &info) < 0) return true;
  const int64_t started_ns = static_cast<int64_t>(process->start_ticks) * (1'000'000'000 / ::sysconf(_SC_CLK_TCK));
  const int64_t age_ns = base::clock_ns(CLOCK_BOOTTIME) - started_ns;
  return base::real_ns() - age_ns > int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
}

}  // namespace

// The engine goes on with a checkpoint whose client has gone. Its directory is there from the first moment on, and is removed when it
// fails; when it succeeds, the container has stopped.
void ContainerCopy::wait_for_checkpoint() {
  if (note_.id.empty() || note_.checkpoint.empty()) return;
  const auto directory = engine_->checkpoint_directory(note_.id, note_.checkpoint);
  const auto deadline = base::mono_now() + kCheckpointEnds;
  std::error_code none;
  while (std::filesystem::exists(directory, none) && base::mono_now() < deadline) {
    const auto found = engine_->find(note_.id);
    if (!found || !found->running || has_started_since(found->root_pid, directory)) return;
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

ContainerCopy::State ContainerCopy::look() {
  const auto found = engine_->find(id_or_name());  // waits while docker starts it
  if (!found) return State::kGone;
  if (!found->running) return found->never_started ? State::kNeverRan : State::kStopped;
  const auto mark = kernel::exec_mark_of(found->root_pid);
  return mark && *mark == note_.exec_mark ? State::kRuns : State::kFresh;
}

void ContainerCopy::go_on() {
  const auto& name = note_.container.name;
  if (!note_.exec_mark.empty()) {
    wait_for_checkpoint();
    auto state = look();
    if (state == State::kStopped || state == State::kNeverRan) {
      engine_->restore(note_.id, note_.checkpoint);
      state = look();
    }
    if (state != State::kRuns) {
      throw base::Error({fmt::format("{} does not go on", name),
                         state == State::kFresh ? "it was started afresh" : "it has ended or was removed",
                         fmt::format("its checkpoint, if the container is there, is {} (`docker start --checkpoint {} {}`)",
                                     note_.checkpoint, note_.checkpoint, name), {}, {}});
    }
    engine_->drop_checkpoint(note_.id, note_.checkpoint);
  }
  if (!note_.restarts.is_null()) engine_->set_restart_policy(note_.id, note_.restarts);
}

void ContainerCopy::end_here() {
  if (!note_.keep_source) return engine_->remove(note_.id);
  if (engine_->find(note_.id)) engine_->drop_checkpoint(note_.id, note_.checkpoint);
}

// Without an id, the ferry here was killed while it created: under that name there was none before, so one that never ran is its.
void ContainerCopy::remove() {
  if (note_.id.empty()) {
    const auto found = engine_->find(note_.container.name);
    if (!found || !found->never_started) return;
    note_.id = found->id;
  }
  engine_->remove(note_.id);
  if (engine_->find(note_.id)) {
    throw base::Error({fmt::format("cannot remove the copy of {} here", note_.container.name), "docker still has it", "", {}, {}});
  }
}

void ContainerCopy::settle_in() {
  if (!note_.restarts.is_null()) engine_->set_restart_policy(note_.id, note_.restarts);
  engine_->drop_checkpoint(note_.id, note_.checkpoint);
}

}  // namespace ferry::migration
