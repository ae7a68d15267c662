// SPDX-License-Identifier: Apache-2.0
//
// A System V message queue with messages in it.
#include <sys/msg.h>

#include "tracee.h"

namespace {
struct Message {
  long type;
  char text[8];
};
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  constexpr key_t kKey = 0x7ad0;
  const int id = static_cast<int>(must(::msgget(kKey, IPC_CREAT | IPC_EXCL | 0600)));
  const Message first{2, "second"}, second{1, "first"};
  must(::msgsnd(id, &first, sizeof first.text, 0));
  must(::msgsnd(id, &second, sizeof second.text, 0));
  ready_and_wait();
  Message got{};
  if (::msgrcv(id, &got, sizeof got.text, 1, IPC_NOWAIT) == -1) fail("the message is gone");
  require(std::string(got.text) == "first", "the message by its type");
  must(::msgrcv(id, &got, sizeof got.text, 0, IPC_NOWAIT));
  require(std::string(got.text) == "second" && got.type == 2, "the other message");
  require_equal(::msgget(kKey, 0), id, "its id by its key");
  must(::msgctl(id, IPC_RMID, nullptr));
  return pass();
}
