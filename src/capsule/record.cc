// SPDX-License-Identifier: Apache-2.0
#include "capsule/record.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

namespace ferry::capsule {

using base::Error;
using base::Path;
using nlohmann::json;

namespace {

const Path kWorkloads = "/var/lib/ferry/workloads";
const Path kLocks = "/run/ferry/locks";
constexpr size_t kMaxName = 64;

json to_json(const Record& r) {
  return {{"name", r.name},           {"command", r.command},
            {"created_ns", r.created_ns}, {"came_from", r.came_from},
            {"init_pid", r.init.pid},   {"init_start_ticks", r.init.start_ticks},
            {"root_pid", r.root_pid},   {"ip", r.ip},
            {"mac", r.mac},             {"gateway", r.gateway},
            {"service", r.service},
            {"moved_to", r.moved_to},   {"moved_at_ns", r.moved_at_ns}, {"left_files", r.left_files}};
}

Record from_json(const json& j) {
  Record r;
  r.name = j.at("name");
  r.command = j.at("command");
  r.created_ns = j.at("created_ns");
  r.came_from = j.at("came_from");
  r.init = {j.at("init_pid"), j.at("init_start_ticks")};
  r.root_pid = j.at("root_pid");
  r.ip = j.at("ip");
  r.mac = j.at("mac");
  r.gateway = j.at("gateway");
  r.service = j.value("service", "");  // records of before know none
  r.moved_to = j.at("moved_to");
  r.moved_at_ns = j.at("moved_at_ns");
  r.left_files = j.at("left_files");
  return r;
}

}  // namespace

namespace {

// Empty: it can be one.
std::string flaw_of(const std::string& name) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; };
  if (name.empty() || name.size() > kMaxName) return "it is empty or too long";
  if (!std::ranges::all_of(name, allowed)) return "it has a character that is not allowed";
  if (std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c); })) {
    return "only digits would be taken for a pid";
  }
  if (!std::isalnum(static_cast<unsigned char>(name[0]))) return "it begins with a sign";
  return "";
}

}  // namespace

bool is_name(const std::string& name) { return flaw_of(name).empty(); }

void check_name(const std::string& name) {
  const std::string flaw = flaw_of(name);
  if (flaw.empty()) return;
  throw Error({fmt::format("\"{}\" cannot be a workload's name", name), flaw,
               "use letters, digits, - _ and . (up to 64), beginning with a letter or digit", {}, {}},
              base::Exit::kUsage);
}

Path directory_of(const std::string& name) { return kWorkloads / name; }
Path log_of(const std::string& name) { return directory_of(name) / "log"; }

std::string to_text(const Record& record) { return to_json(record).dump(2) + "\n"; }
Record from_text(const std::string& text) {
  try {
    return from_json(json::parse(text));
  } catch (const json::exception& damaged) {
    throw Error({"a workload's record cannot be read", damaged.what(), "", {}, {}});
  }
}

std::optional<Record> find_record(const std::string& name) {
  const auto text = base::try_read_file(directory_of(name) / "record.json");
  if (!text) return std::nullopt;
  try {
    Record record = from_json(json::parse(*text));
    // A file of its own: init and whoever moves the workload may write at the same moment.
    if (const auto status = base::try_read_file(directory_of(name) / "exit_status")) {
      record.exit_status = std::atoi(status->c_str());
    }
    return record;
  } catch (const json::exception& damaged) {
    throw Error({fmt::format("the record of {} cannot be read", name), damaged.what(),
                 fmt::format("if it no longer runs, remove {}", directory_of(name).string()), {}, {}});
  }
}

std::vector<Record> all_records() {
  std::vector<Record> records;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(kWorkloads, none)) {
    try {
      if (auto record = find_record(entry.path().filename().string())) records.push_back(std::move(*record));
    } catch (const Error& damaged) {
      base::log("{}", damaged.what());  // one damaged record must not hide the others
    }
  }
  std::ranges::sort(records, {}, &Record::name);
  return records;
}

void save_record(const Record& record, base::Durable durable) {
  std::filesystem::create_directories(directory_of(record.name));
  base::replace_file(directory_of(record.name) / "record.json", to_text(record), durable);
}

void save_exit_status(const std::string& name, int status) {
  base::replace_file(directory_of(name) / "exit_status", std::to_string(status) + "\n");
}

void forget_exit_status(const std::string& name) {
  std::filesystem::remove(directory_of(name) / "exit_status");
}

void remove_record(const std::string& name) { std::filesystem::remove_all(directory_of(name)); }

bool is_running(const Record& record) {
  return record.moved_to.empty() && record.init.pid > 0 && kernel::is_alive(record.init);
}

std::optional<pid_t> host_root_pid(const Record& record) {
  if (!is_running(record)) return std::nullopt;
  for (const pid_t child : kernel::children_of(record.init.pid)) {
    if (kernel::inner_pid(child) == record.root_pid) return child;
  }
  return std::nullopt;
}

namespace {

// What passes soon: an arrival that has just ended still tidies up for a moment, and so does who finishes a killed ferry's job.
constexpr std::chrono::milliseconds kHolderEnds{5000};

bool passes_soon(const std::string& what, const std::string& purpose) {
  const auto holder = Lock::find_holder(what);
  if (!holder) return true;  // who has it is just ending, or has not noted yet who it is
  return holder->purpose == "resolve" || (purpose == "move" && holder->purpose == "receive");
}

base::Fd open_lock(const std::string& what) {
  CHECK(what.find('/') == std::string::npos);
  std::filesystem::create_directories(kLocks);
  return base::open_file(kLocks / what, O_RDWR | O_CREAT, 0600);
}

}  // namespace

Lock::Lock(base::Fd fd, const std::string& purpose, const std::string& job) : fd_(std::move(fd)) {
  const auto self = kernel::find_process(::getpid()).value_or(kernel::ProcessId{});
  const json note = {{"purpose", purpose}, {"job", job}, {"pid", self.pid}, {"start_ticks", self.start_ticks}};
  if (::ftruncate(fd_.get(), 0) == 0) base::write_full(fd_.get(), note.dump());
}

std::optional<Lock> Lock::try_take(const std::string& what, const std::string& purpose, const std::string& job) {
  base::Fd fd = open_lock(what);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) < 0) return std::nullopt;
  return Lock(std::move(fd), purpose, job);
}

Lock Lock::take(const std::string& what, const std::string& purpose, const std::string& job) {
  const auto deadline = base::mono_now() + kHolderEnds;
  for (;;) {
    if (auto lock = try_take(what, purpose, job)) return std::move(*lock);
    if (!passes_soon(what, purpose) || base::mono_now() > deadline) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const auto holder = find_holder(what);
  base::refuse(fmt::format("cannot {} {} now", purpose, what),
               holder ? fmt::format("another ferry (pid {}) is at work on it: {}", holder->process.pid, holder->purpose)
                      : "another ferry is at work on it",
               fmt::format("wait until it has ended, or `ferry cancel {}`", what));
}

std::optional<Lock::Holder> Lock::find_holder(const std::string& what) {
  const auto note = json::parse(base::try_read_file(kLocks / what).value_or(""), nullptr, false);
  if (!note.is_object()) return std::nullopt;
  Holder holder{note.value("purpose", ""), note.value("job", ""), {note.value("pid", 0), note.value("start_ticks", uint64_t{0})}};
  if (!kernel::is_alive(holder.process)) return std::nullopt;
  return holder;
}

}  // namespace ferry::capsule
