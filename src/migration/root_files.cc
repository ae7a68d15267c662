// SPDX-License-Identifier: Apache-2.0
#include "migration/root_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"

namespace ferry::migration {
namespace {

// The kernel stamps files with the time of its last tick.
constexpr int64_t kTickNs = 10'000'000;

}  // namespace

RootFiles::RootFiles(base::Path directory, base::Path changes, bool read_only, transport::Destination destination, std::vector<std::string> ssh_options)
    : way_{directory, directory, false, std::move(destination), std::move(ssh_options)}, changes_(std::move(changes)), read_only_(read_only) {
  std::error_code none;
  way_.is_file = std::filesystem::is_regular_file(directory, none);
}

void RootFiles::run(Rsync::What what, const std::vector<std::string>& list, Rsync::Tree tree, const std::function<void()>& meanwhile) const {
  Rsync sync(way_, what);
  if (!list.empty()) sync.give(list);
  sync.finish(meanwhile, tree);
}

void RootFiles::leave_there(int64_t since_ns) {
  is_there_ = true;
  since_ns_ = since_ns - kTickNs;
}

void RootFiles::send(int64_t still_ns, const std::function<void()>& meanwhile) {
  if (is_there_) return;
  since_ns_ = still_ns - kTickNs;
  run(Rsync::What::kAll, {}, Rsync::Tree::kChanges, meanwhile);
  seen_until_ns_ = base::real_ns() + kTickNs;
}

bool RootFiles::catch_up(int64_t still_ns, const std::function<void()>& meanwhile) {
  if (!goes_in_parts()) return false;
  const auto found = files::changes_since(changes_, since_ns_, seen_until_ns_);
  if (!found.paths.empty()) run(Rsync::What::kListed, found.paths, Rsync::Tree::kChanges, meanwhile);
  if (!found.alike.empty()) run(Rsync::What::kListedAnew, found.alike, Rsync::Tree::kChanges, meanwhile);
  since_ns_ = still_ns - kTickNs;
  seen_until_ns_ = base::real_ns() + kTickNs;
  return !found.paths.empty();
}

void RootFiles::stand_by() {
  if (!goes_in_parts()) return;
  sends_.emplace(way_, Rsync::What::kListed);
  sends_anew_.emplace(way_, Rsync::What::kListedAnew);
}

void RootFiles::require_unchanged() const {
  if (found_.paths.empty()) return;
  throw base::Error({fmt::format("{} has changed while it was moved", way_.here.string()),
                     fmt::format("on {} there was the same already, and that is never overwritten", way_.destination.host),
                     "move that one away there, to have it sent", {}, {}});
}

void RootFiles::send_changes() {
  if (read_only_) return;
  if (is_sending_) sends_->finish([] {}, Rsync::Tree::kChanges);  // of an earlier freeze; it has run since
  found_ = files::changes_since(changes_, since_ns_, seen_until_ns_);
  if (!goes_in_parts() || found_.paths.empty()) return;
  if (!sends_ || sends_->has_ended()) sends_.emplace(way_, Rsync::What::kListed);
  sends_->give(found_.paths);
  is_sending_ = true;
}

std::vector<std::string> RootFiles::in_it(const std::vector<std::string>& paths) const {
  std::vector<std::string> inside;
  const auto below = at_.string() + "/";
  for (const auto& path : paths) {
    if (!path.starts_with(below)) continue;
    const auto relative = "." + path.substr(at_.string().size());
    struct stat info {};
    if (::lstat((way_.here / relative).c_str(), &info) == 0 && S_ISREG(info.st_mode)) inside.push_back(relative);
  }
  return inside;
}

void RootFiles::finish_changes(const std::vector<std::string>& mapped, const std::function<void()>& meanwhile) {
  if (read_only_) return;
  if (is_there_) return require_unchanged();
  if (way_.is_file) {
    const bool is_mapped = std::ranges::find(mapped, at_.string()) != mapped.end();
    if (is_mapped || !found_.paths.empty()) run(Rsync::What::kAnew, {}, Rsync::Tree::kStandsStill, meanwhile);
    return;
  }
  if (is_sending_) sends_->finish(meanwhile, Rsync::Tree::kStandsStill);
  is_sending_ = false;
  auto anew = in_it(mapped);
  anew.insert(anew.end(), found_.alike.begin(), found_.alike.end());
  if (anew.empty()) return;
  if (!sends_anew_ || sends_anew_->has_ended()) sends_anew_.emplace(way_, Rsync::What::kListedAnew);
  sends_anew_->give(anew);
  sends_anew_->finish(meanwhile, Rsync::Tree::kStandsStill);
}

void RootFiles::give_up() {
  sends_.reset();
  sends_anew_.reset();
  is_sending_ = false;
}

void RootFiles::look_for_content() { has_content_ = has_content_ || !std::filesystem::is_empty(way_.here); }

void RootFiles::send_all(const std::function<void()>& meanwhile) {
  look_for_content();
  if (has_content_) run(Rsync::What::kAnew, {}, Rsync::Tree::kStandsStill, meanwhile);
}

}  // namespace ferry::migration
