// SPDX-License-Identifier: Apache-2.0
//
// The written memory of a move, one file per job and side: /var/lib/ferry/journal/JOB.ROLE.jsonl. The first line says
// what the job is, each further one a step {"at","event","state"}. A state that is a fence is on disk
// (fsync, the directory too) before record() returns; the others are written only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "migration/phase.h"

namespace ferry::migration {

enum class Role { kSource, kTarget };

struct JobNote {
  std::string job, name, peer;
};

class Journal {
 public:
  static Journal create(Role role, const JobNote& note);
  void record(std::string_view event, std::string_view state, bool fence);
  const base::Path& path() const { return path_; }

 private:
  Journal(base::Path path, base::Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  base::Path path_;
  base::Fd fd_;
};

// The last state in a job's journal; nothing when this host has none of that job.
std::optional<std::string> last_state(Role role, const std::string& job);

std::string new_job_id();  // sortable by time: 20261123-120301-4f2a

// One side's walk through its table: every step goes through the journal before it is acted upon.
template <typename State, typename Event>
class Walk {
 public:
  Walk(State start, Journal journal) : state_(start), journal_(std::move(journal)) {
    journal_.record("start", name_of(state_), false);
  }
  State state() const { return state_; }
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

 private:
  State state_;
  Journal journal_;
};

}  // namespace ferry::migration
