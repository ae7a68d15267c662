// SPDX-License-Identifier: Apache-2.0
#include "migration/dump.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "criu/correct_images.h"
#include "criu/hidden_memory.h"
#include "criu/twin.h"
#include "migration/engine_criu.h"

namespace ferry::migration {

using base::milliseconds;
using base::mono_now;

namespace {

constexpr milliseconds kCriuStarts{30'000};
constexpr milliseconds kDumpEnds{10'000};  // killing or releasing what it holds
constexpr uint64_t kSlowestBytesPerMs = 100 * 1024;
constexpr milliseconds kSlowestState{30'000};

}  // namespace

milliseconds state_limit(uint64_t memory_bytes) {
  return kSlowestState + milliseconds(memory_bytes / kSlowestBytesPerMs);
}

HeldDump::HeldDump(const runtime::Workload& workload, const StateOptions& options, const criu::ImageSet& images,
                   const std::string& job, const kernel::Freezer& freezer, bool hides_memory)
    : name_(workload.name), job_(job), root_(workload.root.pid), images_(images) {
  std::vector<std::string> environment{fmt::format("{}=1", criu::twin::kWanted)};
  if (hides_memory) environment.push_back(criu::hide_setting(hidden_file()));
  criu_ = workload.container ? start_dump_by_engine(*workload.container, root_, images, std::move(environment))
                             : start_inside(std::move(environment));
  const pid_t root = workload.container ? root_ : kernel::inner_pid(root_).value_or(0);  // as CRIU knows it
  auto request = criu::dump_request(images.link(), root, freezer.path());
  request.mutable_opts()->set_shell_job(options.shell_job);
  request.mutable_opts()->set_tcp_close(options.tcp_close);
  if (workload.network.is_given) {
    criu::leave_network_alone(request, kernel::namespace_id(root_, "net"));
  }
  criu_->request(request);
  survey_.emplace(process::read_tree(root_));
  const auto event = criu_->run_until("pre-dump", mono_now() + kCriuStarts);
  if (!std::holds_alternative<criu::Notified>(event)) fail(event);
}

criu::Session HeldDump::start_inside(std::vector<std::string> environment) const {
  base::SpawnOptions spawn;
  spawn.new_session = true;  // a terminal's Ctrl-C is for us: CRIU is to end in order
  spawn.environment = std::move(environment);
  const auto log = images_.open_log(criu::kDumpLog);
  spawn.stderr_fd = log.get();
  auto namespaces = kernel::Namespaces::of(root_);
  namespaces.leave_out("ipc");  // from outside CRIU sees that it is the workload's own, and dumps it
  return criu::Session::start(criu::Installation::find(), namespaces, spawn);
}

void HeldDump::run(uint64_t memory_bytes) {
  criu_->answer(true);
  const auto tree = process::read_tree(root_);  // meanwhile: they are stopped
  pinned_ = process::pinned_threads(tree);
  sockets_ = survey_->read(tree);
  // Not interruptible: Ctrl-C is heard when CRIU has come to its gate.
  const auto event = criu_->run_until("post-dump", mono_now() + state_limit(memory_bytes));
  if (!std::holds_alternative<criu::Notified>(event)) fail(event);
  criu::correct_images(images_.directory(), [this](pid_t inner) { return task_of(inner); });
}

// CRIU's twin traces the tasks, and lets go of them no sooner than CRIU has begun to end, or itself has.
void HeldDump::require_held() {
  const pid_t tracer = std::stoi(kernel::status_field(root_, "TracerPid").value_or("0"));
  if (tracer != 0 && !kernel::is_ending(tracer) && !kernel::is_ending(criu_->process().pid)) return;
  criu_.reset();
  fail(criu::Diagnosis{"CRIU was killed when it had dumped, and its tasks were not frozen yet", criu::kAfterAKill});
}

pid_t HeldDump::task_of(pid_t inner) {
  if (pids_.empty()) {
    for (const pid_t pid : process::read_tree(root_).pids) pids_.emplace(kernel::inner_pid(pid).value_or(0), pid);
  }
  const auto found = pids_.find(inner);
  return found == pids_.end() ? 0 : found->second;
}

void HeldDump::fail(const criu::Event& event) {
  criu_.reset();  // first: then the log is whole
  fail(criu::explain(event, images_.directory() / criu::kDumpLog));
}

void HeldDump::fail(const criu::Diagnosis& found) {
  const base::Explanation words{fmt::format("cannot dump {}", name_), found.why, found.remedy, {},
                                images_.keep_log(criu::kDumpLog, job_, found.why)};
  if (found.transient) throw TransientFailure(words);
  throw base::Error(words);
}

void HeldDump::end(bool killed, const std::function<void()>& thaw) noexcept {
  const auto quietly = [](const auto& step) noexcept {
    try {
      step();
    } catch (const std::exception& failure) {
      base::log("criu at the end: {}", failure.what());
    }
  };
  // Each for itself: killed tasks must be thawed to die, whether CRIU is still there or not.
  if (criu_) quietly([&] { criu_->answer(killed); });
  if (thaw) quietly(thaw);
  if (!criu_) return;
  quietly([&] {
    const auto event = criu_->run_until("", mono_now() + kDumpEnds);
    if (!std::holds_alternative<criu::Finished>(event)) base::log("criu at the end: {}", criu::explain(event, images_.directory() / criu::kDumpLog).why);
    images_.keep_log(criu::kDumpLog, job_);
    (void)criu_->end_of_engine(mono_now() + kDumpEnds);
  });
  criu_.reset();
}

}  // namespace ferry::migration
