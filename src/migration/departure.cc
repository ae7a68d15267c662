// SPDX-License-Identifier: Apache-2.0
#include "migration/departure.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/log.h"
#include "capsule/spawn.h"
#include "criu/image_set.h"
#include "handover/attachment.h"
#include "handover/relay_talk.h"
#include "kernel/named_network.h"
#include "migration/conversation.h"
#include "migration/dump.h"
#include "migration/network_place.h"
#include "migration/service_place.h"
#include "migration/serving.h"
#include "process/tree.h"
#include "runtime/defining_engine.h"
#include "runtime/engine_environment.h"
#include "transport/bootstrap.h"

namespace ferry::migration {

using base::milliseconds;
using nlohmann::json;
using wire::Outcome;

namespace {

// It waits for a receiver there that is just letting the workload run (arrival.cc: kReceiverEnds).
constexpr milliseconds kTargetSettles{60'000};

void record_as_moved(const runtime::Workload& workload, const Burial& burial) {
  capsule::Record record = workload.record.value_or(capsule::Record{});
  record.name = workload.name;
  record.command = workload.command;
  record.service = workload.service ? workload.service->text() : "";
  record.moved_to = burial.moved_to;
  record.moved_at_ns = base::real_ns();
  record.left_files = burial.left_files;
  if (!workload.record) record.created_ns = record.moved_at_ns;
  capsule::save_record(record);
}

// Of a container; by its name, when it has gone. None: nobody can find it any more.
base::Fd netns_of(const runtime::Workload& workload) {
  if (!workload.container || !workload.identity) return {};
  if (kernel::is_alive(workload.root)) return kernel::open_namespace(workload.root.pid, "net");
  const auto& name = workload.network.name;
  return !name.empty() && kernel::is_network(name) ? base::open_file(name, O_RDONLY) : base::Fd();
}

// Nothing answers here for the address any more: its link goes, and the name of its namespace, which has gone along.
void leave_network(const runtime::Workload& workload, const base::Fd& netns) {
  if (workload.identity) handover::remove_link(workload.network.attachment, *workload.identity, netns);
  const auto& name = workload.network.name;
  if (!workload.container->keep && kernel::is_network(name)) kernel::forget_network(name);
}

}  // namespace

void allow_restarts(const runtime::Workload& workload) noexcept {
  if (!workload.container) return;
  try {
    if (const auto engine = runtime::defining_engine(workload.container->engine)) engine->allow_restarts(*workload.container);
  } catch (const std::exception& failure) {
    base::log("{}: {}", workload.name, failure.what());
  }
}

std::string bury(const runtime::Workload& workload, Frozen& frozen, const kernel::Freezer& freezer, const Burial& burial) {
  std::string untidy;
  const auto attempt = [&untidy](const auto& step) {
    try {
      step();
    } catch (const std::exception& failure) {
      untidy = failure.what();
    }
  };
  base::Fd netns;  // before nothing of it is left that leads there
  attempt([&] { netns = netns_of(workload); });
  if (workload.container) attempt([&] { runtime::oci_engine(workload.container->engine)->dismiss_supervisor(*workload.container); });
  attempt([&] { frozen.kill_all(); });
  attempt([&] { burial.end_criu([&frozen] { frozen.thaw_killed(); }); });
  if (workload.record) attempt([&] { capsule::destroy_capsule(workload.record->init); });
  if (!workload.container) {
    attempt([&] { record_as_moved(workload, burial); });
  } else {
    attempt([&] { runtime::oci_engine(workload.container->engine)->settle(*workload.container); });
    attempt([&] { leave_network(workload, netns); });
  }
  if (workload.service) attempt([&] { handover::unmute(*workload.service); });
  attempt([&] { freezer.remove(); });
  return untidy;
}

json contact_note(const MoveOptions& options) {
  json note = {{"destination", options.destination}, {"ssh_options", options.ssh_options}, {"tunnel", options.tunnel}};
  if (options.ports) note["ports"] = {options.ports->first, options.ports->last};
  return note;
}

namespace {

// Of a container: what leads back, or is to be taken away, when nobody can see any more how it was.
json network_note(const runtime::Workload& workload) {
  if (!workload.container) return {};
  json note = {{"name", workload.network.name.string()}};
  if (workload.identity) {
    note["identity"] = to_note(*workload.identity);
    note["attachment"] = to_note(workload.network.attachment);
  }
  if (const auto& published = workload.network.published)
    note["published"] = {{"inside", to_note(published->inside)}, {"attachment", to_note(published->attachment)}};
  return note;
}

void take_network(const json& note, runtime::Workload& workload) {
  if (!note.is_object()) return;
  workload.network.name = note.value("name", "");
  if (note.contains("published"))
    workload.network.published = {noted_identity(note["published"]["inside"]), noted_attachment(note["published"]["attachment"]), {}};
  if (!note.contains("identity")) return;
  workload.identity = workload.network.identity = noted_identity(note["identity"]);
  workload.network.attachment = noted_attachment(note.at("attachment"));
}

}  // namespace

json workload_note(const runtime::Workload& workload) {
  return {{"name", workload.name},
          {"command", workload.command},
          {"root", to_note(workload.root)},
          {"capsule", workload.is_capsule()},
          {"init", to_note(workload.record ? workload.record->init : kernel::ProcessId{})},
          {"container", workload.container ? to_note(*workload.container) : json()},
          {"network", network_note(workload)},
          {"service", workload.service ? to_note(*workload.service) : json()}};
}

json serves_note(const ServedSpaces& spaces) {
  json note = json::array();
  for (const auto& [space, process] : spaces) note.push_back({{"space", space}, {"process", to_note(process)}});
  return note;
}

json origins_note(const Frozen::Origins& origins) {
  json note = json::array();
  for (const auto& one : origins) note.push_back({{"pid", one.pid}, {"cgroup", one.cgroup}});
  return note;
}

MoveOptions contact_of(const Logbook& book) {
  const json* found = book.find(kNoteContact);
  if (!found) return {};
  const json& note = *found;
  MoveOptions options;
  options.destination = note.value("destination", "");
  options.ssh_options = note.value("ssh_options", std::vector<std::string>{});
  options.tunnel = note.value("tunnel", false);
  if (note.contains("ports")) options.ports = {note["ports"].at(0), note["ports"].at(1)};
  return options;
}

namespace {

runtime::Workload workload_from(const json& note) {
  runtime::Workload workload;
  workload.name = note.value("name", "");
  workload.command = note.value("command", "");
  workload.root = process_from(note.at("root"));
  if (note.value("capsule", false)) workload.record = capsule::find_record(workload.name);
  if (note.contains("container") && note["container"].is_object()) workload.container = runtime::oci_container_from(note["container"]);
  if (workload.record) workload.identity = runtime::identity_of(*workload.record);
  take_network(note.value("network", json()), workload);
  if (note.contains("service") && note["service"].is_object()) workload.service = noted_host_address(note["service"]);
  return workload;
}

Frozen::Origins origins_from(const Logbook& book) {
  Frozen::Origins origins;
  if (const auto* note = book.find(kNoteOrigins)) {
    for (const auto& one : *note) origins.push_back({one.value("pid", 0), one.value("cgroup", "")});
  }
  return origins;
}

}  // namespace

Outcome ask_target(const MoveOptions& contact, const std::string& job) {
  transport::ConnectOptions how;
  how.ssh_options = contact.ssh_options;
  how.ports = contact.ports;
  how.tunnel = contact.tunnel;
  how.wake_fd = contact.wake_fd;
  const auto destination = transport::parse_destination(contact.destination);
  transport::Peer peer = transport::connect(destination, how, [](std::string_view) {});
  Conversation talk(peer.link, destination.host, contact.wake_fd);
  wire::ToTarget question;
  question.mutable_settle()->set_job(job);
  talk.send(question);
  const auto answer = talk.receive_from_target(kTargetSettles, "its word on the copy there");
  if (!answer.has_outcome()) throw BrokenProtocol("it did not say what has become of the copy there");
  return answer.outcome();
}

namespace {

class Departure {
 public:
  explicit Departure(const Logbook& book)
      : book_(book),
        state_(source_state(book.state).value_or(Source::kPreparing)),
        walk_(Walk<Source, SourceEvent>::resume(state_, Journal::reopen(Role::kSource, book.note.job))) {
    if (const auto* note = book.find(kNoteWorkload)) workload_ = workload_from(*note);
    if (const auto& container = workload_.container) engine_.emplace(container->engine, container->environment);
  }

  Resolution settle(Decision decision) {
    result_ = {book_.note.job, book_.note.name, "source", book_.note.peer, "", "", false};
    if (!criu_has_ended()) return leave("CRIU still holds it", false);
    if (state_ == Source::kAborted) return go_on("its ferry was killed while it gave the move up", {});
    if (state_ == Source::kServing) return serve_on(fmt::format("it runs on {}, and needs memory from here", book_.note.peer), decision);
    if (state_ == Source::kDone) return end_here(fmt::format("it runs on {}", book_.note.peer), {});
    if (is_before_commit(state_)) return go_on("its ferry was killed before the commit point", SourceEvent::kFailed);
    if (decision == Decision::kRunHere) return go_on("you say that it does not run there", SourceEvent::kNeverRan);
    if (decision == Decision::kDropHere) return end_here("you say that it runs there", SourceEvent::kRunning);
    return settle_by_target();
  }

 private:
  // Its ferry gone, CRIU comes to an end by itself, and takes its sockets out of repair mode; killed in the middle it would
  // leave its parasite in the tasks.
  bool criu_has_ended() const {
    const auto criu = book_.process(kNoteCriu);
    const auto limit = state_limit(is_here() ? process::memory_bytes(process::read_tree(workload_.root.pid)) : 0);
    return !criu || kernel::ends_within(*criu, limit);
  }

  Resolution settle_by_target() {
    Outcome told;
    try {
      told = ask_target(contact_of(book_), book_.note.job);
    } catch (const base::Error& unreachable) {
      return leave(fmt::format("{} cannot be asked: {}", book_.note.peer, unreachable.what()));
    }
    const std::string found = fmt::format("{} says: {}", told.host(), told.text());
    switch (told.fate()) {
      case Outcome::NEVER_RAN: return go_on(found, SourceEvent::kNeverRan);
      case Outcome::RUNS:
        if (!book_.has(kNoteServes)) return end_here(found, SourceEvent::kRunning);
        walk_.step(SourceEvent::kRunningFar);
        return serve_on(found, Decision::kAskTarget);
      case Outcome::ENDED: return end_here(found, SourceEvent::kRunning);
      default: return leave(found);
    }
  }

  // Post-copy: it runs there and nowhere else, whoever says what; only its memory is here.
  Resolution serve_on(const std::string& found, Decision decision) {
    if (!is_here()) return leave(found + ", which has gone with this host's restart", false);
    if (decision == Decision::kRunHere) return leave(found + ": it cannot run here as well", false);
    ServedSpaces spaces;
    if (const auto* note = book_.find(kNoteServes)) {
      for (const auto& one : *note) spaces.emplace(one.value("space", 0), process_from(one.at("process")));
    }
    const auto contact = contact_of(book_);
    Serving serving(contact, book_.note.job, spaces, [](std::string_view text) { base::log("{}", text); });
    try {
      serving.wait_until_arrived(milliseconds(0), [](uint64_t) {});
    } catch (const std::exception& failure) {
      if (decision == Decision::kDropHere) return end_here("you say that it is not needed any more", SourceEvent::kArrived);
      return leave(fmt::format("{}: {}", found, failure.what()), false);
    }
    serving.stop();
    return end_here(fmt::format("{}: it has all of it now", found), SourceEvent::kArrived);
  }

  Resolution leave(const std::string& found, bool in_doubt = true) {
    if (in_doubt && state_ != Source::kInDoubt) walk_.step(SourceEvent::kFailed);
    result_.found = found;
    result_.done = "nothing: the copy here stays frozen and does not run";
    result_.is_open = true;
    return result_;
  }

  // The journal says it before a task runs: from then on the target's answer can only be the same.
  Resolution go_on(const std::string& found, std::optional<SourceEvent> step) {
    if (step && !is_before_commit(state_)) walk_.step(*step);
    result_.found = found;
    if (!is_here()) {
      result_.done = "nothing: it does not run here any more";
      if (workload_.service && book_.same_boot) take_back_address();
    } else {
      if (const auto freezer = Frozen::find_freezer(workload_)) {
        Frozen(workload_, *freezer, origins_from(book_), Frozen::LeftBehind{}).give_back();
        let_relay_go_on();
        if (!workload_.has_own_cgroup()) freezer->remove();
      }
      result_.done = "it goes on here";
    }
    allow_restarts(workload_);
    return finish(is_before_commit(state_) ? step : std::nullopt);
  }

  // A ferry that was about to take it home has it hold what comes.
  void let_relay_go_on() const {
    const auto relay = handover::find_relay(workload_.name, handover::RelayEnd::kExit);
    if (!relay) return;
    try {
      handover::LineHome(*relay).go_on();
    } catch (const std::exception& gone) {
      base::log("{}", gone.what());
    }
  }

  // It is this host's, whatever has become of the workload.
  void take_back_address() {
    const auto gate = workload_.gate();
    gate->open();
    gate->announce();
    result_.done += fmt::format("; this host has the address {} again", workload_.service->text());
  }

  Resolution end_here(const std::string& found, std::optional<SourceEvent> step) {
    if (step) walk_.step(*step);
    result_.found = found;
    result_.done = "the frozen copy here was removed";
    if (workload_.container && !Frozen::find_freezer(workload_)) {
      runtime::oci_engine(workload_.container->engine)->settle(*workload_.container);
      if (book_.same_boot) leave_network(workload_, netns_of(workload_));  // else it has gone, and what has those names now is another one
    } else if (is_still_the_same()) {
      const auto freezer = Frozen::freezer_of(workload_);
      Frozen frozen(workload_, freezer, {}, Frozen::LeftBehind{});
      std::vector<std::string> leaves;
      if (const auto* note = book_.find(kNoteLeaves)) leaves = note->get<std::vector<std::string>>();
      const std::string untidy = bury(workload_, frozen, freezer, {book_.note.peer, leaves});
      if (!untidy.empty()) result_.done += fmt::format(", but not all of it: {}", untidy);
    }
    if (workload_.service && book_.same_boot) handover::unmute(*workload_.service);
    return finish({});
  }

  Resolution finish(std::optional<SourceEvent> step) {
    criu::ImageSet::sweep(book_.note.job);
    for (const auto& [key, value] : book_.notes) {
      std::error_code gone;
      if (key == kNoteMark) std::filesystem::remove(value.get<std::string>(), gone);
    }
    if (step) walk_.step(*step);
    walk_.journal().note(kNoteTidy, true);
    return result_;
  }

  // Its tasks may be dead already; but under its name there is no later workload, which has come back or was started since.
  bool is_still_the_same() const {
    if (is_here()) return true;
    const auto* note = book_.find(kNoteWorkload);
    if (!note || !book_.same_boot) return false;
    if (!note->value("capsule", false)) return true;
    return workload_.record && workload_.record->init == process_from(note->at("init"));
  }
  bool is_here() const { return workload_.root.pid > 0 && book_.same_boot && kernel::is_alive(workload_.root); }

  const Logbook& book_;
  Source state_;
  Walk<Source, SourceEvent> walk_;
  runtime::Workload workload_;
  std::optional<runtime::EngineEnvironmentInForce> engine_;
  Resolution result_;
};

}  // namespace

Resolution settle_departure(const Logbook& book, Decision decision) { return Departure(book).settle(decision); }

}  // namespace ferry::migration
