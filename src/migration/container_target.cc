// SPDX-License-Identifier: Apache-2.0
#include "migration/container_target.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdio>

#include "base/fault.h"
#include "base/log.h"
#include "handover/identity.h"
#include "migration/container_check.h"
#include "migration/host.h"
#include "migration/resolve.h"

namespace ferry::migration {

using base::milliseconds;
using transport::FrameType;

namespace {

constexpr milliseconds kSourceSilence{30 * 60'000};  // it saves an image, or its engine writes a large checkpoint
constexpr milliseconds kGrantLimit{20'000};          // from "restored" to the grant it only writes one line
constexpr milliseconds kFarewellLimit{60'000};       // it removes its copy first
constexpr milliseconds kSourceReads{20'000};

}  // namespace

bool ContainerTarget::run() {
  try {
    prepare();
    while (!finished_) serve(talk_.receive(silence_limit(), "the next step"));
  } catch (const LinkLost& lost) {
    end(TargetEvent::kLinkLost, lost);
  } catch (const std::exception& failure) {
    end(TargetEvent::kFailed, failure);
  }
  end_job();
  return walk_ && walk_->state() == Target::kRunning;
}

milliseconds ContainerTarget::silence_limit() const {
  if (walk_->state() == Target::kRestored) return kGrantLimit;
  if (walk_->state() == Target::kRunning) return kFarewellLimit;
  return kSourceSilence;
}

void ContainerTarget::serve(const transport::Frame& frame) {
  if (frame.type == FrameType::kData) {
    if (!sink_) throw BrokenProtocol("data that belongs to nothing");
    FAULT_POINT("target.chunk");
    return sink_->take(frame.payload);
  }
  wire::ToTarget message;
  if (!message.ParseFromString(std::string(frame.text()))) throw BrokenProtocol("a message cannot be read");
  switch (message.kind_case()) {
    case wire::ToTarget::kContainerPart: return begin_part(message.container_part());
    case wire::ToTarget::kContainerPartEnd: return end_part();
    case wire::ToTarget::kContainerCreate: return create();
    case wire::ToTarget::kFreeze: return walk_->step(TargetEvent::kFrozen);
    case wire::ToTarget::kContainerRestore: return restore(message.container_restore());
    case wire::ToTarget::kGrant: return resume();
    case wire::ToTarget::kAbort: return abort();
    case wire::ToTarget::kFarewell:
      if (walk_->state() != Target::kRunning) throw BrokenProtocol("a farewell before the end");
      finished_ = true;
      return;
    default: throw BrokenProtocol("a message that has no place in a container's move");
  }
}

void ContainerTarget::prepare() {
  capsule::check_name("job-" + plan_.job());  // becomes part of a path
  const auto name = runtime::parse_container(plan_.engine() + ":" + plan_.name());
  if (!name || plan_.checkpoint() != "ferry-" + plan_.job()) throw BrokenProtocol("an impossible plan");
  const auto lock = runtime::lock_name(*name);
  refuse_if_any(name->text(), to_itself(plan_.source_id()));  // else the source's own lock would be in the way
  lock_ = capsule::Lock::take(lock, "receive", plan_.job());
  for (const auto& one : finish_earlier_jobs(lock)) base::log("{}: {}: {}", one.job, one.found, one.done);
  copy_.emplace(ContainerNote{*name, "", plan_.checkpoint(), "", {}, false});
  const auto findings = look_here(copy_->engine(), plan_);
  refuse_if_any(name->text(), findings.reasons);
  configuration_ = nlohmann::json::parse(plan_.configuration());
  copy_->note().restarts = copy_->engine().restart_policy(configuration_);
  walk_.emplace(Target::kPreparing, Journal::create(Role::kTarget, {plan_.job(), name->text(), plan_.source_host(), lock}));
  note_copy();
  guard_.emplace(Role::kTarget, plan_.job());
  FAULT_POINT("target.preparing");
  wire::ToSource answer;
  *answer.mutable_container_ready() = ready_for(copy_->engine(), plan_);
  for (const auto& warning : findings.warnings) answer.mutable_container_ready()->add_warnings(warning);
  talk_.send(answer);
}

void ContainerTarget::note_copy() { walk_->journal().note(kNoteContainer, to_note(copy_->note())); }

void ContainerTarget::begin_part(const wire::ContainerPart& part) {
  if (sink_) throw BrokenProtocol("a part within another one");
  auto& engine = copy_->engine();
  if (part.kind() == wire::ContainerPart::IMAGE) {
    sink_ = PartSink::into_command(engine.load_image_command());
    return;
  }
  const auto& id = copy_->note().id;
  if (id.empty()) throw BrokenProtocol("a part of a container that has not been made");
  if (part.kind() == wire::ContainerPart::LAYER) {
    const auto layer = engine.writable_layer(id);
    if (layer.empty()) throw BrokenProtocol("a writable layer that has no place here");
    sink_ = PartSink::into_command(
        {"tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--sparse", "-C", layer.string(), "-xpf", "-"});
    return;
  }
  if (part.kind() == wire::ContainerPart::LOG) {
    const auto log = engine.log_path(id);
    sink_ = PartSink::into_file(log.empty() ? "/dev/null" : log, part.mode(), true);
    return;
  }
  const bool plain = !part.path().empty() && part.path().find('/') == std::string::npos && part.path()[0] != '.';
  if (!plain) throw BrokenProtocol(fmt::format("\"{}\" is no image's name", part.path()));
  const auto directory = engine.checkpoint_directory(id, copy_->note().checkpoint);
  std::filesystem::create_directories(directory);
  ::chmod(directory.c_str(), 0700);  // what was in its memory is nobody else's business
  sink_ = PartSink::into_file(directory / part.path(), part.mode(), false);
}

void ContainerTarget::end_part() {
  if (!sink_) throw BrokenProtocol("the end of no part");
  sink_->finish();
  sink_.reset();
}

// The engine must find the image by its content: a name may mean another one here.
void ContainerTarget::create() {
  auto& engine = copy_->engine();
  if (!engine.has_image(plan_.image_id())) {
    throw base::Error({fmt::format("{} has not kept the image {}", plan_.engine(), plan_.image_name()),
                       fmt::format("after loading it there is none of the content {}", plan_.image_id()),
                       "both daemons must store images the same way", {}, {}});
  }
  const bool by_name = !plan_.image_name().empty() && engine.image_of_name(plan_.image_name()) == plan_.image_id();
  copy_->note().id = engine.create(plan_.name(), by_name ? plan_.image_name() : plan_.image_id(), configuration_);
  FAULT_POINT("target.created");
  note_copy();
  walk_->step(TargetEvent::kPrepared);
  FAULT_POINT("target.ready");
  wire::ToSource answer;
  answer.mutable_ready()->set_host(host_name());
  talk_.send(answer);
}

void ContainerTarget::restore(const wire::ContainerRestore& request) {
  if (sink_) throw BrokenProtocol("a part has not come whole");
  walk_->step(TargetEvent::kRestoreAsked);
  FAULT_POINT("target.restoring");
  copy_->note().exec_mark = request.exec_mark();
  note_copy();
  walk_->step(TargetEvent::kBuilt);
  wire::ToSource answer;
  answer.mutable_restored();
  talk_.send(answer);
}

// The point of no return is the journal's line: the engine lets go what it restores.
void ContainerTarget::resume() {
  walk_->step(TargetEvent::kGranted);
  FAULT_POINT("target.resuming");
  start_and_verify();
  FAULT_POINT("target.started");
  announce();
  conclude();
  FAULT_POINT("target.running");
}

void ContainerTarget::start_and_verify() {
  copy_->engine().restore(copy_->note().id, copy_->note().checkpoint);
  const auto state = copy_->look();
  if (state == ContainerCopy::State::kRuns) return;
  throw base::Error({fmt::format("{} did not go on here", plan_.name()),
                     state == ContainerCopy::State::kFresh ? fmt::format("{} started it afresh instead of restoring it", plan_.engine())
                                                           : std::string("it is not running after the restore"),
                     fmt::format("look at the log of {} there", plan_.engine()), {}, {}});
}

// Else the segment's switches send what is for its address to where it was, until it speaks.
void ContainerTarget::announce() {
  try {
    const auto here = copy_->engine().find(copy_->note().id);
    if (!here || here->address.empty()) return;
    const auto identity = handover::parse_identity(here->address, kernel::MacAddr::parse(here->mac), "");
    handover::Announcer(kernel::open_namespace(here->root_pid, "net").get(), identity).announce();
  } catch (const std::exception& failure) {
    base::log("not announced: {}", failure.what());
  }
}

// It runs. Nothing that fails from here on changes that.
void ContainerTarget::conclude() {
  wire::ToSource answer;
  const int64_t now = base::mono_ns();
  answer.mutable_running()->set_resumed_monotonic_ns(now);
  try {
    walk_->journal().note(kNoteResumed, now);
  } catch (const std::exception& failure) {
    base::log("the journal: {}", failure.what());
  }
  walk_->step_if_writable(TargetEvent::kResumed);
  try {
    talk_.send(answer);
  } catch (const std::exception& gone) {
    base::log("the source was not told: {}", gone.what());  // it will ask
  }
  try {
    copy_->settle_in();
    if (!copy_->engine().reads_log(copy_->note().id)) base::log("{} cannot read the log of {}", plan_.engine(), plan_.name());
  } catch (const std::exception& failure) {
    base::log("after the move: {}", failure.what());
  }
}

// Past the point of no return an abort comes too late, and changes nothing.
void ContainerTarget::abort() {
  if (walk_->state() >= Target::kResuming) return;
  if (!remove_copy()) throw base::Error({"the copy here cannot be removed", "", "", {}, {}});
  walk_->step(TargetEvent::kAbortAsked);
  finished_ = true;
  tell_failure(Cancelled(), true);
}

void ContainerTarget::end(TargetEvent event, const std::exception& failure) {
  if (walk_ && walk_->state() == Target::kRunning) return;  // the link no longer matters
  // Reaches the source through SSH, should the link be broken. Not fmt::print: it throws when nobody listens any more.
  std::fprintf(stderr, "ferry: %s\n", failure.what());
  try {
    if (walk_ && walk_->state() == Target::kResuming && has_run_all_the_same()) return;
    const bool dead = !may_have_run_ && remove_copy();
    if (dead && walk_) walk_->step(walk_->state() == Target::kResuming ? TargetEvent::kFailed : event);
    tell_failure(failure, dead);
    for (;;) (void)talk_.receive(kSourceReads, "the end");
  } catch (const std::exception& gone) {
    base::log("the end of the session: {}", gone.what());
  }
}

// The engine, or the way to it, failed while it started the container. What runs decides.
bool ContainerTarget::has_run_all_the_same() {
  const auto state = copy_->look();
  may_have_run_ = state == ContainerCopy::State::kStopped;
  if (state == ContainerCopy::State::kRuns) conclude();
  return state == ContainerCopy::State::kRuns;
}

// True: gone for sure.
bool ContainerTarget::remove_copy() noexcept {
  sink_.reset();
  if (!walk_) return true;  // nothing was made
  try {
    copy_->remove();
    return true;
  } catch (const std::exception& failure) {
    base::log("the copy here: {}", failure.what());
    return false;
  }
}

void ContainerTarget::tell_failure(const std::exception& failure, bool never_ran) {
  wire::ToSource message;
  *message.mutable_failure() = to_failure(failure, never_ran);
  message.mutable_failure()->set_host(host_name());
  talk_.send(message);
}

// What is unfinished, the guard or a person finishes.
void ContainerTarget::end_job() {
  if (!walk_) return;
  const bool ended = is_end(walk_->state());
  try {
    if (ended) walk_->journal().note(kNoteTidy, true);
  } catch (const std::exception& failure) {
    base::log("the journal: {}", failure.what());
  }
  if (ended && guard_) guard_->dismiss();
}

}  // namespace ferry::migration
