// SPDX-License-Identifier: Apache-2.0
#include "migration/root_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/program.h"
#include "files/tree_print.h"

namespace ferry::migration {
namespace {

constexpr int kVanished = 24;  // rsync(1): of the files that were to be sent, some have been removed meanwhile
constexpr auto kSyncPoll = base::milliseconds(2);
// The kernel stamps files with the time of its last tick.
constexpr long kTickNs = 10'000'000;

std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

base::Fd memory_file(const std::string& content) {
  base::Fd file(::memfd_create("ferry-rsync", MFD_CLOEXEC));
  if (!file) throw base::SysError("memfd_create", errno, "");
  base::write_full(file.get(), content);
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

std::string content_of(const base::Fd& file) {
  return base::try_read_file(fmt::format("/proc/self/fd/{}", file.get())).value_or("");
}

int64_t ns_of(const timespec& time) { return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec; }

}  // namespace

RootFiles::RootFiles(base::Path directory, base::Path changes, bool read_only, transport::Destination destination, std::vector<std::string> ssh_options)
    : directory_(std::move(directory)),
      there_(directory_),
      changes_(std::move(changes)),
      read_only_(read_only),
      destination_(std::move(destination)),
      ssh_options_(std::move(ssh_options)) {
  std::error_code none;
  is_file_ = std::filesystem::is_regular_file(directory_, none);
}

// Whatever else is mounted in it is not part of it.
base::Argv RootFiles::rsync(const std::vector<std::string>& options) const {
  const char* program = std::getenv("FERRY_SSH");
  std::string ssh = program && *program ? program : "ssh";
  for (const auto& option : ssh_options_) ssh += fmt::format(" {}{}", option.starts_with('-') ? "" : "-o ", quoted(option));
  base::Argv argv{"rsync", "-aHAXS", "--numeric-ids", "--one-file-system", "--modify-window=-1", "--mkpath", "-e", ssh + " -o BatchMode=yes"};
  argv.insert(argv.end(), options.begin(), options.end());
  if (is_file_) argv.emplace_back("--inplace");  // whoever has mounted it there has this inode
  const char* slash = is_file_ ? "" : "/";
  argv.insert(argv.end(), {directory_.string() + slash, fmt::format("{}:{}{}", destination_.text(), there_.string(), slash)});
  return argv;
}

void RootFiles::run(const base::Argv& argv, const std::string& input, const std::function<void()>& meanwhile, Workload workload) const {
  const auto in = memory_file(input), words = memory_file("");
  base::SpawnOptions options{in.get(), -1, words.get()};
  options.new_session = true;
  auto child = base::spawn(argv, options);
  std::optional<int> status;
  while (!(status = child.try_wait())) {
    meanwhile();
    std::this_thread::sleep_for(kSyncPoll);
  }
  const int code = base::exit_code(*status);
  if (code == 0 || (code == kVanished && workload == Workload::kRuns)) return;
  throw base::Error({fmt::format("cannot copy {} to {}", directory_.string(), destination_.host),
                     fmt::format("rsync ended with status {}: {}", code, base::one_line(content_of(words))),
                     "both hosts need rsync, and the target room for it", {}, {}});
}

void RootFiles::leave_there(int64_t since_ns) {
  is_there_ = true;
  since_ns_ = since_ns - kTickNs;
}

void RootFiles::send(const std::function<void()>& meanwhile) {
  if (is_there_) return;
  since_ns_ = base::real_ns() - kTickNs;
  run(rsync({"--delete"}), "", meanwhile, Workload::kRuns);
}

// A file that is removed or renamed changes its directory.
bool RootFiles::has_changed() const {
  const auto is_old = [&](const char*, const struct stat* info) { return info != nullptr && ns_of(info->st_ctim) < since_ns_; };
  return !files::walk_tree(changes_, is_old);
}

void RootFiles::look_for_content() { has_content_ = has_content_ || !std::filesystem::is_empty(directory_); }

void RootFiles::send_all(const std::function<void()>& meanwhile) {
  look_for_content();
  if (has_content_) run(rsync({"--delete", "--ignore-times"}), "", meanwhile);
}

void RootFiles::look_for_changes() { changed_ = changed_ || (!read_only_ && has_changed()); }

bool RootFiles::send_changes(const std::vector<std::string>& written, const std::function<void()>& meanwhile) {
  if (read_only_) return false;
  if (is_there_) {
    if (!changed_) return false;
    throw base::Error({fmt::format("{} has changed while it was moved", directory_.string()),
                       fmt::format("on {} there was the same already, and that is never overwritten", destination_.host),
                       "move that one away there, to have it sent", {}, {}});
  }
  if (changed_) run(rsync({"--delete"}), "", meanwhile);
  // What a task writes through a mapping may bear the time of its first write only.
  if (is_file_) {
    const bool is_written = std::ranges::find(written, at_.string()) != written.end();
    if (is_written) run(rsync({"--ignore-times"}), "", meanwhile);
    return changed_ || is_written;
  }
  std::string list;
  const auto below = at_.string() + "/";
  for (const auto& path : written) {
    if (!path.starts_with(below)) continue;
    const auto inside = path.substr(at_.string().size());
    struct stat info {};
    if (::lstat((directory_.string() + inside).c_str(), &info) == 0 && S_ISREG(info.st_mode)) list += inside + '\0';
  }
  if (!list.empty()) run(rsync({"--ignore-times", "--from0", "--files-from=-"}), list, meanwhile);
  return changed_ || !list.empty();
}

}  // namespace ferry::migration
