// SPDX-License-Identifier: Apache-2.0
//
// The bind mounts of a container. They are paths of the host, which belong to others as well: they
// must be on the target, or are sent when the user has named them (--with-bind), and stay at the
// source in any case. At the target nothing is overwritten that a move has not made itself.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/fd.h"
#include "process/reason.h"
#include "runtime/oci.h"

namespace ferry::runtime {

struct BindMount {
  base::Path path;              // of the host, the same on both
  std::vector<base::Path> at;   // where the container sees it
  std::string never_sent = {};  // why it cannot be sent; empty: it can
  bool is_sent = false;
  // Of one that is sent, when it was looked at:
  bool is_directory = false;
  uint64_t bytes = 0;
  std::string print = {};    // files/tree_print.h
  int64_t looked_at_ns = 0;  // by the time of day, just before

  bool operator==(const BindMount&) const = default;
};

// ---- at the source ----

struct BindChoice {
  std::vector<BindMount> binds;  // all of them
  process::Reasons reasons;      // against sending what was wanted
};
// `wanted`: paths, as the user has named them. `storage`: where engines keep what is theirs.
// `root`: a process of the container.
BindChoice choose_binds(const std::vector<MountedTree>& mounted,
                        const std::vector<std::string>& wanted,
                        const std::vector<base::Path>& storage, pid_t root);
// Empty: it can be sent.
std::string why_never_sent(const base::Path& path, const std::vector<base::Path>& storage);

// ---- at the target ----

// What is not here, and what is in the way.
process::Reasons bind_reasons(const std::vector<BindMount>& binds);

// Those that come, made empty: their engine wants to find them before their contents are there.
// Note it before make(); remove() is for the move itself and for whoever finishes its job.
class BindPlaces {
 public:
  BindPlaces() = default;
  explicit BindPlaces(
      const std::vector<BindMount>& binds);  // those that are sent, and not here: makes nothing yet
  static BindPlaces from(const nlohmann::json& note);
  nlohmann::json note() const;

  void make();          // throws Error when somebody else has made one meanwhile
  void remove() const;  // never throws
  bool makes(const base::Path& path) const;

 private:
  struct Place {
    base::Path path, top;  // top: the first of its directories that is not here yet, or itself
    bool is_directory;
  };
  std::vector<Place> places_;
};

}  // namespace ferry::runtime
