// SPDX-License-Identifier: Apache-2.0
//
// The directory that one dump or restore works in: on tmpfs, private, gone with its owner.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace ferry::criu {

class ImageSet {
 public:
  // Why the images of so much memory have no room on this host; nothing when they have.
  static std::optional<base::Explanation> lack_of_room(uint64_t bytes);

  // Throws Error (refused) when there is no room.
  ImageSet(const std::string& job, uint64_t bytes);
  ImageSet(const ImageSet&) = delete;
  ImageSet& operator=(const ImageSet&) = delete;
  ~ImageSet();

  const base::Path& directory() const { return directory_; }
  // What CRIU's images_dir option wants: it calls readlink(2) on it (criu/cr-service.c), so it must be a symbolic link.
  std::string link() const { return link_.string(); }
  // What has to travel: not the logs and statistics, and not the clock values of timens-0.img, which would make CRIU put
  // the tasks into a second time namespace; the capsule's own carries the offsets.
  // The CRIU of an engine stands outside: a container's clocks travel in that image.
  enum class Of { kCapsule, kContainer };
  std::vector<base::Path> files_to_send(Of kind = Of::kCapsule) const;
  // Removes what a ferry that was killed left of that job; its logs are kept.
  static void sweep(const std::string& job);
  static base::Path path_of(const std::string& job, const char* name);  // while the job lasts

  // The destructor leaves it to whoever finishes the job, and sweeps.
  void leave() { directory_.clear(); }

  // For another dump instead of one that failed.
  void clear() const;
  // Where CRIU's standard error goes: into the log that it will open itself. What it, or its loader, says before is there too.
  base::Fd open_log(const char* name) const;
  // Copies a CRIU log to where it is kept after us, `why` of the failure below it; returns that path. Of all kept logs only the
  // newest stay.
  std::string keep_log(const char* name, const std::string& job, const std::string& why = {}) const;

 private:
  struct Place {
    base::Path directory, link;
  };
  static Place place_of(const std::string& job);
  static void remove(const Place& place);
  base::Path directory_, link_;
};

}  // namespace ferry::criu
