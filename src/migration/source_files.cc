// SPDX-License-Identifier: Apache-2.0
//
// A container's files: its own changes, its volumes, and what is bound into it and sent along.
#include <algorithm>

#include "migration/requirements.h"
#include "migration/source_move.h"

namespace ferry::migration {

namespace {

// Passes over what was written during the one before. One is short enough when the next would not
// be shorter by much.
constexpr int kMostPasses = 6;
constexpr double kShortPassMs = 200;
constexpr double kIsShorter = 0.7;

}  // namespace

void SourceMove::find_root_files() {
  auto& container = *subject_.workload.container;
  container.keep = options_.keep_source;
  report_.engine = container.engine;
  engine_ = runtime::defining_engine(container.engine);
  engine_files_ = runtime::oci_engine(container.engine)->files(container);
  const auto destination = transport::parse_destination(options_.destination);
  shared_ssh_.emplace(destination, options_.ssh_options, report_.job);
  root_files_.emplace(engine_files_.by_layer ? engine_files_.changes : engine_files_.root,
                      engine_files_.changes, engine_files_.read_only, destination,
                      shared_ssh_->options());
  const auto add_tree = [&](const base::Path& here, const base::Path& at) {
    trees_.emplace_back(here, here, false, destination, shared_ssh_->options());
    trees_.back().set_place(at);
  };
  for (const auto& volume : engine_files_.volumes) add_tree(volume.here, volume.at);
  for (const auto& bind : subject_.workload.binds) {
    if (!bind.is_sent) continue;
    for (const auto& at : bind.at) {
      add_tree(std::filesystem::canonical(bind.path), at);
      trees_.back().go_to(bind.path);
    }
  }
  if (!engine_) return;
  if (!engine_files_.shared_memory.empty()) {
    shared_memory_.emplace(engine_files_.shared_memory, engine_files_.shared_memory, false,
                           destination, shared_ssh_->options());
  }
  if (container.keep) refuse_if_any(report_.name, engine_->reasons_not_to_keep(container));
}

// Bind mounts that the target has already, and the same.
void SourceMove::leave_present(const wire::Ready& target) {
  auto tree = trees_.begin() + static_cast<ptrdiff_t>(engine_files_.volumes.size());
  for (const auto& bind : subject_.workload.binds) {
    if (!bind.is_sent) continue;
    const bool is_there =
        std::ranges::find(target.present(), bind.path.string()) != target.present().end();
    for (size_t i = 0; i < bind.at.size(); ++i, ++tree) {
      if (is_there) tree->leave_there(bind.looked_at_ns);
    }
  }
}

void SourceMove::for_each_tree(const std::function<void(RootFiles&)>& act) {
  if (root_files_) act(*root_files_);
  for (auto& tree : trees_) act(tree);
}

// By the time of day, in nanoseconds: no task was in the middle of a system call then.
int64_t SourceMove::moment_of_standstill() {
  const auto running = throttle_ ? throttle_->hold_off() : std::unique_lock<std::mutex>();
  const auto still = stand_still()();
  return base::real_ns();
}

// Its files, while it runs.
void SourceMove::send_engine_files() {
  const auto meanwhile = [this] { talk_->throw_if_cancelled(); };
  shared_ssh_->connect();
  if (engine_) define_there();
  const auto still_ns = moment_of_standstill();
  for_each_tree([&](RootFiles& tree) { tree.send(still_ns, meanwhile); });
}

// What was written meanwhile, until little is left for the pause. False: nothing was.
bool SourceMove::catch_up_files() {
  if (!root_files_) return false;
  const auto meanwhile = [this] {
    talk_->throw_if_cancelled();
    talk_->throw_if_target_failed();
  };
  bool any = false;
  double before_ms = 0;
  for (int pass = 0; pass < kMostPasses; ++pass) {
    const auto still_ns = moment_of_standstill();
    const auto start = base::mono_now();
    bool some = false;
    for_each_tree([&](RootFiles& tree) { some |= tree.catch_up(still_ns, meanwhile); });
    any |= some;
    const double ms = base::ms_between(start, base::mono_now());
    if (ms < kShortPassMs || (pass > 0 && ms > before_ms * kIsShorter)) break;
    before_ms = ms;
  }
  for_each_tree([](RootFiles& tree) { tree.stand_by(); });
  return any;
}

// And what of them is new, in the pause; `mapped`: to which it writes by mappings.
void SourceMove::finish_engine_files(const std::vector<std::string>& mapped) {
  const auto meanwhile = [this] { throw_if_target_failed(); };
  for_each_tree([&](RootFiles& tree) { tree.finish_changes(mapped, meanwhile); });
  if (shared_memory_) shared_memory_->send_all(meanwhile);
  send_last_of_log();
}

}  // namespace ferry::migration
