// SPDX-License-Identifier: Apache-2.0
#include "pattern.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace ferry::workloads {
namespace {

constexpr size_t kWords = kPageBytes / sizeof(uint64_t);
constexpr size_t kHeadWords = 3;  // page, write, checksum

// A different stream of words for each page and write; a few instructions a word.
struct Words {
  uint64_t state, increment;
  Words(uint64_t page, uint64_t write)
      : state(page * 0x9e3779b97f4a7c15 ^ write),
        increment((write << 1 | 1) * 0xd1342543de82ef95) {}
  uint64_t next() {
    state += increment;
    return state ^ state >> 29;
  }
};

uint64_t multiply(uint64_t a, uint64_t b, uint64_t modulus) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b % modulus);
}

// Of two numbers without a common divisor: x with a * x = 1 modulo `modulus`.
uint64_t inverse_of(uint64_t a, uint64_t modulus) {
  __int128 old_rest = a, rest = modulus, old_factor = 1, factor = 0;
  while (rest != 0) {
    const __int128 quotient = old_rest / rest;
    old_rest = std::exchange(rest, old_rest - quotient * rest);
    old_factor = std::exchange(factor, old_factor - quotient * factor);
  }
  return static_cast<uint64_t>(((old_factor % modulus) + modulus) % modulus);
}

}  // namespace

Pattern::Pattern(uint64_t pages, uint64_t hot)
    : pages_(pages), hot_(std::clamp<uint64_t>(hot, 1, pages)) {
  void* const memory = ::mmap(nullptr, pages * kPageBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw base::SysError("mmap", errno, fmt::format("{} pages of memory", pages));
  }
  words_ = static_cast<uint64_t*>(memory);
  step_ = static_cast<uint64_t>(static_cast<double>(hot_) * 0.618);  // as far apart as can be
  while (std::gcd(std::max<uint64_t>(step_, 1), hot_) != 1) ++step_;
  step_ = std::max<uint64_t>(step_, 1);
  inverse_ = hot_ == 1 ? 0 : inverse_of(step_, hot_);
  for (uint64_t page = 0; page < pages_; ++page) fill(page, 0);
}

Pattern::~Pattern() { ::munmap(words_, pages_ * kPageBytes); }

void Pattern::write_next() {
  const uint64_t turn = writes_ % hot_;
  fill(multiply(turn, step_, hot_), ++writes_);
}

void Pattern::fill(uint64_t page, uint64_t write) {
  uint64_t* const words = page_words(page);
  Words next(page, write);
  uint64_t sum = page ^ write;
  for (size_t i = kHeadWords; i < kWords; ++i) sum += words[i] = next.next();
  words[0] = page;
  words[1] = write;
  words[2] = sum;
}

// 0: the first pass.
uint64_t Pattern::last_write_of(uint64_t page) const {
  if (page >= hot_ || writes_ == 0) return 0;
  const uint64_t turn = multiply(page, inverse_, hot_);
  const uint64_t passes = writes_ / hot_ + (turn < writes_ % hot_ ? 1 : 0);  // that it was in
  return passes == 0 ? 0 : (passes - 1) * hot_ + turn + 1;
}

std::optional<std::string> Pattern::wrong(uint64_t page) const {
  const uint64_t* const words = page_words(page);
  const uint64_t expected = last_write_of(page);
  if (words[0] != page || words[1] != expected) {
    return fmt::format("page {} of write {} holds page {} of write {}", page, expected, words[0],
                       words[1]);
  }
  Words next(page, expected);
  uint64_t sum = page ^ expected;
  for (size_t i = kHeadWords; i < kWords; ++i) {
    sum += words[i];
    if (words[i] != next.next()) {
      return fmt::format("page {} of write {} has another word {}", page, expected, i);
    }
  }
  if (sum != words[2]) return fmt::format("page {} of write {} has a bad sum", page, expected);
  return std::nullopt;
}

}  // namespace ferry::workloads
