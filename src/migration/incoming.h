// SPDX-License-Identifier: Apache-2.0
//
// Files on their way in: CRIU's images into the image directory, memory that tasks share into memfds, the workload's own open files
// staged beside their places. Everything that the source says of them is checked here.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "files/staged.h"
#include "migration/known_pages.h"
#include "migration/shared_arrival.h"
#include "migration/wire.pb.h"

namespace ferry::migration {

class Incoming {
 public:
  // `staging` is told the path of each file of the workload before anything is made for it (inode 0), and then the new file's inode.
  using Staging = std::function<void(const std::string& path, uint64_t inode)>;
  // `shared` outlives this.
  Incoming(base::Path images, std::string job, SharedArrival& shared, Staging staging)
      : images_(std::move(images)), job_(std::move(job)), shared_(shared), staging_(std::move(staging)) {}

  // A file of the workload will come: its place must be possible. Throws Error (refused).
  void expect(const std::string& path);
  void begin(const wire::FileStart& file);
  void take(std::span<const std::byte> data);
  void take(const wire::Images& images);
  bool is_complete() const { return left_ == 0; }
  // Others will come. Throws SysError.
  void forget_images();

  // Puts the workload's files in their places; `own` are those that it may replace: its own from an earlier stay.
  void install(const std::vector<std::string>& own);
  // The move has succeeded: they stay. Without this the end of the object puts back what was there.
  void keep();

 private:
  struct Arrival {
    files::StagedFile staged;
    wire::FileStart header;  // of the last pass
  };
  void require_complete() const;
  Arrival& arrival(const std::string& path);
  void put_shared(std::span<const std::byte> data);
  base::Fd make_image(const std::string& name);
  void begin_image(const wire::FileStart& file);
  void put_image(std::span<const std::byte> data);
  void put_known_pages();

  base::Path images_;
  std::string job_;
  SharedArrival& shared_;
  Staging staging_;
  std::map<std::string, Arrival> arrivals_;
  // What data frames belong to.
  wire::FileStart current_;
  uint64_t left_ = 0;
  KnownPages known_pages_;
  base::Fd image_;
  std::vector<uint32_t> image_pages_;  // of FileStart, the next one last
  int shared_file_ = -1;
  std::vector<SharedArrival::Place> places_;  // in it: where data goes, the next one last
  std::vector<std::string> image_names_;  // of those that have come
};

}  // namespace ferry::migration
