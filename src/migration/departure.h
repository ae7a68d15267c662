// SPDX-License-Identifier: Apache-2.0
//
// The end of the source's copy, for the move itself and for whoever finishes the job of a ferry that has gone: it goes on, or it is
// buried, or nobody can know yet.
#pragma once

#include <functional>
#include <string>

#include "migration/frozen.h"
#include "migration/logbook.h"
#include "migration/page_server.h"
#include "migration/source.h"
#include "migration/wire.pb.h"

namespace ferry::migration {

// It lives on another host: the frozen copy is killed, and the host remembers where it went. Its sockets are in repair mode then, so no
// FIN or RST leaves. Each step for itself: whatever fails, no second copy may come to life. Returns
// what could not be tidied up; empty: all was.
struct Burial {
  std::string moved_to;
  std::vector<std::string> left_files;
  // Lets CRIU, which may hold the tasks, go; they die at `thaw`. Without one: thaw().
  std::function<void(const std::function<void()>& thaw)> end_criu = [](const auto& thaw) { thaw(); };
};
// It stays: its engine may start it anew as before. Never throws.
void allow_restarts(const runtime::Workload& workload) noexcept;
std::string bury(const runtime::Workload& workload, Frozen& frozen, const kernel::Freezer& freezer, const Burial& burial);

// What the source's journal remembers of the way to the target and of the workload.
nlohmann::json contact_note(const MoveOptions& options);
MoveOptions contact_of(const Logbook& book);
nlohmann::json workload_note(const runtime::Workload& workload);
nlohmann::json serves_note(const ServedSpaces& spaces);
nlohmann::json origins_note(const Frozen::Origins& origins);

// Asks the target, on a new connection, what has become of the job. Throws Error when it cannot be reached.
wire::Outcome ask_target(const MoveOptions& contact, const std::string& job);

// What a person knows better than any host: `ferry resolve --run-here`, `--drop-here`.
enum class Decision { kAskTarget, kRunHere, kDropHere };

struct Resolution {
  std::string job, name, role, peer;
  std::string found;   // in words
  std::string done;    // in words
  bool is_open = false;  // nobody can know yet; everything is as it was
};
// Finishes the job of a source's ferry that has gone. The caller holds the workload's lock.
Resolution settle_departure(const Logbook& book, Decision decision);

}  // namespace ferry::migration
