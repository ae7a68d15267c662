// SPDX-License-Identifier: Apache-2.0
//
// The target's half of a move as one object: target.cc has what happens in the order in which it happens, target_abort.cc what happens
// when it does not.
#pragma once

#include <optional>

#include "capsule/spawn.h"
#include "handover/identity.h"
#include "handover/relay_process.h"
#include "migration/container_place.h"
#include "migration/conversation.h"
#include "migration/guard.h"
#include "migration/incoming.h"
#include "migration/logbook.h"
#include "migration/memory_arrival.h"
#include "migration/parking_arrival.h"
#include "migration/restore.h"
#include "migration/service_place.h"
#include "migration/target.h"
#include "transport/bootstrap.h"

namespace ferry::migration {

class TargetMove {
 public:
  explicit TargetMove(transport::Accepted& source)
      : source_(source), talk_(source.link, "the source", transport::kNoWake) {}

  bool run();

 private:
  base::milliseconds silence_limit() const;
  void serve(const transport::Frame& frame);
  void answer_clock();
  void answer_mark();
  void answer_engine_start();
  void answer_settle(const wire::Settle& question);

  // In the order in which things happen.
  void prepare(const wire::Plan& plan);
  void open_journal();
  std::vector<std::string> check(const wire::Plan& plan);
  void require_free_name(const std::string& name);
  void make_capsule();
  void make_place();
  void define_engine();
  void start_engine();
  void append_log();
  criu::Pages pages() const;
  void take_identity();
  void make_port();
  void adopt_port();
  void guard_port();
  void make_relay_exit();
  void find_way_home();
  void free_ports();
  void make_service();
  std::string make_parking();
  void accept_parking();
  void restore(const wire::Restore& request);
  void pin(const wire::Pinned& pinned, wire::Restored& answer);
  void set_up_sockets(const wire::Restore& request, wire::Restored& answer);
  void resume();
  void require_engine() const;
  void change_addresses();
  void open_gate();
  void prepare_relay();
  void serve_relay();
  void try_relay(const std::function<void()>& act);
  void settle_address();
  void conclude();
  void tell_peers();
  void settle();
  capsule::Record arrival_record() const;

  // When they do not.
  void abort();
  void end(TargetEvent event, const std::exception& failure);
  bool has_run_all_the_same();
  void end_job();
  void tear_down();
  std::vector<pid_t> tasks() const;  // that CRIU has built
  void tell_failure(const std::exception& failure, bool never_ran);

  transport::Accepted& source_;
  Conversation talk_;
  bool finished_ = false;
  wire::Outcome::Fate verdict_ = wire::Outcome::UNKNOWN;
  wire::Plan plan_;
  std::optional<runtime::EngineEnvironmentInForce> engine_in_force_;  // of a container
  std::optional<capsule::Lock> lock_;
  std::optional<capsule::Record> earlier_;  // of the same name, from an earlier stay
  std::optional<Walk<Target, TargetEvent>> walk_;
  std::optional<Guard> guard_;
  base::Fd netns_;  // of a workload with an identity or a container with a named network
  std::optional<handover::Identity> identity_;
  std::optional<handover::Attachment> attachment_;  // of the identity
  std::optional<ServicePlace> service_;  // without an identity: the host's address that comes with it
  std::unique_ptr<handover::Gate> gate_;
  std::optional<handover::Parking> parking_device_;
  std::optional<ParkingArrival> parking_;
  std::optional<handover::RelayExit> relay_;
  std::optional<handover::LineHome> home_;  // to the entrance of the relay that leads from here to the source
  std::optional<criu::ImageSet> images_;
  std::optional<SharedArrival> shared_;
  std::optional<Incoming> incoming_;
  std::optional<MemoryArrival> memory_;  // none: CRIU's images hold the memory
  std::optional<kernel::Freezer> freezer_;
  std::optional<capsule::Capsule> capsule_;
  std::optional<ContainerPlace> place_;  // of a container, instead of a capsule
  runtime::OciFiles engine_files_;       // of a container whose engine was given its definition
  std::optional<HeldRestore> restore_;
};

}  // namespace ferry::migration
