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

constexpr size_t kPagesOfIt = 300;

class Mapping {
 public:
  explicit Mapping(int fd = -1, int how = MAP_SHARED)
      : at_(static_cast<char*>(::mmap(nullptr, kPagesOfIt * kPageBytes, PROT_READ | PROT_WRITE,
                                      fd < 0 ? how | MAP_ANONYMOUS : how, fd, 0))) {}
  ~Mapping() { ::munmap(at_, kPagesOfIt * kPageBytes); }
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

TEST(SharedMemoryTest, AnonymousMemoryWithItsHoles) {
  const Mapping shared;
  shared.write(0, "first");
  shared.write(7, "seventh");
  const auto found = shared_memory_of({::getpid()});
  const auto one = std::ranges::find_if(found, [&](const auto& memory) {
    char text[8] = {};
    return memory.name.empty() && ::pread(memory.file.get(), text, 7, 7 * kPageBytes) == 7 && text == std::string("seventh");
  });
  ASSERT_NE(one, found.end());
  EXPECT_EQ(one->bytes, kPagesOfIt * kPageBytes);
  EXPECT_EQ(one->stored, 2 * kPageBytes);
}

TEST(SharedMemoryTest, OneThatIsMappedTwiceIsOne) {
  const base::Fd file(::memfd_create("twice", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), kPagesOfIt * kPageBytes), 0);
  const Mapping one(file.get()), other(file.get());
  EXPECT_EQ(count_of("twice"), 1u);
}

TEST(SharedMemoryTest, NoFileOfATmpfsWithANameOrWithout) {
  const auto before = shared_memory_of({::getpid()}).size();
  const auto path = fmt::format("/dev/shm/ferry-test-{}", ::getpid());
  const auto file = base::open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  ASSERT_EQ(::ftruncate(file.get(), kPagesOfIt * kPageBytes), 0);
  const Mapping shared(file.get());
  EXPECT_EQ(shared_memory_of({::getpid()}).size(), before);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  EXPECT_EQ(shared_memory_of({::getpid()}).size(), before);
}

TEST(SharedMemoryTest, NoneThatIsPrivate) {
  const auto before = shared_memory_of({::getpid()}).size();
  const Mapping mine(-1, MAP_PRIVATE);
  EXPECT_EQ(shared_memory_of({::getpid()}).size(), before);
}

}  // namespace
}  // namespace ferry::memory
