// SPDX-License-Identifier: Apache-2.0
//
// Descriptors without a file: CRIU knows a handful of them (criu/files.c: dump_one_file) and refuses the others.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "process/blocker_kinds.h"

namespace ferry::process {
namespace {

constexpr std::string_view kAnonymous = "anon_inode:";
// With and without brackets: as the kernel happens to name them.
constexpr std::array<std::string_view, 8> kMovableObjects = {"eventfd",  "eventpoll", "inotify", "fanotify",
                                                      "signalfd", "timerfd",   "pidfd",   "[pidfd]"};

struct Known {
  std::string_view part;  // of the name
  const char* thing;
  const char* why;
  const char* remedy;
};
constexpr std::array<Known, 8> kKnown = {{
    {"io_uring", "an io_uring", "CRIU cannot take requests along that are with the kernel",
     "run it without io_uring; many programs have a switch (node: UV_USE_IO_URING=0, nginx: aio off, MariaDB: innodb_use_native_aio=0)"},
    {"userfaultfd", "a userfaultfd of its own", "its pages would have two owners during the move, and CRIU refuses it",
     "let it finish or close it before the move (virtual machines: their own live migration)"},
    {"perf", "a perf event", "the counters are in this host's CPU", "end the measurement first"},
    {"bpf", "a BPF object", "programs and maps are in this host's kernel, and others may be using them", "run it without BPF"},
    {"landlock", "a Landlock ruleset", "CRIU knows nothing of Landlock: the restrictions would be lost",
     "run it without Landlock"},
    {"kvm", "a KVM virtual machine", "its state is in this host's kernel", "use the virtual machine's own live migration"},
    {"seccomp notify", "a seccomp listener", "the tasks it answers for would hang without it", "run it without that supervisor"},
    {"vfio", "a VFIO device", "it is this host's hardware", "run it without that device"},
}};

bool is_movable_object(std::string_view name) {
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  return std::ranges::find(kMovableObjects, name) != kMovableObjects.end();
}

void add_anonymous(const Task& task, const Descriptor& file, OpenThings& open) {
  const auto name = file.target.substr(kAnonymous.size());
  if (is_movable_object(name)) return;
  const auto known = std::ranges::find_if(kKnown, [&](const Known& one) { return name.find(one.part) != std::string::npos; });
  if (known != kKnown.end()) return open.add(task, file.fd, known->thing, known->why, known->remedy);
  open.add(task, file.fd, fmt::format("a kernel object ({})", name), "CRIU cannot take one of this kind along",
           "let it close that descriptor before the move");
}

// CRIU restores 32 bits of the count, and ferry needs one of them (criu/eventfd_mark.h).
void look_at_event_fd(const Task& task, const Descriptor& file, OpenThings& open) {
  constexpr uint64_t kTooHigh = 1u << 31;
  if (std::stoull(file.field("eventfd-count").value_or("0"), nullptr, 16) < kTooHigh) return;
  open.add(task, file.fd, "an eventfd with a count above two billion", "CRIU does not restore so high a count", "let it read the eventfd first");
}

// Of kernels since 6.9 a pidfd is a file of its own filesystem: "pidfd:[123]".
bool is_pidfd(const Descriptor& file) {
  return file.target.starts_with("pidfd:") || file.target.starts_with("anon_inode:[pidfd]");
}

}  // namespace

void add_kernel_object_blockers(const View& view, Reasons& reasons) {
  OpenThings open;
  for (const auto& task : view.tasks) {
    for (const auto& file : task.files) {
      if (is_pidfd(file)) {
        const pid_t subject = std::stoi(file.field("Pid").value_or("-1"));
        if (subject <= 0 || view.holds(subject)) continue;
        open.add(task, file.fd, fmt::format("the process {} (pid {})", kernel::comm_of(subject), subject),
                 "that process does not belong to the workload and stays here", "let it close that pidfd, or move the tree of both");
      } else if (file.target.starts_with(kAnonymous)) {
        add_anonymous(task, file, open);
        look_at_event_fd(task, file, open);
      }
    }
  }
  open.move_to(reasons);
}

}  // namespace ferry::process
