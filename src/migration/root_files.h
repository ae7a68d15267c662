// SPDX-License-Identifier: Apache-2.0
//
// A tree of a container's files on its way to the target, or a single file (a bind mount), by rsync: first while the container runs,
// and what has changed since within the pause. The target has said before that nothing else is in its place.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/subprocess.h"
#include "transport/bootstrap.h"

namespace ferry::migration {

class RootFiles {
 public:
  // `changes`: where all that has changed is to be found; the tree itself, or a part of it that is kept apart.
  RootFiles(base::Path directory, base::Path changes, bool read_only, transport::Destination destination, std::vector<std::string> ssh_options);
  // Where the container sees it; else it is its root.
  void set_place(base::Path at) { at_ = std::move(at); }
  const base::Path& place() const { return at_; }
  void go_to(base::Path there) { there_ = std::move(there); }  // else to the same path
  // The same tree, from now on as it is seen elsewhere on both hosts.
  void go_on(base::Path directory, base::Path there) {
    directory_ = std::move(directory);
    there_ = std::move(there);
  }

  // It is there already as it was here at `since_ns` (by the time of day), not made by this move: nothing is sent, and a change in it
  // ends the move.
  void leave_there(int64_t since_ns);

  // `meanwhile` may throw, which ends it. Throws Error with rsync's words.
  void send(const std::function<void()>& meanwhile);
  // Just frozen: whether something has changed since send() began. Not later: CRIU makes a directory in /tmp when it dumps.
  void look_for_changes();
  // Then: what has changed. `written`: paths that a task has open for writing, or mapped; those in it go
  // whatever their times say. True: there was something.
  bool send_changes(const std::vector<std::string>& written, const std::function<void()>& meanwhile);
  // Of files whose times do not say what was written: all of them at once, if there are any or were when it was last asked.
  void look_for_content();
  void send_all(const std::function<void()>& meanwhile);

 private:
  bool has_changed() const;
  base::Argv rsync(const std::vector<std::string>& options) const;
  enum class Workload { kRuns, kStandsStill };
  void run(const base::Argv& argv, const std::string& input, const std::function<void()>& meanwhile, Workload workload = Workload::kStandsStill) const;

  base::Path directory_, there_, changes_, at_;
  bool is_file_ = false;
  bool is_there_ = false;  // and stays
  bool changed_ = false;
  bool has_content_ = false;
  bool read_only_;
  transport::Destination destination_;
  std::vector<std::string> ssh_options_;
  int64_t since_ns_ = 0;  // by the time of day
};

}  // namespace ferry::migration
