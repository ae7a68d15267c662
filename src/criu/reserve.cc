// SPDX-License-Identifier: Apache-2.0
#include "criu/reserve.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "criu/received_descriptors.h"
#include "criu/reserve_place.h"

namespace ferry::criu {

using memory::ReserveTable;

Reserve::Reserve() : memfd_(::memfd_create("ferry-reserve", MFD_CLOEXEC)), sockets_(base::make_socketpair(SOCK_SEQPACKET)) {
  if (!memfd_) throw base::SysError("memfd_create", errno, "for CRIU's reserve");
  if (::ftruncate(memfd_.get(), sizeof(ReserveTable)) < 0) throw base::SysError("ftruncate", errno, "of CRIU's reserve");
  void* at = ::mmap(nullptr, sizeof(ReserveTable), PROT_READ | PROT_WRITE, MAP_SHARED, memfd_.get(), 0);
  if (at == MAP_FAILED) throw base::SysError("mmap", errno, "of CRIU's reserve");
  table_ = static_cast<ReserveTable*>(at);
}

Reserve::~Reserve() { ::munmap(table_, sizeof *table_); }

void Reserve::add_to(base::SpawnOptions& options) const {
  const int table = memfd_.get(), socket = sockets_.second.get();
  options.inherit.insert(options.inherit.end(), {table, socket});
  options.environment.push_back(fmt::format("{}={},{}", kReserveVariable, table, socket));
}

bool Reserve::wait_for_it() {
  sockets_.second.reset();
  char byte = 0;
  auto received = receive_descriptors<1>(sockets_.first.get(), &byte, sizeof byte);
  if (received) uffd_ = kernel::Userfaultfd(std::move((*received)[0]));
  return received.has_value();
}

}  // namespace ferry::criu
