// SPDX-License-Identifier: Apache-2.0
#include "migration/shared_arrival.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/fd_message.h"
#include "base/log.h"
#include "criu/work_socket.h"
#include "memory/page_set.h"
#include "migration/conversation.h"

namespace ferry::migration {

namespace {

constexpr int kBacklog = 64;                       // tasks that are restored ask at the same time
constexpr uint64_t kMostBytes = uint64_t{1} << 46;
constexpr timeval kQuestionComes{5, 0};            // CRIU connects to ask

base::Fd make_shared(const std::string& name) {
  base::Fd fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) throw base::SysError("memfd_create", errno, name);
  return fd;
}

void copy_content(int from, int to, uint64_t bytes) {
  off_t at = 0;
  while (static_cast<uint64_t>(at) < bytes) {
    const auto copied = ::sendfile(to, from, &at, bytes - static_cast<uint64_t>(at));
    if (copied < 0 && errno == EINTR) continue;
    if (copied <= 0) throw base::SysError("sendfile", copied < 0 ? errno : EIO, "of shared memory");
  }
}

// Whole ranges within the memory; the last one may reach beyond its end by less than a page.
template <class Take>
void for_each_range(const google::protobuf::RepeatedField<uint64_t>& numbers, uint64_t bytes, const Take& take) {
  const uint64_t pages = (bytes + memory::kPageBytes - 1) / memory::kPageBytes;
  if (numbers.size() % 2 != 0) throw BrokenProtocol("half a range of shared memory");
  for (int i = 0; i + 1 < numbers.size(); i += 2) {
    const uint64_t first = numbers[i], count = numbers[i + 1];
    if (count == 0 || first >= pages || count > pages - first) throw BrokenProtocol("pages beyond the end of shared memory");
    take(first * memory::kPageBytes, count * memory::kPageBytes);
  }
}

}  // namespace

void SharedArrival::let_go() {
  if (server_.joinable()) {
    stop_.second.reset();
    server_.join();
  }
  memories_.clear();
}

int SharedArrival::begin(const wire::SharedMemory& told, std::vector<Place>& places) {
  if (told.inode() == 0 || told.bytes() > kMostBytes) throw BrokenProtocol("shared memory that cannot be");
  const std::lock_guard guard(mutex_);
  Memory& memory = memories_[told.inode()];
  if (!memory.file) memory.file = make_shared(told.name());
  if (memory.given) renew(memory, told);
  const int fd = memory.file.get();
  if (::ftruncate(fd, static_cast<off_t>(told.bytes())) < 0) throw base::SysError("ftruncate", errno, "of shared memory");
  for_each_range(told.zeros(), told.bytes(), [&](uint64_t offset, uint64_t bytes) {
    if (::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(bytes)) < 0)
      throw base::SysError("fallocate", errno, "of shared memory");
  });
  for_each_range(told.data(), told.bytes(), [&](uint64_t offset, uint64_t bytes) { places.push_back({offset, bytes}); });
  return fd;
}

// For a restore that came to nothing.
void SharedArrival::renew(Memory& memory, const wire::SharedMemory& told) {
  struct stat about {};
  if (::fstat(memory.file.get(), &about) < 0) throw base::SysError("fstat", errno, "of shared memory");
  auto another = make_shared(told.name());
  copy_content(memory.file.get(), another.get(), static_cast<uint64_t>(about.st_size));
  memory = {std::move(another), false};
}

void SharedArrival::serve(const base::Path& directory) {
  if (server_.joinable() || memories_.empty()) return;
  listener_ = criu::listen_in(directory, criu::kSharedSocket, SOCK_SEQPACKET, kBacklog);
  stop_ = base::make_pipe();
  server_ = std::thread([this] { answer_all(); });
}

void SharedArrival::answer_all() {
  for (;;) {
    pollfd entries[] = {{listener_.get(), POLLIN, 0}, {stop_.first.get(), POLLIN, 0}};
    if (::poll(entries, 2, -1) < 0 && errno != EINTR) return;
    if (entries[1].revents != 0) return;
    const base::Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) continue;
    try {
      answer(connection.get());
    } catch (const std::exception& failure) {
      base::log("shared memory for CRIU: {}", failure.what());  // its restore fails
    }
  }
}

void SharedArrival::answer(int connection) {
  ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &kQuestionComes, sizeof kQuestionComes);
  const auto asked = base::receive_message(connection);
  criu::SharedQuestion question{};
  if (asked.bytes.size() != sizeof question) return;
  std::memcpy(&question, asked.bytes.data(), sizeof question);
  const std::lock_guard guard(mutex_);
  const auto found = memories_.find(question.inode);
  const auto answer = found == memories_.end() ? criu::SharedAnswer::kNone : how_;
  std::vector<int> file;
  if (found != memories_.end()) file.push_back(found->second.file.get());
  base::send_message(connection, std::string_view(reinterpret_cast<const char*>(&answer), sizeof answer), file);
  if (found != memories_.end()) found->second.given = true;
}

void SharedArrival::require_given(const std::vector<uint64_t>& inodes) {
  const std::lock_guard guard(mutex_);
  for (const uint64_t inode : inodes) {
    const auto found = memories_.find(inode);
    if (found != memories_.end() && found->second.given) continue;
    throw base::Error({"cannot restore memory that its tasks share",
                       fmt::format("CRIU did not ask for that of inode {}, which has come before", inode),
                       "use --mode stop, and report this", {}, {}});
  }
}

}  // namespace ferry::migration
