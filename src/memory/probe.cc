// SPDX-License-Identifier: Apache-2.0
//
// What this kernel can do, found out on a child that has a few pages, changes two of them when told, and waits.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "kernel/pagemap_scan.h"
#include "kernel/uapi.h"
#include "memory/tracker.h"

namespace ferry::memory {
namespace {

constexpr uint64_t kPages = 8;
constexpr uint64_t kDirtied = 2, kGuarded = 5, kDropped = 7;  // the last one is dropped, then read
// On a busy machine even an idle child may not stop in time; that says nothing about the kernel.
constexpr int kAttempts = 20;

// Between fork and the end only system calls: the caller may have threads.
class Guinea {
 public:
  Guinea() {
    void* memory = ::mmap(nullptr, kPages * kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw base::SysError("mmap", errno, "");
    memory_ = static_cast<volatile char*>(memory);
    for (uint64_t page = 0; page < kPages; ++page) memory_[page * kPageBytes] = 1;
    base::FdPair commands = base::make_pipe(), answers = base::make_pipe();
    pid_ = ::fork();
    if (pid_ < 0) throw base::SysError("fork", errno, "");
    if (pid_ == 0) live(commands.first.get(), answers.second.get(), commands.second.get());
    commands_ = std::move(commands.second);
    answers_ = std::move(answers.first);
    wait_for_answer();  // it is ready
  }
  ~Guinea() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::munmap(const_cast<char*>(memory_), kPages * kPageBytes);
  }
  Guinea(const Guinea&) = delete;

  pid_t pid() const { return pid_; }
  AddressRange page(uint64_t number) const {
    const auto start = reinterpret_cast<uint64_t>(memory_) + number * kPageBytes;
    return {start, start + kPageBytes};
  }
  void change() { tell('c'); }
  void undo() { tell('u'); }

 private:
  [[noreturn]] void live(int commands, int answers, int other_end) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(other_end);
    for (uint64_t page = 0; page < kPages; ++page) memory_[page * kPageBytes] = 2;  // its own, not shared with us
    ::madvise(const_cast<char*>(memory_) + kGuarded * kPageBytes, kPageBytes, kernel::kAdviseGuardInstall);
    for (char command = 'r'; ::write(answers, &command, 1) == 1 && ::read(commands, &command, 1) == 1;) {
      if (command == 'u') memory_[kDropped * kPageBytes] = 2;
      if (command != 'c') continue;
      memory_[kDirtied * kPageBytes] = 3;
      ::madvise(const_cast<char*>(memory_) + kDropped * kPageBytes, kPageBytes, MADV_DONTNEED);
      static_cast<void>(memory_[kDropped * kPageBytes]);
    }
    ::_exit(0);
  }
  void tell(char command) {
    base::write_full(commands_.get(), std::string_view(&command, 1));
    wait_for_answer();
  }
  void wait_for_answer() {
    std::byte answer;
    base::read_full(answers_.get(), {&answer, 1});
  }
  volatile char* memory_;
  pid_t pid_ = 0;
  base::Fd commands_, answers_;
};

bool finds_guards(const Guinea& guinea) {
  const auto pagemap = kernel::Pagemap::try_open(guinea.pid());
  if (!pagemap) return false;
  kernel::PageQuery query;
  query.all = query.returned = kernel::kPageIsGuard;
  bool found = false;
  const auto end = pagemap->scan(guinea.page(kGuarded), query, [&](const kernel::PageRegion&) { found = true; });
  return end == kernel::ScanEnd::kDone && found;
}

bool can_scan(const Guinea& guinea) {
  const auto pagemap = kernel::Pagemap::try_open(guinea.pid());
  if (!pagemap) return false;
  kernel::PageQuery query;
  query.all = query.returned = kernel::kPageIsPresent;
  return pagemap->scan(guinea.page(0), query, [](const kernel::PageRegion&) {}) == kernel::ScanEnd::kDone;
}

// Empty: it tells what was written, and only that. Else why not.
std::string try_backend(Guinea& guinea, const Support& support) {
  guinea.undo();  // what the attempt before has changed
  Attached attached = attach(guinea.pid(), support);
  for (int attempt = 0; attached.try_again && attempt < kAttempts; ++attempt) attached = attach(guinea.pid(), support);
  if (!attached.tracker) return attached.why.empty() ? "it does not attach" : attached.why;
  const auto plane = try_plane_of(guinea.pid());
  if (!plane) return "/proc/PID/smaps cannot be read";
  const auto first = attached.tracker->try_scan(*plane);
  guinea.change();
  const auto second = attached.tracker->try_scan(*plane);
  if (!first || !second) return "a scan fails";
  const AddressRange dirtied = guinea.page(kDirtied), clean = guinea.page(kDirtied + 1);
  if (!first->written.covers(clean)) return "present pages are not found";
  if (!second->written.covers(dirtied)) return "a write goes unseen";
  if (!second->written.covers(guinea.page(kDropped))) return "pages that were dropped go unseen";
  if (second->written.intersects(clean)) return "pages that were not written look written";
  return "";
}

}  // namespace

Support probe() {
  Support support;
  if (::sysconf(_SC_PAGESIZE) != static_cast<long>(kPageBytes)) {
    support.why = "pages of this kernel are not of 4 KiB";
    return support;
  }
  Guinea guinea;
  support.scan = can_scan(guinea);
  support.guards = support.scan && finds_guards(guinea);
  std::string reasons;
  for (const Backend backend : {Backend::kUffdWp, Backend::kSoftDirty}) {
    support.backend = backend;
    const std::string why = try_backend(guinea, support);
    support.why = reasons;
    if (why.empty()) return support;
    reasons += std::string(reasons.empty() ? "" : "; ") + to_string(backend) + ": " + why;
  }
  support.backend = Backend::kNone;
  support.why = reasons;
  return support;
}

}  // namespace ferry::memory
