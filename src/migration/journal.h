// SPDX-License-Identifier: Apache-2.0
//
// The written memory of a move, one file per job and side: /var/lib/ferry/journal/JOB.ROLE.jsonl. Its lines are
//
//     {"job","name","peer","lock","boot","role"}   the first: what the job is
//     {"at","event","state"}                       a step through the table of phase.h
//     {"at","note","value"}                        what whoever finishes the job after our death must know
//
// A state that is a fence is on disk (fsync, the directory too) before record() returns; the others are written only, which
// SIGKILL does not undo. logbook.h reads them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "migration/phase.h"

namespace ferry::migration {

enum class Role { kSource, kTarget };
std::string_view name_of(Role role);

struct JobNote {
  std::string job;
  std::string name;  // of the workload
  std::string peer;  // the other host
  std::string lock;  // under which name the workload is locked here; empty: `name`
};

class Journal {
 public:
  static Journal create(Role role, const JobNote& note);
  static Journal reopen(Role role, const std::string& job);  // of a job whose ferry has gone
  void record(std::string_view event, std::string_view state, bool fence);
  void note(std::string_view key, const nlohmann::json& value);
  const base::Path& path() const { return path_; }

 private:
  Journal(base::Path path, base::Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  base::Path path_;
  base::Fd fd_;
};

base::Path journal_directory();
base::Path journal_path(Role role, const std::string& job);

std::string new_job_id();  // sortable by time: 20261123-120301-4f2a

// One side's walk through its table: every step goes through the journal before it is acted upon.
template <typename State, typename Event>
class Walk {
 public:
  Walk(State start, Journal journal) : state_(start), journal_(std::move(journal)) {
    journal_.record("start", name_of(state_), false);
  }
  // Goes on where a ferry that has gone had come to.
  static Walk resume(State state, Journal journal) { return Walk(std::move(journal), state); }

  State state() const { return state_; }
  Journal& journal() { return journal_; }
  void step(Event event) {
    const auto to = next(state_, event);
    base::log("{} in {} -> {}", name_of(event), name_of(state_), to ? name_of(*to) : "refused");
    if (!to) {
      throw base::Error({"the move broke its own protocol",
                         fmt::format("{} cannot come while {}", name_of(event), name_of(state_)), "", {},
                         journal_.path().string()});
    }
    journal_.record(name_of(event), name_of(*to), is_fence(*to) && *to != state_);
    state_ = *to;
  }
  // For an end that is true whether or not the disk takes the line.
  void step_if_writable(Event event) noexcept {
    try {
      step(event);
    } catch (const std::exception& failure) {
      base::log("the journal: {}", failure.what());
    }
  }

 private:
  Walk(Journal journal, State state) : state_(state), journal_(std::move(journal)) {}
  State state_;
  Journal journal_;
};

}  // namespace ferry::migration
