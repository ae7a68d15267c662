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

Tap::Tap(const std::string& pattern, Large large) : fd_(base::open_file("/dev/net/tun", O_RDWR | O_NONBLOCK)) {
  ifreq request{};
  // Where no offloads are set the header of what is read says nothing; for what is written it may.
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  CHECK(pattern.size() < sizeof request.ifr_name);
  std::memcpy(request.ifr_name, pattern.data(), pattern.size());
  if (::ioctl(fd_.get(), TUNSETIFF, &request) < 0) throw SysError("TUNSETIFF", errno, pattern);
  name_ = request.ifr_name;
  if (large == Large::kNo) return;
  const unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN;
  if (::ioctl(fd_.get(), TUNSETOFFLOAD, offloads) < 0) throw SysError("TUNSETOFFLOAD", errno, name_);
}

Tap::Tap(base::Fd shared) : fd_(std::move(shared)) {
  ifreq request{};
  if (::ioctl(fd_.get(), TUNGETIFF, &request) < 0) throw SysError("TUNGETIFF", errno, "a shared TAP");
  name_ = request.ifr_name;
}

std::optional<std::span<const std::byte>> Tap::try_read(std::span<std::byte> buffer, Unfinished& unfinished) const {
  for (;;) {
    const std::array<iovec, 2> parts{{{&unfinished, sizeof unfinished}, {buffer.data(), buffer.size()}}};
    const ssize_t got = ::readv(fd_.get(), parts.data(), parts.size());
    if (got >= static_cast<ssize_t>(sizeof unfinished)) return buffer.first(static_cast<size_t>(got) - sizeof unfinished);
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
