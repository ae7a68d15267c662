// SPDX-License-Identifier: Apache-2.0
//
// Until the target is ready: what moves is found, the way is made, and both sides know what the other needs. Nothing of the workload is touched.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/fault.h"
#include "migration/check.h"
#include "migration/common_files.h"
#include "migration/host.h"
#include "migration/memory_arrival.h"
#include "migration/page_puller.h"
#include "migration/resolve.h"
#include "migration/requirements.h"
#include "migration/service_place.h"
#include "migration/source_move.h"

namespace ferry::migration {

namespace {

constexpr base::milliseconds kTargetPrepares{30'000};

}  // namespace

void SourceMove::prepare() {
  report_.source = host_name();
  report_.job = new_job_id();
  lock_ = capsule::Lock::take(runtime::lock_name(options_.what), "move", report_.job);
  clock_.start("prepare");  // said to whoever watches: from here on the move can be cancelled
  base::prepare_to_throw();
  finish_earlier_jobs();
  wait_for_settling(runtime::lock_name(options_.what), options_.wake_fd, observer_.notice);
  subject_ = find_subject(options_);
  report_.tcp = {name_of(options_.tcp), subject_.connections.size()};
  report_.name = subject_.workload.name;
  if (subject_.workload.service) report_.service_address = subject_.workload.service->text();
  if (subject_.workload.container) find_root_files();
  report_.memory_bytes = subject_.memory.whole;
  choose_mode();
  connect();
  require_direct_way();
  require_way_for_relay();
  // Again: by the way that was just made, say.
  if (subject_.workload.service) refuse_if_any(report_.name, other_users_of(*subject_.workload.service, subject_.view));
  FAULT_POINT("source.connected");
  open_journal();
  target_ahead_ = measure_clocks(*talk_);
  images_.emplace(report_.job, subject_.memory.images);
  wire::ToTarget message;
  *message.mutable_plan() = make_plan(subject_, report_.job, target_ahead_);
  std::optional<StorageMarks> marks(std::in_place, subject_.view, subject_.files, [this](const std::string& path) { walk_->journal().note(kNoteMark, path); });
  marks->describe(*message.mutable_plan()->mutable_requirements());
  if (subject_.memory.by_ferry) message.mutable_plan()->mutable_memory()->set_lanes(lanes());
  choose_parking();
  make_entrance();
  message.mutable_plan()->set_parking(report_.parking.on);
  talk_->send(message);
  FAULT_POINT("source.planned");
  const auto answer = talk_->receive_from_target(kTargetPrepares, "its preparations");
  report_.target = answer.ready().host();
  find_way_home();
  needs_image_ = answer.ready().needs_image();
  marks.reset();
  if (subject_.workload.container) leave_present(answer.ready());
  common_files_.learn(subject_.workload.root.pid, answer.ready().present(), subject_.files);
  for (const auto& warning : answer.ready().warnings()) observer_.notice(fmt::format("on {}: {}", report_.target, warning));
  if (report_.parking.on) open_parking(answer.ready());
  if (subject_.memory.by_ferry) open_lanes();
  if (rounds_) shared_copy_.emplace(*talk_, memory_->shared_writes(), options_.bandwidth);
  image_sender_.emplace(*talk_, options_.bandwidth);
  FAULT_POINT("source.prepared");
  walk_->step(SourceEvent::kReady);
}

void SourceMove::finish_earlier_jobs() {
  for (const auto& one : migration::finish_earlier_jobs(runtime::lock_name(options_.what))) {
    observer_.notice(fmt::format("an earlier move of {} was cut off ({}): {}", one.name, one.found, one.done));
  }
}

// From here on whatever happens to this process, the job can be finished by another one.
void SourceMove::open_journal() {
  const std::string lock = runtime::lock_name(options_.what);
  auto journal = Journal::create(Role::kSource, {report_.job, report_.name, transport::parse_destination(options_.destination).host, lock});
  report_.journal = journal.path().string();
  journal.note(kNoteContact, contact_note(options_));
  journal.note(kNoteWorkload, workload_note(subject_.workload));
  walk_.emplace(Source::kPreparing, std::move(journal));
  guard_.emplace(Role::kSource, report_.job);
}

void SourceMove::connect() {
  transport::ConnectOptions how;
  how.ssh_options = options_.ssh_options;
  how.ports = options_.ports;
  how.tunnel = options_.tunnel;
  how.faults = base::fault_specification();
  how.wake_fd = options_.wake_fd;
  const auto destination = transport::parse_destination(options_.destination);
  peer_.emplace(transport::connect(destination, how, observer_.notice));
  report_.target = destination.host;
  report_.via = peer_->way == transport::Way::kDirect ? "tls" : "ssh";
  talk_.emplace(peer_->link, destination.host, options_.wake_fd);
}

// What this kernel can track and this CRIU can leave to us decides how much of the memory goes before the freeze.
void SourceMove::choose_mode() {
  tracking_ = memory::probe();
  const bool can_track = tracking_.backend != memory::Backend::kNone;
  const bool wants_rounds = options_.mode != Mode::kStop && options_.mode != Mode::kPost;
  const bool wants_post_copy = options_.mode == Mode::kHybrid || options_.mode == Mode::kPost;
  rounds_ = wants_rounds && can_track && subject_.memory.by_ferry;
  post_copy_ = wants_post_copy && subject_.memory.by_ferry;
  if (rounds_ != wants_rounds || post_copy_ != wants_post_copy) {
    const auto& why = subject_.memory.by_ferry ? tracking_.why : subject_.memory.why_not;
    if (wants_post_copy) {
      base::refuse(fmt::format("cannot fetch the memory of {} after it runs there", subject_.workload.name), why, "use --mode stop");
    }
    if (options_.mode == Mode::kPre) {
      base::refuse(fmt::format("cannot copy the memory of {} while it runs", subject_.workload.name), why, "use --mode stop");
    }
    observer_.notice(fmt::format("all memory goes within the pause: {}", why));
  }
  if (rounds_) {
    report_.throttle.most_percent = options_.throttle;
    report_.tracking = memory::to_string(tracking_.backend);
    base::log("what is written is told by {}{}", report_.tracking, tracking_.why.empty() ? "" : fmt::format(" ({})", tracking_.why));
  }
  report_.mode = post_copy_ ? (rounds_ ? "hybrid" : "post") : (rounds_ ? "pre" : "stop");
}

// Faults must not queue up behind other pages, and the pipe is one queue.
void SourceMove::require_direct_way() const {
  if (!post_copy_ || peer_->way == transport::Way::kDirect) return;
  base::refuse(fmt::format("cannot move {} in mode {}", report_.name, report_.mode),
               "what is fetched later needs direct connections, and there is only the SSH pipe", "use --mode pre, or allow a port (--port)");
}

// What is relayed goes by connections of its own.
void SourceMove::require_way_for_relay() {
  if (!subject_.workload.network.published || peer_->way == transport::Way::kDirect) return;
  const auto& published = subject_.workload.network.published;
  const auto leads_to = [&](const auto& connection) { return published->leads_to(connection); };
  const bool is_needed = options_.tcp == process::TcpPolicy::kKeep && std::ranges::any_of(subject_.connections, leads_to);
  if (is_needed) {
    base::refuse(fmt::format("cannot keep the connections of {}", report_.name),
                 "they are to be relayed by this host, which needs direct connections, and there is only the SSH pipe",
                 "allow a port (--port), or let them end (--tcp close)");
  }
  observer_.notice("its published ports end here: to relay them needs a direct connection");
  subject_.workload.network.published.reset();
}

int SourceMove::lanes() const {
  if (peer_->way != transport::Way::kDirect) return 0;
  return post_copy_ ? std::max(options_.lanes, kFewestPullLanes) : options_.lanes;
}

void SourceMove::choose_parking() {
  auto& parking = report_.parking;
  if (!subject_.workload.identity && !subject_.workload.service) {
    parking.why_not = "it has no address that moves with it";
  } else if (!options_.parking) {
    parking.why_not = "--no-parking";
  } else if (peer_->way != transport::Way::kDirect) {
    parking.why_not = "through the SSH pipe there is no lane for it";
    observer_.notice("packets that arrive in the pause are dropped: parking needs a direct connection");
  } else {
    parking.why_not = subject_.workload.why_no_diversion();
    parking.on = parking.why_not.empty();
    if (!parking.on) observer_.notice(fmt::format("packets that arrive in the pause are dropped: {}", parking.why_not));
  }
}

void SourceMove::open_parking(const wire::Ready& target) {
  auto& parking = report_.parking;
  parking.on = false;
  parking.why_not = target.no_parking();
  try {
    if (parking.why_not.empty()) parking_.emplace(transport::open_lane(peer_->endpoint, peer_->key), subject_.workload);
  } catch (const base::SysError& failure) {
    parking.why_not = failure.what();
  }
  parking.on = parking_.has_value();
  if (!parking.on) observer_.notice(fmt::format("packets that arrive in the pause are dropped: {}", parking.why_not));
}

// What comes by a relay of the target's own goes home with it; that of another host ends, and must have had no connection.
void SourceMove::find_way_home() {
  const auto relay = handover::find_relay(report_.name, handover::RelayEnd::kExit);
  if (!relay || options_.tcp == process::TcpPolicy::kClose) return;
  if (relay->peer == report_.target && subject_.workload.network.published) {
    home_.emplace(*relay);
  } else if (relay->connections > 0) {
    refuse_if_any(report_.name, {relay_in_the_way(*relay)});
  }
}

// So that what is in its way is known in time.
void SourceMove::make_entrance() {
  const auto& published = subject_.workload.network.published;
  if (!published) return;
  entrance_.emplace(report_.name, published->ports, published->attachment.segment);
}

void SourceMove::open_lanes() {
  std::vector<transport::Link> opened;
  for (int i = 0; i < lanes(); ++i) opened.push_back(transport::open_lane(peer_->endpoint, peer_->key));
  memory_.emplace(subject_.workload.root.pid, memory::WorkloadTracker(tracking_, stand_still()), std::move(opened), *talk_,
                  options_.bandwidth);
}

}  // namespace ferry::migration
