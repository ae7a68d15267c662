// SPDX-License-Identifier: Apache-2.0
//
// For tests: the other end of a lazy restore, as small as can be. Answers every fault of every task
// from pages that were read before.
#pragma once

#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>

#include "criu/test_task.h"

namespace ferry::criu {

class TestPageServer {
 public:
  static constexpr int kRestoreFinished = 0x52535446;  // criu/uffd.c: LAZY_PAGES_RESTORE_FINISHED

  TestPageServer(const base::Path& directory, std::map<pid_t, TestPages> pages)
      : pages_(std::move(pages)) {
    listener_ = base::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{AF_UNIX, {}};
    std::strcpy(address.sun_path, (directory / kLazyPagesSocket).c_str());
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~TestPageServer() {
    stop_ = true;
    thread_.join();
  }

  // Every page that a fault has asked for, by task; those before the restore was over.
  std::map<pid_t, std::set<uint64_t>> faults_in_restore() {
    const std::lock_guard lock(mutex_);
    return faults_;
  }
  bool restore_finished() const { return finished_; }
  size_t tasks() {
    const std::lock_guard lock(mutex_);
    return tasks_.size();
  }

 private:
  struct Task {
    pid_t pid;
    base::Fd uffd;
    std::set<uint64_t> wanted;
  };

  void serve() {
    while (!stop_) {
      std::vector<pollfd> waits = {{connection_ ? connection_.get() : listener_.get(), POLLIN, 0}};
      for (const Task& task : tasks_) waits.push_back({task.uffd.get(), POLLIN, 0});
      ::poll(waits.data(), waits.size(), 5);
      for (Task& task : tasks_) answer(task);
      if (waits[0].revents == 0 || finished_) continue;
      if (!connection_) {
        connection_ = base::Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      } else {
        hear();
      }
    }
  }

  void hear() {
    int word = 0;
    if (::recv(connection_.get(), &word, sizeof word, MSG_WAITALL) != sizeof word) {
      finished_ = true;
    } else if (word == kRestoreFinished) {
      finished_ = true;
    } else if (word > 0) {
      char byte;
      iovec io{&byte, 1};
      char control[CMSG_SPACE(sizeof(int))];
      msghdr message{};
      message.msg_iov = &io;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      if (::recvmsg(connection_.get(), &message, MSG_CMSG_CLOEXEC) <= 0) return;
      int uffd;
      std::memcpy(&uffd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof uffd);
      const std::lock_guard lock(mutex_);
      tasks_.push_back({word, base::Fd(uffd), {}});
    }
  }

  void answer(Task& task) {
    uffd_msg message;
    while (::read(task.uffd.get(), &message, sizeof message) == sizeof message) {
      // No test task forks or maps once it is restored; what ends with a thread needs no answer.
      if (message.event != UFFD_EVENT_PAGEFAULT) continue;
      const uint64_t page = message.arg.pagefault.address & ~(kTestPage - 1);
      if (!finished_) {
        const std::lock_guard lock(mutex_);
        faults_[task.pid].insert(page);
      }
      task.wanted.insert(page);
    }
    std::erase_if(task.wanted, [&](uint64_t page) { return supply(task, page); });
  }

  // False: not now. While an event of the task has not been read the kernel answers EAGAIN.
  bool supply(const Task& task, uint64_t page) {
    const auto& known = pages_[task.pid];
    const auto found = known.find(page);
    int result;
    if (found != known.end()) {
      uffdio_copy copy{page, reinterpret_cast<uint64_t>(found->second.data()), kTestPage, 0, 0};
      result = ::ioctl(task.uffd.get(), UFFDIO_COPY, &copy);
    } else {
      uffdio_zeropage zero{{page, kTestPage}, 0, 0};
      result = ::ioctl(task.uffd.get(), UFFDIO_ZEROPAGE, &zero);
    }
    if (result == 0) return true;
    if (errno == EAGAIN) return false;
    uffdio_range range{page, kTestPage};
    ::ioctl(task.uffd.get(), UFFDIO_WAKE, &range);
    return true;
  }

  std::map<pid_t, TestPages> pages_;
  base::Fd listener_, connection_;
  std::mutex mutex_;
  std::vector<Task> tasks_;
  std::map<pid_t, std::set<uint64_t>> faults_;
  std::atomic<bool> stop_{false}, finished_{false};
  std::thread thread_;
};

}  // namespace ferry::criu
