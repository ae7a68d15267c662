// SPDX-License-Identifier: Apache-2.0
//
// System V shared memory, attached by two processes.
#include <sys/shm.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr key_t kKey = 0x7ace;
  constexpr size_t kSize = 128 * 1024;
  const std::string content = pattern(kSize, 23);
  const int id = static_cast<int>(must(::shmget(kKey, kSize, IPC_CREAT | IPC_EXCL | 0600)));
  void* attached = ::shmat(id, nullptr, 0);
  require(reinterpret_cast<intptr_t>(attached) != -1, "shmat");
  std::memcpy(attached, content.data(), kSize);
  volatile char* const bytes = static_cast<char*>(attached);
  const pid_t child = fork_prepared([&](auto prepared) {
    prepared();
    wait_for_go();
    while (bytes[0] != 'p') sleep_ns(kPoll_ns);
    bytes[1] = 'c';
  });

  ready_and_wait();
  require(std::memcmp(attached, content.data(), kSize) == 0, "its content");
  bytes[0] = 'p';
  expect_exit(child);
  require(bytes[1] == 'c', "what the other process wrote");
  require_equal(::shmget(kKey, 0, 0), id, "its id by its key");
  shmid_ds state{};
  must(::shmctl(id, IPC_STAT, &state));
  require_equal(static_cast<int64_t>(state.shm_nattch), 1, "how often it is attached");
  must(::shmctl(id, IPC_RMID, nullptr));
  return pass();
}
