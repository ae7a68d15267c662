// SPDX-License-Identifier: Apache-2.0
//
// Ferry's end of release_place.h.
#pragma once

#include <optional>
#include <string>

#include "criu/image_set.h"
#include "criu/release_place.h"

namespace ferry::criu {

class ReleaseMark {
 public:
  explicit ReleaseMark(const ImageSet& images);
  ReleaseMark(const ReleaseMark&) = delete;

  std::string setting() const;  // for the environment of the CRIU that restores
  // Before post-restore is answered. Throws Error when that CRIU does not keep the mark.
  void grant() const;
  // At pre-resume. Throws Error when CRIU has not marked that they run from here on.
  void require_whole() const;
  // At pre-resume, before ferry kills them.
  void take_back() const;

 private:
  const base::Path path_;
  base::Fd file_;
};

// Of a job whose CRIU has gone; nothing: no CRIU was ever started for it, or its images have been swept.
std::optional<Release> release_of(const std::string& job);

}  // namespace ferry::criu
