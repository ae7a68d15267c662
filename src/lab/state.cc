// SPDX-License-Identifier: Apache-2.0
#include "lab/state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "kernel/cgroup_tree.h"
#include "lab/cgroups.h"

namespace ferry::lab {

using base::Path;
using base::SysError;
using Json = nlohmann::json;

namespace {

constexpr int kSweepLimit_ms = 3'000;
constexpr auto kRemovePoll = std::chrono::milliseconds(3);

Path file_of(const std::string& name) { return Path(kStateDirectory) / (name + ".json"); }

Json process_to_json(const kernel::ProcessId& id) { return {{"pid", id.pid}, {"start_ticks", id.start_ticks}}; }
kernel::ProcessId process_in(const Json& json) { return {json.at("pid"), json.at("start_ticks")}; }

Json lab_to_json(const LabState& lab) {
  Json hosts = Json::array();
  for (const auto& host : lab.hosts) {
    Json cgroups = Json::array();
    for (const auto& cgroup : host.cgroups) cgroups.push_back(cgroup.string());
    hosts.push_back({{"name", host.name},
                     {"address", host.address},
                     {"init", process_to_json(host.init)},
                     {"up", kernel::is_alive(host.init)},
                     {"cgroups", cgroups}});
  }
  return {{"name", lab.name},
          {"id", lab.id},
          {"boot_id", lab.boot_id},
          {"supervisor", process_to_json(lab.supervisor)},
          {"since", base::iso_time(lab.since_real_ns)},
          {"since_real_ns", lab.since_real_ns},
          {"rate_bytes_per_second", lab.rate_bytes_per_second},
          {"delay_ns", lab.delay_ns},
          {"hosts", hosts}};
}

LabState lab_in(const Json& json) {
  LabState lab;
  lab.name = json.at("name");
  lab.id = json.at("id");
  lab.boot_id = json.at("boot_id");
  lab.supervisor = process_in(json.at("supervisor"));
  lab.since_real_ns = json.at("since_real_ns");
  lab.rate_bytes_per_second = json.at("rate_bytes_per_second");
  lab.delay_ns = json.at("delay_ns");
  for (const auto& entry : json.at("hosts")) {
    HostState host{entry.at("name"), entry.at("address"), process_in(entry.at("init")), {}};
    for (const auto& cgroup : entry.at("cgroups")) host.cgroups.emplace_back(cgroup.get<std::string>());
    lab.hosts.push_back(std::move(host));
  }
  return lab;
}

std::optional<LabState> read_lab(const Path& file) {
  const auto text = base::try_read_file(file);
  if (!text) return std::nullopt;
  try {
    return lab_in(Json::parse(*text));
  } catch (const Json::exception& failure) {
    base::log("{}: {}", file.string(), failure.what());
    return std::nullopt;
  }
}

}  // namespace

std::string this_boot() { return base::read_file("/proc/sys/kernel/random/boot_id"); }

std::string cgroup_name(const std::string& id, const std::string& host) {
  return fmt::format("ferry-lab-{}-{}", id, host);
}

bool is_up(const LabState& lab) { return lab.boot_id == this_boot() && kernel::is_alive(lab.supervisor); }

std::string to_json(const LabState& lab) { return lab_to_json(lab).dump(2) + "\n"; }

StateLock::StateLock() {
  if (::mkdir(kStateDirectory, 0755) < 0 && errno != EEXIST) throw SysError("mkdir", errno, kStateDirectory);
  file_ = base::open_file(kStateDirectory, O_RDONLY | O_DIRECTORY);
  while (::flock(file_.get(), LOCK_EX) < 0) {
    if (errno != EINTR) throw SysError("flock", errno, kStateDirectory);
  }
}

StateLock::~StateLock() {
  // Not by closing: a process that was forked meanwhile may have a copy that it does not know of.
  if (file_) ::flock(file_.get(), LOCK_UN);
}

void save_lab(const LabState& lab) { base::replace_file(file_of(lab.name), to_json(lab), base::Durable::kNo); }

void forget_lab(const std::string& name) { ::unlink(file_of(name).c_str()); }

std::vector<LabState> all_labs() {
  std::vector<LabState> labs;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(kStateDirectory, none)) {
    if (entry.path().extension() != ".json") continue;
    if (auto lab = read_lab(entry.path())) labs.push_back(std::move(*lab));
  }
  return labs;
}

std::optional<LabState> find_lab(const std::string& name) {
  auto lab = read_lab(file_of(name));
  if (!lab || !is_up(*lab)) return std::nullopt;
  return lab;
}

LabState lab_named(const std::string& name) {
  const char* const surrounding = std::getenv("FERRY_LAB");
  const std::string wanted = !name.empty() ? name : surrounding != nullptr ? surrounding : "default";
  auto lab = find_lab(wanted);
  if (!lab) {
    base::refuse(fmt::format("there is no lab \"{}\"", wanted), "", "`ferry lab status` lists those that are up");
  }
  return *lab;
}

const HostState& host_named(const LabState& lab, const std::string& host) {
  std::string names;
  for (const auto& known : lab.hosts) {
    if (known.name == host) return known;
    names += (names.empty() ? "" : ", ") + known.name;
  }
  base::refuse(fmt::format("lab \"{}\" has no host \"{}\"", lab.name, host), "", "its hosts are " + names);
}

bool remove_cgroups(const LabState& lab, int limit_ms) {
  const auto deadline = base::mono_now() + std::chrono::milliseconds(limit_ms);
  for (;;) {
    bool all = true;
    for (const auto& host : lab.hosts) {
      for (const auto& cgroup : host.cgroups) {
        if (cgroup.filename() != cgroup_name(lab.id, host.name)) continue;  // not a file that we wrote
        thaw_tree(cgroup);
        all = kernel::remove_cgroup(cgroup) && all;
      }
    }
    if (all || base::mono_now() > deadline) return all;
    std::this_thread::sleep_for(kRemovePoll);
  }
}

void sweep_dead_labs() {
  for (const auto& lab : all_labs()) {
    if (is_up(lab)) continue;
    if (lab.boot_id != this_boot()) {  // the reboot has done it all
      forget_lab(lab.name);
      continue;
    }
    // Its hosts die with the supervisor by the kernel's hand; a frozen one does so when it is thawed.
    for (const auto& host : lab.hosts) kernel::signal_process(host.init, SIGKILL);
    if (remove_cgroups(lab, kSweepLimit_ms)) {
      base::log("swept what lab {} ({}) had left", lab.name, lab.id);
      forget_lab(lab.name);
    }
  }
}

}  // namespace ferry::lab
