// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "base/log.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"
#include "criu/held_uffd.h"
#include "criu/lazy_pages_socket.h"
#include "criu/premapped_socket.h"
#include "kernel/injection.h"
#include "kernel/procfs.h"
#include "memory/guardian.h"

namespace ferry::cli {

namespace {

// The task's own copies of its userfaultfd, which kept it from ever seeing zeros, are closed in the task; also those that children of it,
// forked meanwhile, have inherited.
bool close_copies(pid_t pid) {
  bool all = true;
  for (const pid_t child : kernel::children_of(pid)) all = close_copies(child) && all;
  const auto held = criu::held_userfaultfds(pid);
  if (held.empty()) return all;
  const auto closed = kernel::close_in(pid, held);
  if (closed.outcome == kernel::Injected::kDone || closed.outcome == kernel::Injected::kGone) return all;
  base::log("pid {} keeps its userfaultfd for now: {}", pid, closed.why);
  return false;
}

}  // namespace

// Started by `ferry receive` (memory/settling.h), not by people.
void add_fill(CLI::App& app, int& exit_code) {
  auto state = std::make_shared<int>(-1);
  auto* verb = app.add_subcommand("fill", "")->group("");
  verb->add_option("--state", *state)->required();
  verb->callback([state, &exit_code] {
    require_root("fill");
    memory::FillHooks hooks;
    hooks.arrivals = [](int listener, memory::Keepsake& keepsake) {
      return std::make_unique<criu::LazyPagesSocket>(listener, keepsake);
    };
    hooks.premapping = criu::receive_premapping;
    hooks.close_copies = [](int32_t, pid_t host_pid) { return host_pid <= 0 || close_copies(host_pid); };
    exit_code = memory::run_guardian(*state, hooks);
  });
}

}  // namespace ferry::cli
