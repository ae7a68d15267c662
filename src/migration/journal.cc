// SPDX-License-Identifier: Apache-2.0
#include "migration/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <random>

#include "base/clock.h"
#include "base/fault.h"
#include "migration/host.h"

namespace ferry::migration {

using base::SysError;
using nlohmann::json;

namespace {

const base::Path kJournals = "/var/lib/ferry/journal";

void sync(int fd, const base::Path& path) {
  if (::fsync(fd) < 0) throw SysError("fsync", errno, path.string());
}

}  // namespace

std::string_view name_of(Role role) { return role == Role::kSource ? "source" : "target"; }

base::Path journal_directory() { return kJournals; }

base::Path journal_path(Role role, const std::string& job) {
  return kJournals / fmt::format("{}.{}.jsonl", job, name_of(role));
}

Journal Journal::create(Role role, const JobNote& note) {
  std::filesystem::create_directories(kJournals);
  const base::Path path = journal_path(role, note.job);
  Journal journal(path, base::open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600));
  const json line = {{"at", base::iso_time(base::real_ns())},
                     {"job", note.job},
                     {"name", note.name},
                     {"peer", note.peer},
                     {"lock", note.lock.empty() ? note.name : note.lock},
                     {"boot", boot_id()},
                     {"role", name_of(role)}};
  base::write_full(journal.fd_.get(), line.dump() + "\n");
  sync(journal.fd_.get(), path);
  sync(base::open_file(kJournals, O_RDONLY | O_DIRECTORY).get(), kJournals);
  return journal;
}

Journal Journal::reopen(Role role, const std::string& job) {
  const base::Path path = journal_path(role, job);
  Journal journal(path, base::open_file(path, O_WRONLY | O_APPEND));
  base::write_full(journal.fd_.get(), "\n");  // after a line that a crash cut short
  return journal;
}

void Journal::record(std::string_view event, std::string_view state, bool fence) {
  base::fault_point(fmt::format("journal.{}", state));
  const json line = {{"at", base::iso_time(base::real_ns())}, {"event", event}, {"state", state}};
  base::write_full(fd_.get(), line.dump() + "\n");
  if (fence) sync(fd_.get(), path_);
}

void Journal::note(std::string_view key, const json& value) {
  const json line = {{"at", base::iso_time(base::real_ns())}, {"note", key}, {"value", value}};
  base::write_full(fd_.get(), line.dump() + "\n");
}

std::string new_job_id() {
  std::string stamp = base::iso_time(base::real_ns()).substr(0, 19);
  std::erase(stamp, '-');
  std::erase(stamp, ':');
  stamp[8] = '-';
  std::random_device random;
  return fmt::format("{}-{:04x}", stamp, random() & 0xffff);
}

}  // namespace ferry::migration
