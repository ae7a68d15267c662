// SPDX-License-Identifier: Apache-2.0
//
// System V semaphores: their values.
#include <sys/sem.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr key_t kKey = 0x7acf;
  const int id = static_cast<int>(must(::semget(kKey, 2, IPC_CREAT | IPC_EXCL | 0600)));
  must(::semctl(id, 0, SETVAL, 3));
  must(::semctl(id, 1, SETVAL, 5));
  ready_and_wait();
  const int value = ::semctl(id, 0, GETVAL);
  if (value == -1) fail("the semaphores are gone");
  require_equal(value, 3, "the first value");
  require_equal(::semctl(id, 1, GETVAL), 5, "the second value");
  require_equal(::semget(kKey, 2, 0), id, "their id by their key");
  sembuf take{1, -1, SEM_UNDO};
  must(::semop(id, &take, 1));
  require_equal(::semctl(id, 1, GETVAL), 4, "the value after one was taken");
  must(::semctl(id, 0, IPC_RMID));
  return pass();
}
