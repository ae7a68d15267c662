// SPDX-License-Identifier: Apache-2.0
#include "kernel/tap.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace ferry::kernel {

using base::SysError;

Tap::Tap(const std::string& pattern) : fd_(base::open_file("/dev/net/tun", O_RDWR | O_NONBLOCK)) {
  ifreq request{};
  // No offloads are set, so the header of what is read says nothing; for what is written it may.
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  CHECK(pattern.size() < sizeof request.ifr_name);
  std::memcpy(request.ifr_name, pattern.data(), pattern.size());
  if (::ioctl(fd_.get(), TUNSETIFF, &request) < 0) throw SysError("TUNSETIFF", errno, pattern);
  name_ = request.ifr_name;
}

std::optional<std::span<const std::byte>> Tap::try_read(std::span<std::byte> buffer) const {
  for (;;) {
    Unfinished header;
    const std::array<iovec, 2> parts{{{&header, sizeof header}, {buffer.data(), buffer.size()}}};
    const ssize_t got = ::readv(fd_.get(), parts.data(), parts.size());
    if (got >= static_cast<ssize_t>(sizeof header)) return buffer.first(static_cast<size_t>(got) - sizeof header);
    if (got >= 0) throw SysError("read", EIO, name_);
    if (errno == EAGAIN) return std::nullopt;
    if (errno != EINTR) throw SysError("read", errno, name_);
  }
}

void Tap::write(std::span<const std::byte> frame, const Unfinished& unfinished) const {
  const auto part = [](const void* data, size_t size) { return iovec{const_cast<void*>(data), size}; };
  const std::array<iovec, 2> parts{part(&unfinished, sizeof unfinished), part(frame.data(), frame.size())};
  if (::writev(fd_.get(), parts.data(), parts.size()) < 0) throw SysError("write", errno, name_);
}

}  // namespace ferry::kernel
