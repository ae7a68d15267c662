// SPDX-License-Identifier: Apache-2.0
#include "kernel/tap.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace ferry::kernel {

using base::SysError;

Tap::Tap(const std::string& pattern) : fd_(base::open_file("/dev/net/tun", O_RDWR | O_NONBLOCK)) {
  ifreq request{};
  // No header of tun's own, and no offloads: what is read is a whole frame with its checksums, as on a wire.
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  CHECK(pattern.size() < sizeof request.ifr_name);
  std::memcpy(request.ifr_name, pattern.data(), pattern.size());
  if (::ioctl(fd_.get(), TUNSETIFF, &request) < 0) throw SysError("TUNSETIFF", errno, pattern);
  name_ = request.ifr_name;
}

std::optional<std::span<const std::byte>> Tap::try_read(std::span<std::byte> buffer) const {
  for (;;) {
    const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    if (got >= 0) return buffer.first(static_cast<size_t>(got));
    if (errno == EAGAIN) return std::nullopt;
    if (errno != EINTR) throw SysError("read", errno, name_);
  }
}

void Tap::write(std::span<const std::byte> frame) const {
  if (::write(fd_.get(), frame.data(), frame.size()) < 0) throw SysError("write", errno, name_);
}

}  // namespace ferry::kernel
