// SPDX-License-Identifier: Apache-2.0
#include "memory/shared_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "memory/page_set.h"

namespace ferry::memory {
namespace {

constexpr size_t kPages = 300;

class Mapping {
 public:
  explicit Mapping(int fd = -1, int how = MAP_SHARED)
      : at_(static_cast<char*>(::mmap(nullptr, kPages * kPageBytes, PROT_READ | PROT_WRITE,
                                      fd < 0 ? how | MAP_ANONYMOUS : how, fd, 0))) {}
  ~Mapping() { ::munmap(at_, kPages * kPageBytes); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  char* page(size_t number) const { return at_ + number * kPageBytes; }
  // Its first bytes.
  void write(size_t number, const std::string& text) const {
    std::memcpy(page(number), text.data(), text.size());
  }

 private:
  char* at_;
};

size_t count_of(const std::string& name) {
  const auto found = shared_memory_of({::getpid()});
  return static_cast<size_t>(std::ranges::count(found, name, &SharedMemory::name));
}

// The first word of each page that is not a hole.
std::vector<std::string> words_in(const std::string& name) {
  std::vector<std::string> words;
  for (const auto& memory : shared_memory_of({::getpid()})) {
    if (memory.name != name) continue;
    read_shared(memory, [&](std::span<const std::byte> pages) {
      for (size_t at = 0; at < pages.size(); at += kPageBytes)
        words.emplace_back(reinterpret_cast<const char*>(pages.data() + at));
    });
  }
  return words;
}

TEST(SharedMemoryTest, AnonymousMemoryWithItsHoles) {
  const Mapping shared;
  shared.write(0, "first");
  shared.write(7, "seventh");
  shared.write(kPages - 1, "last");
  const auto words = words_in("/dev/zero (deleted)");
  EXPECT_EQ(words, (std::vector<std::string>{"first", "seventh", "last"}));
}

TEST(SharedMemoryTest, OneThatIsMappedTwiceIsOne) {
  const base::Fd file(::memfd_create("twice", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), kPages * kPageBytes), 0);
  const Mapping one(file.get()), other(file.get());
  one.write(3, "three");
  EXPECT_EQ(count_of("/memfd:twice (deleted)"), 1u);
  EXPECT_EQ(words_in("/memfd:twice (deleted)"), std::vector<std::string>{"three"});
}

TEST(SharedMemoryTest, NoFileThatHasAName) {
  const auto path = fmt::format("/dev/shm/ferry-test-{}", ::getpid());
  const auto file = base::open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  ASSERT_EQ(::ftruncate(file.get(), kPages * kPageBytes), 0);
  const Mapping shared(file.get());
  EXPECT_EQ(count_of(path), 0u);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  EXPECT_EQ(count_of(path + " (deleted)"), 1u);
}

TEST(SharedMemoryTest, NoneThatIsPrivate) {
  const auto before = shared_memory_of({::getpid()}).size();
  const Mapping mine(-1, MAP_PRIVATE);
  EXPECT_EQ(shared_memory_of({::getpid()}).size(), before);
}

}  // namespace
}  // namespace ferry::memory
