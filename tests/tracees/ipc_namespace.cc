// SPDX-License-Identifier: Apache-2.0
//
// An ipc namespace of the workload's own, with System V shared memory, semaphores and a message queue in it.
#include <sched.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "tracee.h"

namespace {
struct Message {
  long type;
  char text[8];
};
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  must(::unshare(CLONE_NEWIPC));
  const int memory = static_cast<int>(must(::shmget(1, 65536, IPC_CREAT | 0600)));
  auto* bytes = static_cast<char*>(::shmat(memory, nullptr, 0));
  std::strcpy(bytes, "shared");
  const int semaphores = static_cast<int>(must(::semget(2, 1, IPC_CREAT | 0600)));
  must(::semctl(semaphores, 0, SETVAL, 3));
  const int queue = static_cast<int>(must(::msgget(3, IPC_CREAT | 0600)));
  const Message message{1, "queued"};
  must(::msgsnd(queue, &message, sizeof message.text, 0));

  ready_and_wait();
  require(std::string(bytes) == "shared", "the shared memory");
  require_equal(::shmget(1, 0, 0), memory, "its id by its key");
  require_equal(::semctl(semaphores, 0, GETVAL), 3, "the semaphore");
  Message got{};
  must(::msgrcv(queue, &got, sizeof got.text, 0, IPC_NOWAIT));
  require(std::string(got.text) == "queued", "the message");
  return pass();
}
