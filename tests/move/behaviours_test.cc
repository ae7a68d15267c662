// SPDX-License-Identifier: Apache-2.0
//
// Every behaviour that a move is to keep has its tracees: whoever takes one away hears of it here.
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

struct Behaviour {
  const char* name;
  std::vector<std::string> tracees;
};
const std::vector<Behaviour> kBehaviours = {
    {"threads", {"threads", "thousand_threads"}},
    {"pipes with data in them", {"pipe_data", "fifo"}},
    {"unix sockets with descriptors in flight", {"unix_sockets", "unix_fds_in_flight", "unix_file_in_flight", "unix_listening"}},
    {"timers of each kind",
     {"posix_timers", "interval_timer", "repeating_timers", "alarm_clock", "timerfd_relative", "timerfd_absolute", "timerfd_unread", "sleeping"}},
    {"signals", {"pending_signals", "signal_handlers", "signal_stack", "signal_fd", "parent_death_signal"}},
    {"files", {"deleted_file", "deleted_program", "file_offsets", "working_directory"}},
    {"locks on files", {"record_locks", "flock_lock"}},
    {"MAP_SHARED files", {"mapped_file", "mapped_file_closed"}},
    {"memfd", {"memory_fd", "memory_fd_sealed"}},
    {"eventfd", {"event_fd", "event_fd_semaphore"}},
    {"epoll", {"epoll_set"}},
    {"inotify", {"inotify_watch"}},
    {"shared memory", {"posix_shm", "posix_shm_unlinked", "sysv_shm", "shared_anonymous_memory", "shared_changes", "shared_by_tasks"}},
    {"semaphores and message queues", {"sysv_semaphores", "sysv_queue", "posix_queue", "posix_queue_closed", "ipc_namespace"}},
    {"process groups and sessions", {"process_groups", "session_without_leader", "child_subreaper", "orphan"}},
    {"zombies and stopped tasks", {"zombies", "stopped_task"}},
    {"a pty pair", {"terminal_pair"}},
    {"UDP", {"udp_socket", "udp_queued"}},
    {"TCP that listens or is half-closed", {"tcp_listening", "tcp_half_closed"}},
    {"limits and the umask", {"resource_limits", "file_mode_mask"}},
    {"who it is and what it may", {"user_ids", "supplementary_groups", "capabilities", "secure_bits", "seccomp_filter", "landlock"}},
    {"robust futexes and rseq", {"robust_mutex", "restartable_sequences"}},
    {"how it is scheduled", {"cpu_affinity", "scheduling", "realtime_scheduling"}},
    {"another root and mount namespaces", {"chroot_root", "chroot_child", "mount_namespace", "mount_namespace_child"}},
    {"many processes", {"two_hundred_processes"}},
    {"memory and registers", {"memory_64_mib", "protected_memory", "vector_registers"}},
    {"names, flags and surroundings", {"task_name", "process_flags", "environment"}},
    {"clocks", {"clocks", "vdso_time"}},
    {"system calls that the freeze interrupts", {"interrupted_calls", "time_left"}},
    {"memory that is written while it moves",
     {"writer_threads", "unprivileged_writer", "userfaultfd_denied", "userfaultfd_kills", "own_userfaultfd", "zero_pages", "swapped_pages",
      "merged_pages", "huge_reservation"}},
    {"memory that comes, goes and moves while it moves",
     {"mappings_come_and_go", "remapping_size", "remapping_place", "heap_break", "dropped_pages", "pages_to_free", "deep_stack", "grows_down"}},
    {"memory whose kind changes while it moves",
     {"protection_flips", "guard_pages", "guard_regions", "guards_while_settling", "lock_flips", "locked_memory", "fork_flag_flips", "transparent_huge_pages", "huge_pool_pages"}},
    {"memory that devices write", {"direct_reads", "direct_writes", "async_io"}},
    {"memory shared copy-on-write", {"copy_on_write", "shared_copies"}},
    {"tasks that come and go while they move", {"children_come_and_go", "threads_come_and_go", "exec_meanwhile", "vfork_waits"}},
    {"everything at random", {"stress"}},
};

TEST(Behaviours, EachHasItsPrograms) {
  std::set<std::string> left;
  std::istringstream list(FERRY_TRACEES);
  for (std::string name; std::getline(list, name, ',');) left.insert(name);
  for (const auto& behaviour : kBehaviours) {
    for (const auto& tracee : behaviour.tracees) EXPECT_EQ(left.erase(tracee), 1u) << behaviour.name << " has no tracee " << tracee;
  }
  for (const auto& tracee : left) ADD_FAILURE() << tracee << " belongs to no behaviour of the list";
}

}  // namespace
