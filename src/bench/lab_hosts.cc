// SPDX-License-Identifier: Apache-2.0
#include "bench/lab_hosts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/units.h"
#include "criu/installation.h"

namespace ferry::bench {

namespace {

// The shared directory is in /tmp, of which each virtual host has its own but for what it is given.
lab::LabSpec completed(lab::LabSpec spec, const TemporaryDirectory& shared) {
  shared.let_others_in();
  spec.name = fmt::format("bench-{}", ::getpid());
  if (spec.layers.empty()) spec.layers = default_layers();
  for (auto& layer : spec.layers) layer = std::filesystem::absolute(layer);
  spec.working_directory = shared.path();
  return spec;
}

}  // namespace

std::vector<base::Path> default_layers() {
  const base::Path beside = own_directory() / "layer";
  if (std::filesystem::is_directory(beside)) return {beside};
  return {};
}

LabHosts::LabHosts(lab::LabSpec spec, int wake_fd)
    : Hosts({}, {}, wake_fd),
      spec_(completed(std::move(spec), shared_)),
      started_(lab::start_lab(spec_, false)) {}

LabHosts::~LabHosts() {
  // The supervisor takes the hosts down by itself; killing it would leave that to the next lab.
  started_.lifeline.reset();
  try {
    if (base::exit_code(started_.supervisor.wait()) != 0) base::log("the lab has not ended well");
  } catch (const std::exception& failure) {
    base::log("ending the lab: {}", failure.what());
  }
}

base::Argv LabHosts::criu() const { return criu::Installation::find().command({}); }

std::vector<std::string> LabHosts::links() const {
  return {fmt::format("{}: {}", fmt::join(spec_.hosts, " – "),
                      link_words(spec_.rate_bytes_per_second, spec_.delay))};
}

// Our own program by /proc/self/exe: also when the file has been replaced meanwhile.
base::Argv LabHosts::exec_argv(const std::string& host, const base::Argv& argv) const {
  base::Argv whole{"/proc/self/exe", "lab", "exec", "--name", spec_.name, host, "--"};
  whole.insert(whole.end(), argv.begin(), argv.end());
  return whole;
}

std::string link_words(uint64_t rate_bytes_per_second, std::chrono::nanoseconds delay) {
  constexpr double kCrossings = 4;  // of one link, in a round trip between two hosts
  const double round_trip_ms = kCrossings * static_cast<double>(delay.count()) / 1e6;
  const double megabits = static_cast<double>(rate_bytes_per_second) * 8 / 1e6;
  std::string words = "not limited";
  if (megabits >= 1000) words = fmt::format("{:g} Gbit/s", megabits / 1000);
  if (megabits > 0 && megabits < 1000) words = fmt::format("{:g} Mbit/s", megabits);
  if (round_trip_ms > 0) words += fmt::format(", {:g} ms added to a round trip", round_trip_ms);
  return words;
}

}  // namespace ferry::bench
