// SPDX-License-Identifier: Apache-2.0
#include "migration/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <random>

#include "base/clock.h"

namespace ferry::migration {

using base::SysError;
using nlohmann::json;

namespace {

const base::Path kJournals = "/var/lib/ferry/journal";

base::Path path_of(Role role, const std::string& job) {
  return kJournals / (job + (role == Role::kSource ? ".source.jsonl" : ".target.jsonl"));
}

void sync(int fd, const base::Path& path) {
  if (::fsync(fd) < 0) throw SysError("fsync", errno, path.string());
}

}  // namespace

Journal Journal::create(Role role, const JobNote& note) {
  std::filesystem::create_directories(kJournals);
  const base::Path path = path_of(role, note.job);
  Journal journal(path, base::open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600));
  const json line = {{"at", base::iso_time(base::real_ns())}, {"job", note.job}, {"name", note.name},
                     {"peer", note.peer}, {"role", role == Role::kSource ? "source" : "target"}};
  base::write_full(journal.fd_.get(), line.dump() + "\n");
  sync(journal.fd_.get(), path);
  sync(base::open_file(kJournals, O_RDONLY | O_DIRECTORY).get(), kJournals);
  return journal;
}

void Journal::record(std::string_view event, std::string_view state, bool fence) {
  const json line = {{"at", base::iso_time(base::real_ns())}, {"event", event}, {"state", state}};
  base::write_full(fd_.get(), line.dump() + "\n");
  if (fence) sync(fd_.get(), path_);
}

std::optional<std::string> last_state(Role role, const std::string& job) {
  const auto text = base::try_read_file(path_of(role, job));
  if (!text) return std::nullopt;
  std::optional<std::string> state;
  size_t start = 0;
  while (start < text->size()) {
    const size_t end = std::min(text->find('\n', start), text->size());
    // A line that a crash cut short is as if it had not been written.
    const auto line = json::parse(text->substr(start, end - start), nullptr, false);
    if (line.is_object() && line.contains("state")) state = line["state"].get<std::string>();
    start = end + 1;
  }
  return state;
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
