// SPDX-License-Identifier: Apache-2.0
//
// Capabilities that were dropped stay dropped: permitted, effective, inheritable, bounding and ambient sets.
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tracee.h"

namespace {
std::string sets() {
  const std::string status = read_whole("/proc/self/status");
  const auto begin = status.find("CapInh:");
  return status.substr(begin, status.find("NoNewPrivs") - begin);
}
constexpr uint32_t bit(int capability) { return 1U << capability; }
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  const std::string before = sets();
  for (const int dropped : {CAP_SYS_MODULE, CAP_SYS_BOOT, CAP_MKNOD}) must(::prctl(PR_CAPBSET_DROP, dropped));
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const uint32_t permitted = bit(CAP_CHOWN) | bit(CAP_NET_BIND_SERVICE) | bit(CAP_NET_RAW);
  const __user_cap_data_struct data[2] = {
      {bit(CAP_CHOWN) | bit(CAP_NET_RAW), permitted, bit(CAP_NET_BIND_SERVICE) | bit(CAP_NET_RAW)}, {0, 0, 0}};
  must(::syscall(SYS_capset, &header, data));
  must(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0));
  const std::string dropped = sets();
  require(dropped != before, "the sets have changed");

  ready_and_wait();
  if (sets() != dropped) fail("the sets were\n" + dropped + "and are\n" + sets());
  require(::chroot("/") == -1 && errno == EPERM, "what was dropped is refused");
  must(::chown(path("go").c_str(), 1234, 1234));
  return pass();
}
