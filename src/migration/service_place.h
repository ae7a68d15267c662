// SPDX-License-Identifier: Apache-2.0
//
// A service address on the two hosts of a move: what is told, noted and asked of it, and its place
// at the target. Each step there is noted before it is made, so that whoever finishes the job of a
// ferry that has gone takes it back.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "handover/address_barrier.h"
#include "migration/logbook.h"
#include "migration/wire.pb.h"
#include "process/reason.h"
#include "process/view.h"
#include "runtime/workload.h"

namespace ferry::migration {

// At the source: what was named by --address (empty: what the workload has come here with), found
// on this host and put into the workload. All that is against it.
process::Reasons take_service(const std::string& address, const process::View& view,
                              runtime::Workload& workload);
// Sockets of others that are bound to it: they would lose it. Also this ferry's own way to the
// target.
process::Reasons other_users_of(const handover::HostAddress& here, const process::View& view);
void describe(const handover::HostAddress& here, wire::ServiceAddress& told);

// At the target: is it nobody else's, and is there an interface for it on the same segment? Waits
// as identity_reasons() does.
process::Reasons service_reasons(const wire::ServiceAddress& told);

nlohmann::json to_note(const handover::HostAddress& here);
handover::HostAddress noted_host_address(const nlohmann::json& note);

// At the target. Shut: behind a barrier.
class ServicePlace {
 public:
  // Throws Error (refused) when no interface of this host is in its network.
  explicit ServicePlace(const wire::ServiceAddress& told);
  static std::optional<ServicePlace> of(const Logbook& book);

  nlohmann::json note() const;
  const handover::HostAddress& here() const { return here_; }
  handover::AddressBarrier barrier() const { return handover::AddressBarrier(here_); }
  void will_be_on() { is_on_ = true; }  // noted before put_on()
  void put_on() const { handover::put_on(here_); }
  // First of all that is undone here: then nothing that is killed says anything from it.
  void take_off() const;
  // Of what has died, before the barrier is opened. Never throws.
  void end_connections() const noexcept;

 private:
  explicit ServicePlace(handover::HostAddress here) : here_(std::move(here)) {}
  handover::HostAddress here_;
  bool is_on_ = false;
};

}  // namespace ferry::migration
