// SPDX-License-Identifier: Apache-2.0
//
// A tree of a container's files on its way to the target, or a single file (a bind mount): all of it while the container
// runs, then again and again what has changed, and the rest within the pause. The target has said before that nothing
// else is in its place.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "files/tree_changes.h"
#include "migration/rsync.h"

namespace ferry::migration {

class RootFiles {
 public:
  // `changes`: where all that has changed is to be found; the tree itself, or a part of it that is kept apart.
  RootFiles(base::Path directory, base::Path changes, bool read_only, transport::Destination destination, std::vector<std::string> ssh_options);
  // Where the container sees it; else it is its root.
  void set_place(base::Path at) { at_ = std::move(at); }
  const base::Path& place() const { return at_; }
  void go_to(base::Path there) { way_.there = std::move(there); }  // else to the same path
  // The same tree, from now on as it is seen elsewhere on both hosts.
  void go_on(base::Path directory, base::Path there) {
    way_.here = std::move(directory);
    way_.there = std::move(there);
  }

  // It is there already as it was here at `since_ns` (by the time of day), not made by this move: nothing is sent, and a change in it
  // ends the move.
  void leave_there(int64_t since_ns);

  // `still_ns`: a moment, by the time of day, at which no task was writing: what is written later has a later time, however long a
  // write takes. `meanwhile` may throw, which ends it. Throws Error with rsync's words.
  void send(int64_t still_ns, const std::function<void()>& meanwhile);
  // What has changed since the last `still_ns`. False: nothing has.
  bool catch_up(int64_t still_ns, const std::function<void()>& meanwhile);
  // The freeze comes: what is to send what has changed until then is started.
  void stand_by();
  // Just frozen: what has changed goes on its way. Not later: CRIU makes a directory in /tmp when it dumps.
  void send_changes();
  // All of it is there. `mapped`: files to which tasks write by a mapping; those in it go whatever their times say.
  void finish_changes(const std::vector<std::string>& mapped, const std::function<void()>& meanwhile);
  // Nothing more comes of it.
  void give_up();
  // Of files whose times do not say what was written: all of them at once, if there are any or were when it was last asked.
  void look_for_content();
  void send_all(const std::function<void()>& meanwhile);

 private:
  bool goes_in_parts() const { return !read_only_ && !is_there_ && !way_.is_file; }
  void require_unchanged() const;
  std::vector<std::string> in_it(const std::vector<std::string>& paths) const;
  void run(Rsync::What what, const std::vector<std::string>& list, Rsync::Tree tree, const std::function<void()>& meanwhile) const;

  RsyncWay way_;
  base::Path changes_, at_;
  bool is_there_ = false;  // and stays
  bool has_content_ = false;
  bool read_only_;
  int64_t since_ns_ = 0;   // by the time of day: what is older is there
  int64_t seen_until_ns_ = 0;
  files::TreeChanges found_;  // since then, at the freeze
  bool is_sending_ = false;
  std::optional<Rsync> sends_, sends_anew_;  // what has changed; files whatever their times say
};

}  // namespace ferry::migration
