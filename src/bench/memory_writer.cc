// SPDX-License-Identifier: Apache-2.0
//
// Memory that is written at a rate while it moves, and whose every page can be proved afterwards.
#include <fmt/format.h>

#include <sstream>

#include "base/error.h"
#include "base/units.h"
#include "bench/programs.h"
#include "bench/web_counter.h"

namespace ferry::bench {

namespace {

constexpr uint64_t kDefaultBytes = 64u << 20;
constexpr uint64_t kDefaultRate = 10'000'000;       // bytes per second
constexpr base::milliseconds kFillLimit{240'000};   // cold memory can take 20 µs per page
constexpr base::milliseconds kProofLimit{240'000};  // of every page

class MemoryWriter final : public CountingService {
 public:
  MemoryWriter(const WorkloadSpec& spec, const Hosts& hosts)
      : CountingService(hosts, find_program("memory_writer")),
        bytes_(spec.memory_bytes ? spec.memory_bytes : kDefaultBytes),
        rate_(spec.dirty_bytes_per_second.value_or(kDefaultRate)) {}

  base::Argv command() const override {
    const std::string rate = rate_ == 0 ? "0" : fmt::format("{}MB/s", megabytes(rate_));
    return {installed(), "--size", std::to_string(bytes_), "--rate",
            rate,        "--port", std::to_string(kPort)};
  }
  void begin(const Running& running) override {
    get("/value", kFillLimit);  // it listens once it is filled
    CountingService::begin(running);
  }
  StateCheck check(const Running& running, const load::Result* load) override {
    StateCheck check = CountingService::check(running, load);
    uint64_t bad = 0, pages = 0, writes = 0;
    const std::string said = get("/verify", kProofLimit);
    std::istringstream in(said);
    if (!(in >> bad >> pages >> writes)) {
      check.differences.push_back("its proof cannot be understood: " + said);
    }
    if (bad > 0) check.differences.push_back(fmt::format("{} of {} pages are wrong", bad, pages));
    check.words.push_back(
        fmt::format("each of its {} pages ({}) has what was written to it last, "
                    "after {} writes",
                    pages, base::format_bytes(bytes_), writes));
    return check;
  }

 private:
  static std::string megabytes(uint64_t bytes) {
    return fmt::format("{:g}", static_cast<double>(bytes) / 1e6);
  }
  uint64_t bytes_, rate_;
};

}  // namespace

std::unique_ptr<Workload> make_memory_writer(const WorkloadSpec& spec, const Hosts& hosts) {
  return std::make_unique<MemoryWriter>(spec, hosts);
}

}  // namespace ferry::bench
