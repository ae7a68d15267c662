// SPDX-License-Identifier: Apache-2.0
//
// A child that executes its own program again and again, each time with other memory, of which the next program finds only what
// argv and environment tell it.
#include "pages.h"

namespace {
constexpr size_t kPages = 512;

// argv: program, "again", directory, number; what the number was is in the environment, too.
[[noreturn]] void live(char** argv) {
  directory = argv[2];
  const uint64_t number = std::strtoull(argv[3], nullptr, 10);
  const char* const noted = std::getenv("NUMBER");
  require(noted != nullptr && std::string(noted) == argv[3], "the environment");
  Page* const pages = map_pages(kPages);
  for (size_t i = 0; i < kPages; ++i) {
    require_page(pages[i], i, 0);
    write_page(pages[i], i, number);
  }
  sleep_ns(20 * kMillisecond_ns);
  for (size_t i = 0; i < kPages; ++i) require_page(pages[i], i, number);
  if (::access(path("go").c_str(), F_OK) == 0) ::_exit(0);
  const std::string next = std::to_string(number + 1);
  must(::setenv("NUMBER", next.c_str(), 1));
  must(::execl(argv[0], argv[0], "again", argv[2], next.c_str(), nullptr));
  ::_exit(1);
}
}  // namespace

int main(int argc, char** argv) {
  if (argc == 4) live(argv);
  begin(argc, argv);
  const Region region(kPages);
  region.write_all();
  const pid_t child = static_cast<pid_t>(must(::fork()));
  if (child == 0) {
    must(::setenv("NUMBER", "1", 1));
    must(::execl(argv[0], argv[0], "again", argv[1], "1", nullptr));
  }
  sleep_ns(100 * kMillisecond_ns);
  ready_and_wait();
  expect_exit(child);
  region.check();
  return pass();
}
