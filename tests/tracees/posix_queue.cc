// SPDX-License-Identifier: Apache-2.0
//
// A POSIX message queue with messages in it.
#include <mqueue.h>

#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  mq_attr attributes{0, 4, 64, 0, {}};
  const mqd_t queue = ::mq_open("/tracee-queue", O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &attributes);
  must(queue);
  must(::mq_send(queue, "low", 3, 1));
  must(::mq_send(queue, "high", 4, 9));
  ready_and_wait();
  char got[64];
  unsigned priority = 0;
  require_equal(::mq_receive(queue, got, sizeof got, &priority), 4, "the first message's size");
  require_equal(priority, 9, "its priority");
  require_equal(::mq_receive(queue, got, sizeof got, &priority), 3, "the second message's size");
  must(::mq_getattr(queue, &attributes));
  require_equal(attributes.mq_maxmsg, 4, "how many it can hold");
  must(::mq_unlink("/tracee-queue"));
  return pass();
}
