// SPDX-License-Identifier: Apache-2.0
//
// Memory that was made inaccessible or read-only keeps its content and its protection.
#include "faults.h"
#include "tracee.h"

namespace {
constexpr size_t kPages = 16, kPage = 4096;
}  // namespace

int main(int argc, char** argv) {
  begin(argc, argv);
  catch_faults();
  const std::string content = pattern(3 * kPages * kPage, 31);
  void* mapped = ::mmap(nullptr, content.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(mapped != MAP_FAILED, "mmap");
  std::memcpy(mapped, content.data(), content.size());
  auto* const hidden = static_cast<volatile char*>(mapped) + kPages * kPage;
  auto* const fixed = hidden + kPages * kPage;
  must(::mprotect(const_cast<char*>(hidden), kPages * kPage, PROT_NONE));
  must(::mprotect(const_cast<char*>(fixed), kPages * kPage, PROT_READ));

  ready_and_wait();
  require(faults([&] { (void)hidden[0]; }), "reading what is inaccessible faults");
  require(faults([&] { fixed[0] = 'x'; }), "writing what is read-only faults");
  must(::mprotect(const_cast<char*>(hidden), kPages * kPage, PROT_READ));
  require(std::memcmp(mapped, content.data(), content.size()) == 0, "the content");
  return pass();
}
