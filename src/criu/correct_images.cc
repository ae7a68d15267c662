// SPDX-License-Identifier: Apache-2.0
#include "criu/correct_images.h"

#include <fmt/format.h>

#include <cstdio>
#include <map>

#include "criu/eventfd_mark.h"
#include "criu/image_file.h"
#include "criu/timerfd_image.h"
#include "kernel/task_fd.h"

namespace ferry::criu {
namespace {

// Who has an open file, and as which descriptor. Read when it is first asked for: most workloads need none of it.
class Holders {
 public:
  struct Holder {
    pid_t pid = 0;  // as we call it
    int fd = -1;
  };
  Holders(const base::Path& images, const HostPid& host_pid) : images_(images), host_pid_(host_pid) {}

  // Nothing: it is held by a message in a socket only.
  std::optional<Holder> of(uint32_t file_id) {
    if (!read_) read();
    const auto found = holders_.find(file_id);
    if (found == holders_.end()) return std::nullopt;
    const pid_t pid = host_pid_(found->second.pid);
    return pid > 0 ? std::optional(Holder{pid, found->second.fd}) : std::nullopt;
  }

 private:
  void read() {
    read_ = true;
    for (const auto& entry : std::filesystem::directory_iterator(images_)) {
      const std::string name = entry.path().filename();
      int pid = 0;
      if (std::sscanf(name.c_str(), "ids-%d.img", &pid) != 1) continue;
      for (const auto& ids : ImageFile<image::TaskIds>(entry.path()).entries) read_table(pid, ids.files_id());
    }
  }
  void read_table(pid_t pid, uint32_t table) {
    for (const auto& one : ImageFile<image::Descriptor>(images_ / fmt::format("fdinfo-{}.img", table)).entries) {
      holders_.try_emplace(one.id(), Holder{pid, static_cast<int>(one.fd())});
    }
  }

  const base::Path& images_;
  const HostPid& host_pid_;
  std::map<uint32_t, Holder> holders_;  // by the file's id; pids as the workload calls them
  bool read_ = false;
};

bool correct(image::OpenFile& file, Holders& holders) {
  if (file.has_tfd()) {
    return correct_timer(*file.mutable_tfd(), [&]() -> std::optional<kernel::TimerState> {
      const auto holder = holders.of(file.id());
      return holder ? kernel::ask_timer(holder->pid, holder->fd) : std::nullopt;
    });
  }
  if (!file.has_efd()) return false;
  const auto holder = holders.of(file.id());
  if (!holder || !kernel::is_semaphore(holder->pid, holder->fd)) return false;
  file.mutable_efd()->set_counter(file.efd().counter() | kSemaphoreMark);
  return true;
}

}  // namespace

void correct_images(const base::Path& images, const HostPid& host_pid) {
  ImageFile<image::OpenFile> files(images / "files.img");
  Holders holders(images, host_pid);
  bool changed = false;
  for (auto& file : files.entries) changed |= correct(file, holders);
  if (changed) files.write();
}

}  // namespace ferry::criu
