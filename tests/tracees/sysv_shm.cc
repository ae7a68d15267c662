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
  SharedWithChild memory(attached, content);

  ready_and_wait();
  memory.check();
  require_equal(::shmget(kKey, 0, 0), id, "its id by its key");
  shmid_ds state{};
  must(::shmctl(id, IPC_STAT, &state));
  require_equal(static_cast<int64_t>(state.shm_nattch), 1, "how often it is attached");
  must(::shmctl(id, IPC_RMID, nullptr));
  return pass();
}
