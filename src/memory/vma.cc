// SPDX-License-Identifier: Apache-2.0
#include "memory/vma.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cinttypes>
#include <cstdio>

#include "kernel/procfs.h"

namespace ferry::memory {
namespace {

// Private and without a file, but the kernel's.
constexpr std::array kKernelsOwn = {"[vdso]",    "[vvar]",    "[vvar_vclock]", "[vsyscall]",
                                    "[vectors]", "[sigpage]", "[uprobes]"};
// VmFlags that keep a VMA with CRIU: locked, huge pages of a pool, MAP_DROPPABLE (Linux 6.11, which CRIU does not take for
// private), memory of devices, shadow stacks.
constexpr std::array kNotPlane = {"lo", "ht", "dp", "io", "pf", "ss"};
// How often smaps is read again when memory was locked meanwhile.
constexpr int kSmapsAttempts = 3;

std::optional<Vma> parse_line(std::string_view line) {
  const std::string text(line);
  Vma vma;
  std::array<char, 5> permissions{};
  int name_at = 0;
  if (std::sscanf(text.c_str(), "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*x:%*x %" SCNu64 " %n", &vma.range.start,
                  &vma.range.end, permissions.data(), &vma.offset, &vma.inode, &name_at) < 5) {
    return std::nullopt;
  }
  vma.permissions = permissions.data();
  if (vma.permissions.size() != 4) return std::nullopt;
  if (name_at > 0) vma.name = text.substr(name_at);
  return vma;
}

template <typename OnLine>
void for_each_line(std::string_view text, const OnLine& on_line) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    on_line(text.substr(0, end));
    if (end == text.npos) return;
    text.remove_prefix(end + 1);
  }
}

uint64_t locked_kib_of(pid_t pid) {
  const auto value = kernel::status_field(pid, "VmLck");
  return value ? std::stoull(*value) : 0;
}

std::optional<std::vector<Vma>> parsed(pid_t pid, const char* file, std::vector<Vma> (*parse)(std::string_view)) {
  const auto text = base::try_read_file(fmt::format("/proc/{}/{}", pid, file));
  if (!text || text->empty()) return std::nullopt;
  return parse(*text);
}

bool is_aio_ring(const Vma& vma) { return vma.name.starts_with("/[aio]"); }

}  // namespace

bool Vma::has_flag(std::string_view two_letters) const {
  for (size_t at = 0; at + 2 <= flags.size(); at += 3) {
    if (std::string_view(flags).substr(at, 2) == two_letters) return true;
  }
  return false;
}

bool Vma::may_be_plane() const {
  if (permissions[3] != 'p' || inode != 0) return false;
  if (!name.empty() && name[0] != '[') return false;
  return std::ranges::find(kKernelsOwn, name) == kKernelsOwn.end();
}

bool Vma::is_plane() const {
  return may_be_plane() && std::ranges::none_of(kNotPlane, [&](const char* flag) { return has_flag(flag); });
}

std::vector<Vma> parse_maps(std::string_view text) {
  std::vector<Vma> vmas;
  for_each_line(text, [&](std::string_view line) {
    if (auto vma = parse_line(line)) vmas.push_back(std::move(*vma));
  });
  return vmas;
}

std::vector<Vma> parse_smaps(std::string_view text) {
  std::vector<Vma> vmas;
  for_each_line(text, [&](std::string_view line) {
    constexpr std::string_view kFlags = "VmFlags: ";
    if (line.starts_with(kFlags)) {
      if (!vmas.empty()) vmas.back().flags = line.substr(kFlags.size());
    } else if (!line.empty() && !std::isupper(static_cast<unsigned char>(line[0]))) {
      if (auto vma = parse_line(line)) vmas.push_back(std::move(*vma));
    }
  });
  return vmas;
}

std::optional<std::vector<Vma>> try_read_maps(pid_t pid) { return parsed(pid, "maps", parse_maps); }
std::optional<std::vector<Vma>> try_read_smaps(pid_t pid) { return parsed(pid, "smaps", parse_smaps); }

PageSet Plane::pages() const {
  PageSet pages;
  for (const Vma& vma : vmas) pages.insert(vma.range);
  return pages;
}

std::optional<Plane> try_plane_of(pid_t pid) {
  for (int attempt = 1;; ++attempt) {
    Plane plane;
    plane.locked_kib = locked_kib_of(pid);
    auto vmas = try_read_smaps(pid);
    if (!vmas) return std::nullopt;
    if (locked_kib_of(pid) != plane.locked_kib && attempt < kSmapsAttempts) continue;
    for (Vma& vma : *vmas) {
      plane.has_aio_ring |= is_aio_ring(vma);
      if (vma.is_plane()) {
        plane.vmas.push_back(std::move(vma));
      } else if (vma.may_be_plane()) {
        plane.excluded.insert(vma.range);
      }
    }
    return plane;
  }
}

std::optional<Plane> judge(const std::vector<Vma>& maps, uint64_t locked_kib, const Plane& known) {
  if (locked_kib != known.locked_kib) return std::nullopt;
  const PageSet known_plane = known.pages();
  Plane plane;
  plane.locked_kib = locked_kib;
  for (const Vma& vma : maps) {
    plane.has_aio_ring |= is_aio_ring(vma);
    if (!vma.may_be_plane()) continue;
    const bool in = known_plane.intersects(vma.range), out = known.excluded.intersects(vma.range);
    // Neighbours only merge when their flags are the same: what has grown has the flags of its known part. In both,
    // some flag has changed.
    if (in && out) return std::nullopt;
    if (out) {
      plane.excluded.insert(vma.range);
      continue;
    }
    plane.vmas.push_back(vma);
    plane.assumed.insert(in ? known.assumed.within(vma.range) : PageSet{vma.range});
  }
  return plane;
}

std::optional<Plane> try_refresh(pid_t pid, const Plane& known) {
  const auto maps = try_read_maps(pid);
  if (!maps) return std::nullopt;
  if (auto plane = judge(*maps, locked_kib_of(pid), known)) return plane;
  return try_plane_of(pid);
}

}  // namespace ferry::memory
