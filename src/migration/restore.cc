// SPDX-License-Identifier: Apache-2.0
#include "migration/restore.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "criu/doctor.h"

namespace ferry::migration {

using base::milliseconds;
using base::mono_now;

namespace {

constexpr milliseconds kCriuStarts{30'000};
constexpr milliseconds kCriuResumes{15'000};

}  // namespace

HeldRestore::HeldRestore(const std::string& name, const std::string& job, const criu::ImageSet& images,
                         const kernel::Namespaces& capsule, const kernel::Freezer& freezer)
    : name_(name), job_(job), images_(images) {
  base::SpawnOptions options;
  options.in_child = [&freezer] { freezer.add(0); };
  criu_ = criu::Session::start(criu::Installation::find(), capsule, options);
  criu_->warm_up(mono_now() + kCriuStarts);
}

void HeldRestore::build(const StateOptions& options, uint64_t memory_bytes) {
  auto request = criu::restore_request(images_.link());
  request.mutable_opts()->set_shell_job(options.shell_job);
  request.mutable_opts()->set_tcp_close(options.tcp_close);
  criu_->request(request);
  await("post-restore", state_limit(memory_bytes), "restore");
}

// Until we answer its pre-resume the tasks are held (criu/cr-restore.c: finalize_restore_detach comes after), so a
// failure before that leads back to the source.
void HeldRestore::let_go() {
  criu_->answer(true);
  await("pre-resume", kCriuResumes, "resume");
  may_have_run_ = true;
  criu_->answer(true);
  await("post-resume", kCriuResumes, "resume");
}

void HeldRestore::finish() {
  criu_->answer(true);
  const auto event = criu_->run_until("", mono_now() + kCriuResumes);
  if (!std::holds_alternative<criu::Finished>(event)) base::log("criu did not end well after the resume");
  images_.keep_log(criu::kRestoreLog, job_);
  criu_.reset();
}

void HeldRestore::await(const char* point, milliseconds limit, const char* purpose) {
  const auto event = criu_->run_until(point, mono_now() + limit);
  if (std::holds_alternative<criu::Notified>(event)) return;
  throw base::Error({fmt::format("cannot {} {}", purpose, name_),
                     criu::explain(event, images_.directory() / criu::kRestoreLog), "", {},
                     images_.keep_log(criu::kRestoreLog, job_)});
}

}  // namespace ferry::migration
