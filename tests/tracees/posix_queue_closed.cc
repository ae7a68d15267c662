// SPDX-License-Identifier: Apache-2.0
//
// A POSIX message queue with a message in it that nobody has open.
#include <mqueue.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  mq_attr attributes{0, 4, 64, 0, {}};
  const mqd_t queue = ::mq_open("/tracee-closed", O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
  must(queue);
  must(::mq_send(queue, "kept", 4, 1));
  must(::mq_close(queue));
  ready_and_wait();
  const mqd_t again = ::mq_open("/tracee-closed", O_RDONLY);
  if (again == -1) fail("the queue is gone");
  char got[64];
  require_equal(::mq_receive(again, got, sizeof got, nullptr), 4, "the message's size");
  must(::mq_unlink("/tracee-closed"));
  return pass();
}
