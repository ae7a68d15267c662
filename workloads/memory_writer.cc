// SPDX-License-Identifier: Apache-2.0
//
// A workload with a dial for its dirty rate, which can prove that none of its memory was lost.
//
//     memory_writer --size 1GiB --rate 100MB/s --port P [--hot 64MiB] [--address A]
//
// It fills --size bytes, prints "READY PORT", then writes whole pages at --rate, each of the first
// --hot bytes (all, if not given) in turn, far from each other. After a stop it does not make up
// for what it has not written. One thread writes; this one answers:
//
//     GET /next     adds one to a counter and answers with it, as web_counter.py does; so do
//     GET /value    the counter as it is
//     GET /clock    "CLOCK_MONOTONIC CLOCK_BOOTTIME worst_step backwards"
//     GET /id       its pid and a random number made at start
//     GET /writes   "WRITES PAGES HOT_PAGES RATE": pages written since READY; RATE in bytes/s,
//     dialled GET /rate?50MB/s   changes the rate GET /verify   "BAD PAGES WRITES": looks at every
//     page; and a line about the first bad one
#include <fmt/format.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/units.h"
#include "http_service.h"
#include "pattern.h"

namespace ferry::workloads {
namespace {

constexpr int64_t kTickNs = 1'000'000;       // between batches of writes, and looks at the clock
constexpr int64_t kMostOwedNs = 20'000'000;  // of writing that is made up for after a delay
constexpr uint64_t kPagesLocked = 64;        // looked at in one go while the writer waits

struct Options {
  std::string size = "64MiB", hot, rate = "10MB/s", address = "0.0.0.0";
  uint16_t port = 0;
};

uint64_t pages_of(const std::string& bytes) {
  return std::max<uint64_t>(1, base::parse_bytes(bytes) / kPageBytes);
}

// "0" stops the writer; any other rate needs its unit.
uint64_t rate_of(std::string_view text) { return text == "0" ? 0 : base::parse_rate(text); }

class Writer {
 public:
  explicit Writer(const Options& options)
      : pattern_(pages_of(options.size),
                 pages_of(options.hot.empty() ? options.size : options.hot)),
        hot_(
            std::min(pattern_.pages(), pages_of(options.hot.empty() ? options.size : options.hot))),
        rate_(rate_of(options.rate)) {}

  // Never returns.
  void write() {
    int64_t last = base::clock_ns(CLOCK_MONOTONIC);
    double owed = 0;  // pages
    while (true) {
      const timespec tick{0, kTickNs};
      ::nanosleep(&tick, nullptr);
      const int64_t now = base::clock_ns(CLOCK_MONOTONIC);
      const int64_t passed = std::clamp<int64_t>(now - last, 0, kMostOwedNs);
      last = now;
      owed += static_cast<double>(rate_) * static_cast<double>(passed) / 1e9 / kPageBytes;
      for (; owed >= 1 && rate_ > 0; owed -= 1) {
        const std::lock_guard lock(mutex_);
        pattern_.write_next();
      }
    }
  }

  std::string verify() {
    uint64_t bad = 0;
    std::string first;
    for (uint64_t begin = 0; begin < pattern_.pages(); begin += kPagesLocked) {
      ::usleep(1);  // a mutex is not fair: lets the writer have it
      const std::lock_guard lock(mutex_);
      const uint64_t end = std::min(begin + kPagesLocked, pattern_.pages());
      for (uint64_t page = begin; page < end; ++page) {
        const auto wrong = pattern_.wrong(page);
        if (wrong && ++bad == 1) first = *wrong + "\n";
      }
    }
    return fmt::format("{} {} {}\n{}", bad, pattern_.pages(), writes(), first);
  }

  uint64_t writes() {
    const std::lock_guard lock(mutex_);
    return pattern_.writes();
  }
  std::string state() {
    return fmt::format("{} {} {} {}\n", writes(), pattern_.pages(), hot_, rate_.load());
  }
  void set_rate(uint64_t bytes_per_second) { rate_ = bytes_per_second; }

 private:
  std::mutex mutex_;  // of the pattern
  Pattern pattern_;
  const uint64_t hot_;
  std::atomic<uint64_t> rate_;  // bytes per second
};

// What web_counter.py says about itself, too.
class Self {
 public:
  Self() {
    uint64_t random = 0;
    if (::getrandom(&random, sizeof random, 0) != sizeof random) random = 0;
    id_ = fmt::format("{} {:016x}\n", ::getpid(), random);
  }
  void tick() {
    const int64_t now = base::clock_ns(CLOCK_MONOTONIC), step = now - last_;
    worst_step_ = std::max(worst_step_, step);
    if (step < 0) ++backwards_;
    last_ = now;
  }
  const std::string& id() const { return id_; }
  std::string clock() const {
    return fmt::format("{} {} {} {}\n", base::clock_ns(CLOCK_MONOTONIC),
                       base::clock_ns(CLOCK_BOOTTIME), worst_step_, backwards_);
  }
  std::string next() { return fmt::format("{}\n", ++counter_); }
  std::string value() const { return fmt::format("{}\n", counter_); }

 private:
  std::string id_;
  int64_t last_ = base::clock_ns(CLOCK_MONOTONIC), worst_step_ = 0;
  uint64_t backwards_ = 0, counter_ = 0;
};

Answer answer_to(std::string_view path, Self& self, Writer& writer) {
  if (path == "/next") return {200, self.next()};
  if (path == "/value") return {200, self.value()};
  if (path == "/clock") return {200, self.clock()};
  if (path == "/id") return {200, self.id()};
  if (path == "/writes") return {200, writer.state()};
  if (path == "/verify") return {200, writer.verify()};
  constexpr std::string_view kRate = "/rate?";
  if (!path.starts_with(kRate)) return {404, "no such page\n"};
  try {
    writer.set_rate(rate_of(path.substr(kRate.size())));
  } catch (const base::Error& error) {
    return {400, fmt::format("{}\n", error.what())};
  }
  return {200, writer.state()};
}

[[noreturn]] void run(const Options& options) {
  ::closefrom(3);  // whatever a careless parent left open
  Writer writer(options);
  Self self;
  HttpService service(options.address, options.port,
                      [&](std::string_view path) { return answer_to(path, self, writer); });
  std::thread([&] { writer.write(); }).detach();
  fmt::print("READY {}\n", service.port());
  std::fflush(stdout);
  while (true) {
    service.serve(static_cast<int>(kTickNs / 1'000'000));
    self.tick();
  }
}

}  // namespace
}  // namespace ferry::workloads

int main(int argc, char** argv) {
  ferry::workloads::Options options;
  CLI::App app("memory that is written at a rate, and can be verified");
  app.add_option("--size", options.size, "of the memory, such as 1GiB")->capture_default_str();
  app.add_option("--rate", options.rate, "of writing, such as 100MB/s; 0: none")
      ->capture_default_str();
  app.add_option("--hot", options.hot, "how much of it is written again (default: all)");
  app.add_option("--port", options.port, "to be asked at; 0: any free one")->capture_default_str();
  app.add_option("--address", options.address, "to listen at")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    ferry::workloads::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "memory_writer: %s\n", error.what());
    return 1;
  }
}
