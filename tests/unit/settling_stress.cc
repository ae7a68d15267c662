// SPDX-License-Identifier: Apache-2.0
#include "settling_stress.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ferry::memory::testing {
namespace {


}  // namespace

Stress::Stress(const Inside& in, uint64_t seed) : in_(in), random_(seed) {
  constexpr uint64_t kChunkBytes = kChunkPages * kPageBytes;
  for (uint64_t at = kHome; at + kChunkBytes <= kHome + in.bytes; at += kChunkBytes) {
    Chunk& chunk = chunks_.emplace_back(Chunk{at, {}});
    for (uint64_t page = 0; page < kChunkPages; ++page)
      chunk.origins.push_back(at + page * kPageBytes);
  }
}

void Stress::check(const Chunk& chunk, size_t page) const {
  const uint64_t at = chunk.at + page * kPageBytes, origin = chunk.origins[page];
  if (origin == 0 ? is_zero(pointer(at)) : is_page(origin, pointer(at))) return;
  in_.expect(false, fmt::format("page {} of the chunk at {:#x} is {}", page, chunk.at,
                                is_zero(pointer(at)) ? "zero" : "wrong"));
}

void Stress::check_all() {
  for (const Chunk& chunk : chunks_) {
    if (chunk.at == 0) continue;
    for (size_t page = 0; page < chunk.origins.size(); ++page) check(chunk, page);
  }
}

void Stress::write(Chunk& chunk, size_t page) {
  const uint64_t origin = (next_content_++) << 16 | 1;  // like no address
  make_page(origin, std::span(static_cast<uint64_t*>(pointer(chunk.at + page * kPageBytes)),
                              kPageBytes / 8));
  chunk.origins[page] = origin;
}

void Stress::drop(Chunk& chunk) {
  const size_t first = random_() % chunk.origins.size();
  const size_t count = 1 + random_() % (chunk.origins.size() - first);
  in_.expect(
      ::madvise(pointer(chunk.at + first * kPageBytes), count * kPageBytes, MADV_DONTNEED) == 0,
      "madvise");
  std::fill_n(chunk.origins.begin() + static_cast<long>(first), count, 0);
}

void Stress::move(Chunk& chunk) {
  // Always to where nothing was before, or back to where it came from, with room between.
  const uint64_t bytes = chunk.origins.size() * kPageBytes;
  const uint64_t to = next_home_;
  next_home_ += bytes + 16 * kPageBytes;
  void* moved =
      ::mremap(pointer(chunk.at), bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, pointer(to));
  in_.expect(moved == pointer(to), "mremap");
  chunk.at = to;
}

void Stress::shrink(Chunk& chunk) {
  if (chunk.origins.size() < 8) return;
  const size_t keep = chunk.origins.size() - 4;
  const uint64_t end = chunk.at + keep * kPageBytes;
  in_.expect(::munmap(pointer(end), 4 * kPageBytes) == 0, "munmap");
  chunk.origins.resize(keep);
}

void Stress::fork_both_write() {
  const uint64_t seed = random_();
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      random_.seed(seed + 1);
      for (int i = 0; i < 30; ++i) step();
      if (seed % 4 == 0) check_all();
      ::_exit(0);
    } catch (const std::exception&) {
      ::_exit(1);
    }
  }
  random_.seed(seed);
  for (int i = 0; i < 10; ++i) step();
  int status = 0;
  in_.expect(::waitpid(child, &status, 0) == child && status == 0,
             "a forked child saw a wrong page");
}

void Stress::run_program() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/true", "true", nullptr);
    ::_exit(1);
  }
  int status = 0;
  in_.expect(::waitpid(child, &status, 0) == child && status == 0, "a program that was run failed");
}

void Stress::step() {
  Chunk& chunk = chunks_[random_() % chunks_.size()];
  if (chunk.at == 0) return;
  const size_t page = random_() % chunk.origins.size();
  const uint64_t what = random_() % 1000;
  if (what < 500) return check(chunk, page);
  if (what < 800) return write(chunk, page);
  if (what < 870) return drop(chunk);
  if (what < 930) return move(chunk);
  if (what < 960) return shrink(chunk);
  if (what < 970) {
    in_.expect(::munmap(pointer(chunk.at), chunk.origins.size() * kPageBytes) == 0, "munmap");
    chunk.at = 0;
    return;
  }
  if (what < 975) return run_program();
  if (what < 980) return fork_both_write();
  check(chunk, page);
}

}  // namespace ferry::memory::testing
