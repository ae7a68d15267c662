// SPDX-License-Identifier: Apache-2.0
#include "settling_workload.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <stdexcept>

#include "base/error.h"
#include "criu/lazy_pages_socket.h"
#include "criu/premapped_socket.h"
#include "kernel/userfaultfd.h"
#include "memory/guardian.h"

namespace ferry::memory::testing {
namespace {

constexpr size_t kWords = kPageBytes / sizeof(uint64_t);


uint64_t word_of(uint64_t address, size_t index) {
  return (address + index * 8 + 1) * 0x9e3779b97f4a7c15;
}

// As criu/uffd.c does it.
int announce(const base::Path& directory, int uffd, bool finished) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, (directory / "lazy-pages.socket").c_str());
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    throw base::SysError("connect", errno, address.sun_path);
  }
  const int32_t pid = ::getpid(), zombie = -4711, end = 0x52535446;
  (void)!::send(socket, &zombie, sizeof zombie, 0);
  (void)!::send(socket, &pid, sizeof pid, 0);
  char byte = 0;
  iovec io{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof uffd);
  std::memcpy(CMSG_DATA(part), &uffd, sizeof uffd);
  if (::sendmsg(socket, &message, 0) != 1) throw base::SysError("sendmsg", errno, "uffd");
  if (finished) (void)!::send(socket, &end, sizeof end, 0);
  return socket;
}

}  // namespace

void make_page(uint64_t address, std::span<uint64_t> words) {
  for (size_t i = 0; i < words.size(); ++i) words[i] = word_of(address, i);
}

bool is_page(uint64_t address, const void* at) {
  const auto* words = static_cast<const uint64_t*>(at);
  for (size_t i = 0; i < kWords; ++i) {
    if (words[i] != word_of(address, i)) return false;
  }
  return true;
}

bool is_zero(const void* at) {
  const auto* words = static_cast<const uint64_t*>(at);
  return std::all_of(words, words + kWords, [](uint64_t word) { return word == 0; });
}

void Inside::expect(bool condition, const std::string& what) const {
  if (!condition) throw std::runtime_error(what);
}

void Inside::expect_pages(uint64_t from, uint64_t to, uint64_t origin) const {
  for (uint64_t at = from; at < to; at += kPageBytes) {
    if (is_page(origin + (at - from), pointer(at))) continue;
    throw std::runtime_error(
        fmt::format("the page at {:#x} is {}", at, is_zero(pointer(at)) ? "zero" : "wrong"));
  }
}

void Inside::expect_zeros(uint64_t from, uint64_t to) const {
  for (uint64_t at = from; at < to; at += kPageBytes) {
    if (!is_zero(pointer(at))) throw std::runtime_error(fmt::format("{:#x} is not zero", at));
  }
}

Workload::Workload(Options options, std::function<void(const Inside&)> body)
    : options_(std::move(options)), orders_(base::make_pipe()), words_(base::make_pipe()) {
  char directory[] = "/tmp/ferry-settling-XXXXXX";
  if (::mkdtemp(directory) == nullptr) throw base::SysError("mkdtemp", errno, directory);
  directory_ = directory;
  pid_ = ::fork();
  if (pid_ == 0) be(body);
  orders_.first.reset();
  words_.second.reset();
}

Workload::~Workload() {
  ::kill(-pid_, SIGKILL);  // with its children
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  std::filesystem::remove_all(directory_);
}

int Workload::make_memory() {
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE;
  void* home = ::mmap(pointer(kHome), options_.bytes, PROT_READ | PROT_WRITE, kFlags, -1, 0);
  if (home != pointer(kHome)) throw base::SysError("mmap", errno, "home");
  constexpr uint64_t kFeatures = UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP |
                                 UFFD_FEATURE_EVENT_UNMAP | UFFD_FEATURE_EVENT_REMOVE;
  const int fd = static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
  if (fd < 0) throw base::SysError("userfaultfd", errno, "");
  kernel::Userfaultfd uffd{base::Fd(fd)};
  if (!uffd.try_handshake(kFeatures)) throw std::runtime_error("no uffd events");
  if (uffd.try_register({kHome, kHome + options_.bytes}, kernel::UffdMode::kMissing) !=
      kernel::UffdEnd::kDone) {
    throw std::runtime_error("not registered");
  }
  return uffd.release().release();
}

void Workload::be(const std::function<void(const Inside&)>& body) {
  std::string outcome = ".";
  try {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    orders_.second.reset();
    words_.first.reset();
    char order;
    if (::read(orders_.first.get(), &order, 1) != 1) ::_exit(2);
    Inside inside;
    inside.bytes = options_.bytes;
    const int uffd = make_memory();
    if (options_.prepare) options_.prepare();
    const int socket = announce(directory_, uffd, options_.announce);
    if (options_.own_copy) inside.own_copy = ::fcntl(uffd, F_DUPFD_CLOEXEC, 100);
    ::close(uffd);
    if (options_.announce) ::close(socket);
    if (::write(words_.second.get(), "r", 1) != 1) ::_exit(2);
    if (::read(orders_.first.get(), &order, 1) != 1) ::_exit(2);
    body(inside);
  } catch (const std::exception& failure) {
    outcome = failure.what();
  }
  (void)!::write(words_.second.get(), outcome.data(), outcome.size());
  for (;;) ::pause();  // its address space stays
}

void Workload::fill_store(Store& store) const {
  std::vector<uint64_t> words(kWords * 64);
  for (uint64_t at = kHome; at < kHome + options_.bytes; at += words.size() * 8) {
    const uint64_t bytes = std::min<uint64_t>(words.size() * 8, kHome + options_.bytes - at);
    for (uint64_t page = 0; page < bytes; page += kPageBytes) {
      make_page(at + page, std::span(words).subspan(page / 8, kWords));
    }
    store.put(pid_, at, std::as_bytes(std::span(words).first(bytes / 8)), 0);
  }
}

Settling Workload::stand_by(const Store& store, const std::string& name) {
  return Settling::start(store, {criu::listen_lazy_pages(directory_), criu::listen_premapped(directory_)},
                         {name, directory_ / "settling", launch_forked});
}

Settling Workload::settle(const Store& store, const std::string& name) {
  auto settling = stand_by(store, name);
  settling.serve(store);
  return settling;
}

void Workload::tell(char word) {
  base::write_full(orders_.second.get(), std::string_view(&word, 1));
}

void Workload::restore() {
  tell('r');
  char word = 0;
  if (!base::wait_readable(words_.first.get(), 10'000)) throw std::runtime_error("not restored");
  base::read_full(words_.first.get(), std::as_writable_bytes(std::span(&word, 1)));
  if (word != 'r') throw std::runtime_error("restore: " + result(1000));
}

void Workload::run() { tell('b'); }

bool Workload::is_finished(int timeout_ms) {
  return base::wait_readable(words_.first.get(), timeout_ms);
}

std::string Workload::result(int timeout_ms) {
  if (!is_finished(timeout_ms)) return "it did not end in time";
  char text[512] = {};
  const ssize_t got = ::read(words_.first.get(), text, sizeof text - 1);
  if (got <= 0) return "it died";
  return std::string(text) == "." ? "" : text;
}

base::Child launch_forked(int state_fd, const std::vector<int>& inherit) {
  const pid_t pid = ::fork();
  if (pid < 0) throw base::SysError("fork", errno, "");
  if (pid > 0) return base::Child(pid);
  // What an exec would have closed.
  const std::set<int> kept(inherit.begin(), inherit.end());
  for (int fd = 3; fd < 1024; ++fd) {
    if (!kept.contains(fd)) ::close(fd);
  }
  FillHooks hooks;
  hooks.arrivals = [](int listener, Keepsake& keepsake) -> std::unique_ptr<Arrivals> {
    return std::make_unique<criu::LazyPagesSocket>(listener, keepsake);
  };
  hooks.premapping = criu::receive_premapping;
  hooks.close_copies = [](int32_t, pid_t) { return true; };
  ::_exit(run_guardian(state_fd, hooks));
}

base::MonoTime in_ms(int ms) { return base::mono_now() + base::milliseconds(ms); }

}  // namespace ferry::memory::testing
