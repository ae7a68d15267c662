// SPDX-License-Identifier: Apache-2.0
#include "handover/relay_registry.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "handover/relay_wire.h"

namespace ferry::handover {

namespace {

constexpr base::milliseconds kEndPatience{3'000};
constexpr const char* kRelayDirectory =
    "/run/ferry/relays";  // of entrances; those of exits are in exits/
constexpr const char* kSuffix = ".json";

base::Path directory_of(RelayEnd end) {
  return base::Path(kRelayDirectory) / (end == RelayEnd::kExit ? "exits" : "");
}

base::Path path_of(const std::string& name, RelayEnd end) {
  return directory_of(end) / (name + kSuffix);
}

base::Path held_flows_of(const std::string& name) {
  return directory_of(RelayEnd::kEntrance) / (name + ".held");
}

nlohmann::json to_json(const RelayRecord& record) {
  return {{"name", record.name},
          {"pid", record.process.pid},
          {"start_ticks", record.process.start_ticks},
          {"ports", texts_of(record.ports)},
          {"peer", record.peer},
          {"since_ns", record.since_ns},
          {"keep", record.is_kept},
          {"connections", record.connections},
          {"bytes_in", record.bytes_in},
          {"bytes_out", record.bytes_out},
          {"dropped", record.dropped},
          {"holds_ports", record.holds_ports}};
}

RelayRecord from_json(const nlohmann::json& told, RelayEnd end) {
  RelayRecord record;
  record.end = end;
  told.at("name").get_to(record.name);
  record.process = {told.at("pid").get<pid_t>(), told.at("start_ticks").get<uint64_t>()};
  record.ports = parse_ports(told.at("ports").get<std::vector<std::string>>());
  told.at("peer").get_to(record.peer);
  told.at("since_ns").get_to(record.since_ns);
  told.at("keep").get_to(record.is_kept);
  told.at("connections").get_to(record.connections);
  told.at("bytes_in").get_to(record.bytes_in);
  told.at("bytes_out").get_to(record.bytes_out);
  told.at("dropped").get_to(record.dropped);
  told.at("holds_ports").get_to(record.holds_ports);
  return record;
}

// Nothing: it has gone, or is none.
std::optional<RelayRecord> read_relay(const base::Path& path, RelayEnd end) {
  const auto text = base::try_read_file(path);
  if (!text) return std::nullopt;
  try {
    return from_json(nlohmann::json::parse(*text), end);
  } catch (const std::exception& wrong) {
    base::log("{}: {}", path.string(), wrong.what());
    return std::nullopt;
  }
}

std::vector<RelayRecord> relays_at(RelayEnd end) {
  std::vector<RelayRecord> records;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(directory_of(end), none)) {
    if (entry.path().extension() != kSuffix) continue;
    const auto record = read_relay(entry.path(), end);
    if (!record) continue;
    if (kernel::is_alive(record->process)) {
      records.push_back(*record);
    } else {
      remove_relay(*record);  // it was killed
    }
  }
  std::ranges::sort(records, {}, &RelayRecord::name);
  return records;
}

}  // namespace

base::Path relay_log(const std::string& name, RelayEnd end) {
  return directory_of(end) / (name + ".log");
}

std::vector<RelayRecord> all_relays() {
  auto records = relays_at(RelayEnd::kEntrance);
  std::ranges::move(relays_at(RelayEnd::kExit), std::back_inserter(records));
  return records;
}

base::Path relay_ear(pid_t pid) {
  return base::Path(kRelayDirectory) / (std::to_string(pid) + ".socket");
}

std::optional<RelayRecord> find_relay(const std::string& name, RelayEnd end) {
  auto record = read_relay(path_of(name, end), end);
  if (!record || !kernel::is_alive(record->process)) return std::nullopt;
  return record;
}

void write_held_flows(const std::string& name, const std::vector<FlowKey>& flows) {
  base::replace_file(held_flows_of(name), keys_text(flows), base::Durable::kNo);
}

std::vector<FlowKey> read_held_flows(const std::string& name) {
  const auto text = base::try_read_file(held_flows_of(name));
  return text ? parse_keys(*text) : std::vector<FlowKey>{};
}

void remove_held_flows(const std::string& name) noexcept {
  std::error_code gone;
  std::filesystem::remove(held_flows_of(name), gone);
}

void write_relay(const RelayRecord& record) {
  std::filesystem::create_directories(directory_of(record.end));
  base::replace_file(path_of(record.name, record.end), to_json(record).dump(), base::Durable::kNo);
}

void remove_relay(const RelayRecord& record) noexcept {
  const auto path = path_of(record.name, record.end);
  const auto there = read_relay(path, record.end);
  std::error_code gone;
  std::filesystem::remove(relay_ear(record.process.pid), gone);
  if (!there || there->process != record.process) return;
  std::filesystem::remove(path, gone);
  if (record.end == RelayEnd::kEntrance) remove_held_flows(record.name);
}

bool stop_relay(const std::string& name, RelayEnd end) {
  const auto record = read_relay(path_of(name, end), end);
  if (!record) return false;
  const bool was_there = kernel::signal_process(record->process, SIGTERM);
  if (!kernel::ends_within(record->process, kEndPatience)) {
    kernel::signal_process(record->process, SIGKILL);
    (void)kernel::ends_within(record->process, kEndPatience);
  }
  remove_relay(*record);
  return was_there;
}

}  // namespace ferry::handover
