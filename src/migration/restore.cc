// SPDX-License-Identifier: Apache-2.0
#include "migration/restore.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "criu/held_uffd.h"
#include "criu/premapped_image.h"
#include "criu/shared_memory_place.h"
#include "kernel/netlink.h"
#include "migration/engine_criu.h"

namespace ferry::migration {

using base::milliseconds;
using base::mono_now;

namespace {

constexpr milliseconds kRestoreStarts{30'000};
constexpr milliseconds kCriuResumes{15'000};

std::vector<std::string> restore_environment(criu::Pages pages, const criu::ReleaseMark& release) {
  std::vector<std::string> environment{fmt::format("{}=1", criu::kSharedVariable), release.setting()};
  if (pages == criu::Pages::kOnDemand) environment.push_back(criu::hold_setting());
  return environment;
}

}  // namespace

HeldRestore::HeldRestore(const std::string& name, const std::string& job, const criu::ImageSet& images,
                         const kernel::Namespaces& capsule, const kernel::Freezer& freezer, criu::Pages pages)
    : name_(name), job_(job), images_(images), pages_(pages), release_(images) {
  base::SpawnOptions options;
  options.environment = restore_environment(pages, release_);
  options.in_child = [&freezer] { freezer.add(0); };
  if (pages == criu::Pages::kOnDemand) {
    reserve_ = std::make_unique<criu::Reserve>();
    reserve_->add_to(options);
  }
  const auto log = images.open_log(criu::kRestoreLog);
  options.stderr_fd = log.get();
  criu_ = criu::Session::start(criu::Installation::find(), capsule, options);
  criu_->warm_up(mono_now() + kRestoreStarts);
  if (reserve_ && !reserve_->wait_for_it()) reserve_.reset();
}

HeldRestore::HeldRestore(const runtime::OciContainer& container, const std::string& job, const criu::ImageSet& images,
                         criu::Pages pages, int netns)
    : name_(container.text()), job_(job), images_(images), pages_(pages), has_netns_(netns >= 0), release_(images) {
  criu_ = start_restore_by_engine(container, images, restore_environment(pages, release_), netns);
}

void HeldRestore::build(const StateOptions& options, uint64_t memory_bytes) {
  auto request = criu::restore_request(images_.link(), pages_);
  request.mutable_opts()->set_shell_job(options.shell_job);
  request.mutable_opts()->set_tcp_close(options.tcp_close);
  if (pages_ == criu::Pages::kOnDemand) criu::name_premapped_areas(images_.directory());
  if (has_netns_) criu::restore_into_network(request);
  criu_->request(request);
  if (has_loopback_) raise_loopback();
  const auto event = criu_->run_until("post-restore", mono_now() + state_limit(memory_bytes));
  require(event, "restore");
  root_ = std::get<criu::Notified>(event).pid;
}

void HeldRestore::raise_loopback() {
  const auto event = criu_->run_until("setup-namespaces", mono_now() + kRestoreStarts);
  require(event, "restore");
  const auto netns = kernel::open_namespace(std::get<criu::Notified>(event).pid, "net");
  kernel::in_network_namespace(netns.get(), [] { kernel::Netlink().set_up("lo", true); });
  criu_->answer(true);
}

void HeldRestore::refuse() noexcept {
  try {
    criu_->answer(false);
    (void)criu_->run_until("", mono_now() + kCriuResumes);
    (void)criu_->end_of_engine(mono_now() + kCriuResumes);
  } catch (const std::exception& failure) {
    base::log("the engine of {}: {}", name_, failure.what());
  }
}

void HeldRestore::let_go(const std::function<void()>& before_running) {
  release_.grant();
  may_have_run_ = true;
  criu_->answer(true);
  require(criu_->run_until("pre-resume", mono_now() + kCriuResumes), "resume");
  try {
    release_.require_whole();
    before_running();
  } catch (const std::exception&) {
    release_.take_back();
    may_have_run_ = false;
    throw;
  }
  criu_->answer(true);
  require(criu_->run_until("post-resume", mono_now() + kCriuResumes), "resume");
}

void HeldRestore::finish() {
  criu_->answer(true);
  const auto event = criu_->run_until("", mono_now() + kCriuResumes);
  if (!std::holds_alternative<criu::Finished>(event)) base::log("criu did not end well after the resume");
  images_.keep_log(criu::kRestoreLog, job_);
  if (const auto status = criu_->end_of_engine(mono_now() + kCriuResumes)) base::log("the engine ended with status {}", *status);
  criu_.reset();
}

void HeldRestore::require(const criu::Event& event, const char* purpose) const {
  if (std::holds_alternative<criu::Notified>(event)) return;
  const auto found = criu::explain(event, images_.directory() / criu::kRestoreLog);
  throw base::Error({fmt::format("cannot {} {}", purpose, name_), found.why, found.remedy, {},
                     images_.keep_log(criu::kRestoreLog, job_, found.why)});
}

}  // namespace ferry::migration
