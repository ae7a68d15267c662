// SPDX-License-Identifier: Apache-2.0
#include "kernel/exec_mark.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/fd.h"

namespace ferry::kernel {

namespace {

constexpr size_t kMarkBytes = 16;  // linux/binfmts.h promises so many

std::optional<uint64_t> address_of_random(pid_t pid) {
  const auto vector = base::try_read_file(fmt::format("/proc/{}/auxv", pid));
  if (!vector) return std::nullopt;
  for (size_t at = 0; at + sizeof(Elf64_auxv_t) <= vector->size(); at += sizeof(Elf64_auxv_t)) {
    Elf64_auxv_t entry;
    std::memcpy(&entry, vector->data() + at, sizeof entry);
    if (entry.a_type == AT_RANDOM) return entry.a_un.a_val;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> exec_mark_of(pid_t pid) {
  const auto address = address_of_random(pid);
  if (!address) return std::nullopt;
  const auto memory = base::try_open_file(fmt::format("/proc/{}/mem", pid), O_RDONLY);
  if (!memory) return std::nullopt;
  std::array<unsigned char, kMarkBytes> bytes{};
  const auto got = ::pread(memory->get(), bytes.data(), bytes.size(), static_cast<off_t>(*address));
  if (got != static_cast<ssize_t>(bytes.size())) return std::nullopt;
  std::string hex;
  for (const auto byte : bytes) hex += fmt::format("{:02x}", byte);
  return hex;
}

}  // namespace ferry::kernel
