// SPDX-License-Identifier: Apache-2.0
//
// What a journal says when it is read again, by a ferry that did not write it: how far the job had come, and what its ferry
// noted for whoever finishes it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kernel/procfs.h"
#include "migration/journal.h"

namespace ferry::migration {

// Keys of notes. Both sides:
inline constexpr const char* kNoteCriu = "criu";          // a process: {"pid","start_ticks"}
inline constexpr const char* kNoteTidy = "tidy";          // nothing is left to do
// The source's:
inline constexpr const char* kNoteContact = "contact";    // how the target is reached: MoveOptions
inline constexpr const char* kNoteWorkload = "workload";  // what is being moved
inline constexpr const char* kNoteOrigins = "origins";    // of a bare tree: [{"pid","cgroup"}]
inline constexpr const char* kNoteServes = "serves";    // post-copy: whose memory the target asks for: [{"space","process"}]
inline constexpr const char* kNoteMark = "mark";          // the path of an empty file that tells whether both see the same storage
inline constexpr const char* kNoteLeaves = "leaves";      // paths of files that become stale here with the move
// The target's:
inline constexpr const char* kNoteEarlier = "earlier";    // the record of an earlier stay, whole
inline constexpr const char* kNoteArrival = "arrival";    // the record that the workload gets here
inline constexpr const char* kNoteResumed = "resumed";    // CLOCK_MONOTONIC of the moment, ns
inline constexpr const char* kNoteCapsule = "capsule";    // a process: the capsule's init
inline constexpr const char* kNoteService = "service";    // of a service address: service_place.h
inline constexpr const char* kNotePlace = "place";        // of a container: container_place.h
inline constexpr const char* kNoteStaged = "staged";      // {"path","inode"}: a file that is built beside that path

struct Logbook {
  Role role = Role::kSource;
  JobNote note;
  bool same_boot = true;                 // the host has not been restarted since
  std::string state;                     // the last one; empty: not even begun
  std::vector<std::pair<std::string, nlohmann::json>> notes;

  bool is_finished() const { return has(kNoteTidy); }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  const nlohmann::json* find(std::string_view key) const;     // the last of that key
  std::optional<kernel::ProcessId> process(std::string_view key) const;
};

nlohmann::json to_note(const kernel::ProcessId& process);
kernel::ProcessId process_from(const nlohmann::json& note);

// Nothing: this host has no journal of that job.
std::optional<Logbook> read_logbook(Role role, const std::string& job);
// All of this host, the oldest first.
std::vector<Logbook> all_logbooks();
std::vector<Logbook> unfinished_logbooks();

// The table's state of a name; nothing for a name that it does not have.
std::optional<Source> source_state(std::string_view name);
std::optional<Target> target_state(std::string_view name);

}  // namespace ferry::migration
