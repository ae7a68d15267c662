// SPDX-License-Identifier: Apache-2.0
#include "kernel/userfaultfd.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace ferry::kernel {
namespace {

// Whatever is not an answer about the range is thrown.
UffdEnd end_of(int error, const char* call) {
  switch (error) {
    case 0: return UffdEnd::kDone;
    case EEXIST: return UffdEnd::kPresent;
    case EAGAIN: return UffdEnd::kChanging;
    case ENOENT: return UffdEnd::kUnmapped;
    case EINVAL:
    case EPERM: return UffdEnd::kUnsuitable;
    case EBUSY: return UffdEnd::kBusy;
    // Of an address space that is gone, UFFDIO_REGISTER and UNREGISTER say ENOMEM, the others ESRCH; try_register
    // and try_unregister tell these apart themselves.
    case ENOMEM: return UffdEnd::kNoMemory;
    case ESRCH: return UffdEnd::kGone;
    default: throw base::SysError(call, error, "on the workload's memory");
  }
}

template <typename Argument>
UffdEnd call(int fd, unsigned long request, Argument& argument, const char* name) {
  int result;
  do {
    result = ::ioctl(fd, request, &argument);
  } while (result < 0 && errno == EINTR);
  return end_of(result < 0 ? errno : 0, name);
}

uffdio_range as_range(AddressRange range) { return {range.start, range.bytes()}; }

// The kernel says in its answer how far it came, or, where it came nowhere, again why not.
UffdMoved moved(UffdEnd end, int64_t answer, AddressRange range) {
  if (end == UffdEnd::kDone) return {range.bytes(), end};
  return {answer > 0 ? static_cast<uint64_t>(answer) : 0, end};
}

}  // namespace

const char* to_string(UffdEnd end) {
  switch (end) {
    case UffdEnd::kDone: return "done";
    case UffdEnd::kPresent: return "already present";
    case UffdEnd::kChanging: return "being changed";
    case UffdEnd::kUnmapped: return "not mapped or not registered";
    case UffdEnd::kUnsuitable: return "not memory that can be registered";
    case UffdEnd::kBusy: return "registered with another userfaultfd";
    case UffdEnd::kNoMemory: return "no memory";
    case UffdEnd::kGone: return "the address space is gone";
  }
  return "?";
}

std::optional<Userfaultfd> Userfaultfd::try_make(uint64_t features) {
  constexpr int kFlags = O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY;
  base::Fd fd(static_cast<int>(::syscall(SYS_userfaultfd, kFlags)));
  if (!fd) return std::nullopt;
  Userfaultfd made(std::move(fd));
  if (!made.try_handshake(features)) return std::nullopt;
  return made;
}

bool Userfaultfd::try_handshake(uint64_t features) const {
  uffdio_api api{};
  api.api = UFFD_API;
  api.features = features;
  if (::ioctl(fd_.get(), UFFDIO_API, &api) == 0) return (api.features & features) == features;
  // EPERM: EVENT_FORK without CAP_SYS_PTRACE.
  if (errno == EINVAL || errno == EPERM) return false;
  throw base::SysError("ioctl UFFDIO_API", errno, "");
}

UffdEnd Userfaultfd::try_register(AddressRange range, UffdMode mode) const {
  uffdio_register argument{};
  argument.range = as_range(range);
  argument.mode = static_cast<uint64_t>(mode);
  const UffdEnd end = call(fd_.get(), UFFDIO_REGISTER, argument, "ioctl UFFDIO_REGISTER");
  return end == UffdEnd::kNoMemory ? UffdEnd::kGone : end;
}

UffdEnd Userfaultfd::try_unregister(AddressRange range) const {
  uffdio_range argument = as_range(range);
  const UffdEnd end = call(fd_.get(), UFFDIO_UNREGISTER, argument, "ioctl UFFDIO_UNREGISTER");
  return end == UffdEnd::kNoMemory ? UffdEnd::kGone : end;
}

UffdEnd Userfaultfd::try_write_protect(AddressRange range, bool protect) const {
  uffdio_writeprotect argument{};
  argument.range = as_range(range);
  argument.mode = protect ? UFFDIO_WRITEPROTECT_MODE_WP : 0;
  return call(fd_.get(), UFFDIO_WRITEPROTECT, argument, "ioctl UFFDIO_WRITEPROTECT");
}

UffdMoved Userfaultfd::try_copy(AddressRange range, const void* from, Wake wake) const {
  uffdio_copy argument{};
  argument.dst = range.start;
  argument.src = reinterpret_cast<uint64_t>(from);
  argument.len = range.bytes();
  argument.mode = wake == Wake::kYes ? 0 : UFFDIO_COPY_MODE_DONTWAKE;
  const UffdEnd end = call(fd_.get(), UFFDIO_COPY, argument, "ioctl UFFDIO_COPY");
  return moved(end, argument.copy, range);
}

UffdMoved Userfaultfd::try_zero(AddressRange range, Wake wake) const {
  uffdio_zeropage argument{};
  argument.range = as_range(range);
  argument.mode = wake == Wake::kYes ? 0 : UFFDIO_ZEROPAGE_MODE_DONTWAKE;
  const UffdEnd end = call(fd_.get(), UFFDIO_ZEROPAGE, argument, "ioctl UFFDIO_ZEROPAGE");
  return moved(end, argument.zeropage, range);
}

UffdEnd Userfaultfd::try_wake(AddressRange range) const {
  uffdio_range argument = as_range(range);
  return call(fd_.get(), UFFDIO_WAKE, argument, "ioctl UFFDIO_WAKE");
}

size_t Userfaultfd::read_events(std::span<uffd_msg> into) const {
  const ssize_t got = ::read(fd_.get(), into.data(), into.size_bytes());
  if (got >= 0) return static_cast<size_t>(got) / sizeof(uffd_msg);
  if (errno == EAGAIN || errno == EINTR) return 0;
  throw base::SysError("read", errno, "from a userfaultfd");
}

}  // namespace ferry::kernel
