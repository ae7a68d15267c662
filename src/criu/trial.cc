// SPDX-License-Identifier: Apache-2.0
#include "criu/trial.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "criu/hidden_memory.h"
#include "criu/image_set.h"
#include "criu/prepared_smaps.h"
#include "criu/session.h"

namespace ferry::criu {
namespace {

constexpr base::milliseconds kDumpLimit{20'000};  // it takes 50 ms; this machine may be busy
constexpr size_t kPagesEach = 4;

// Memory with two marks that nothing else contains: the first half is to be hidden, the second to
// be seen.
class MarkedMemory {
 public:
  MarkedMemory() : half_(kPagesEach * static_cast<size_t>(::sysconf(_SC_PAGESIZE))) {
    start_ = static_cast<char*>(
        ::mmap(nullptr, 2 * half_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (start_ == MAP_FAILED) throw base::SysError("mmap", errno, "for a trial of CRIU");
    if (::getrandom(seeds_.data(), seeds_.size(), 0) != static_cast<ssize_t>(seeds_.size()))
      throw base::SysError("getrandom", errno, "");
    for (size_t at = 0; at < 2 * half_; ++at)
      start_[at] = static_cast<char>(~seed_of(at / half_)[at % kMark]);
  }
  MarkedMemory(const MarkedMemory&) = delete;
  MarkedMemory& operator=(const MarkedMemory&) = delete;
  ~MarkedMemory() { ::munmap(start_, 2 * half_); }

  // All that the copy of this process has, but for the second half: it would only make the dump
  // slow.
  std::vector<hidden::Range> to_hide(pid_t pid) const {
    const auto shown = reinterpret_cast<uint64_t>(start_) + half_, shown_end = shown + half_;
    std::vector<hidden::Range> ranges;
    const auto maps = base::read_file(fmt::format("/proc/{}/maps", pid));
    for (const auto& range : ranges_on_demand(maps).value_or(std::vector<hidden::Range>{})) {
      ranges.push_back({range.start, std::clamp(shown, range.start, range.end)});
      ranges.push_back({std::clamp(shown_end, range.start, range.end), range.end});
    }
    return ranges;
  }
  // How many copies of the marks are in what CRIU has written.
  size_t hidden_in(const std::string& image) const { return count(image, 0); }
  size_t shown_in(const std::string& image) const { return count(image, 1); }
  size_t all() const { return half_ / kMark; }

 private:
  static constexpr size_t kMark = 16;
  const char* seed_of(size_t which) const { return seeds_.data() + which * kMark; }
  size_t count(const std::string& image, size_t which) const {
    std::string mark(seed_of(which), kMark);
    for (char& byte : mark) byte = static_cast<char>(~byte);
    size_t found = 0;
    for (size_t at = image.find(mark); at != std::string::npos; at = image.find(mark, at + kMark))
      ++found;
    return found;
  }
  size_t half_;
  char* start_;
  std::array<char, 2 * kMark> seeds_;
};

// A copy of this process with nothing but its memory, asleep. Only system calls after the fork:
// other threads may hold locks.
base::Child start_copy() {
  base::FdPair ready = base::make_pipe();
  const pid_t pid = ::fork();
  if (pid < 0) throw base::SysError("fork", errno, "for a trial of CRIU");
  if (pid == 0) {
    const int signal_fd = ::dup2(ready.second.get(), 3);
    const int null = ::open("/dev/null", O_RDWR);
    for (const int fd : {0, 1, 2}) ::dup2(null, fd);
    ::close_range(4, ~0U, 0);
    const bool prepared = ::setsid() > 0 && ::chdir("/") == 0 && ::write(signal_fd, "", 1) == 1;
    ::close(signal_fd);
    while (prepared) ::pause();
    ::_exit(1);
  }
  base::Child child(pid);
  ready.second.reset();
  std::array<std::byte, 1> byte;
  if (base::read_full(ready.first.get(), byte) == 0)
    throw base::SysError("read", EPIPE, "the copy to dump has ended");
  return child;
}

std::optional<std::string> try_it(const Installation& installation) {
  const MarkedMemory memory;
  const base::Child child = start_copy();
  const ImageSet images(fmt::format("trial-{}", ::getpid()), 0);
  const auto file = images.directory() / "hidden-memory";
  write_hidden_memory(file, {{child.pid(), {memory.to_hide(child.pid()), {}, {}}}});
  base::SpawnOptions options;
  options.environment = {hide_setting(file)};
  const auto log = images.open_log(kDumpLog);
  options.stderr_fd = log.get();
  Session session =
      Session::start(installation, kernel::Namespaces::of(::getpid()), std::move(options));
  criu_req request = dump_request(images.link(), child.pid(), {});
  request.mutable_opts()->clear_freeze_cgroup();
  session.request(request);
  const Event event = session.run_until("", base::mono_now() + kDumpLimit);
  const auto* finished = std::get_if<Finished>(&event);
  if (finished == nullptr || !finished->success) {
    return fmt::format("a trial dump failed: {}",
                       explain(event, images.directory() / kDumpLog).why);
  }
  const std::string pages = base::read_file(images.directory() / "pages-1.img");
  if (memory.hidden_in(pages) != 0) return "it dumped memory that was hidden from it";
  if (memory.shown_in(pages) != memory.all())
    return "it did not dump memory that was not hidden from it";
  return std::nullopt;
}

std::string mark_of(const base::Path& file) {
  struct stat about {};
  if (::stat(file.c_str(), &about) < 0) throw base::SysError("stat", errno, file.string());
  return fmt::format("{} {} {}.{:09}", file.string(), about.st_size, about.st_mtim.tv_sec,
                     about.st_mtim.tv_nsec);
}

std::string key_of(const Installation& installation) {
  utsname kernel{};
  ::uname(&kernel);
  return fmt::format("CRIU {}\n{}\n{}\nLinux {} {}\n", installation.version(),
                     mark_of(installation.program()), mark_of(installation.preload()),
                     kernel.release, kernel.version);
}

void remember(const base::Path& memory, const std::string& key) {
  std::error_code error;
  std::filesystem::create_directories(memory.parent_path(), error);
  try {
    base::replace_file(memory, key, base::Durable::kNo);
  } catch (const base::SysError& failure) {
    base::log("the trial of CRIU is not remembered: {}", failure.what());
  }
}

}  // namespace

std::optional<std::string> why_memory_cannot_be_hidden(const Installation& installation,
                                                       const base::Path& memory) {
  if (installation.preload().empty()) return "libferry-criu.so is not beside ferry";
  const std::string key = key_of(installation);
  if (base::try_read_file(memory) == key) return std::nullopt;
  const auto why = try_it(installation);
  if (!why) remember(memory, key);
  return why;
}

}  // namespace ferry::criu
