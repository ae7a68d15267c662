// SPDX-License-Identifier: Apache-2.0
//
// Where a container comes to at the target: its bundle, and what its engine knows of it. Its counterpart for other workloads is a
// capsule. What was made here is noted before it is made; remove() is for the move itself and for whoever finishes its job.
#pragma once

#include <nlohmann/json.hpp>

#include "criu/image_set.h"
#include "kernel/cgroup_limits.h"
#include "kernel/freezer.h"
#include "migration/logbook.h"
#include "migration/network_place.h"
#include "migration/requirements.h"
#include "migration/wire.pb.h"
#include "runtime/bind_mounts.h"
#include "runtime/engine_environment.h"
#include "runtime/oci.h"

namespace ferry::migration {

// By what its engine on this host is found: to be in force before that is asked anything.
runtime::EngineEnvironment environment_of(const wire::EngineContainer& told);

class ContainerPlace {
 public:
  explicit ContainerPlace(const wire::Plan& plan);
  static std::optional<ContainerPlace> of(const Logbook& book);  // nothing: the job is of another kind

  // Why it cannot come to this host.
  static process::Reasons reasons_against(const wire::EngineContainer& told);

  nlohmann::json note() const;
  const runtime::OciContainer& container() const { return container_; }
  std::optional<kernel::Freezer> freezer() const { return kernel::Freezer::at(container_.cgroup); }
  // The limits that it had are set there.
  void know_cgroup(const base::Path& cgroup);
  const std::optional<NetworkPlace>& network() const { return network_; }

  // What is bound into it and comes along, still empty; those that are here already, and the same.
  void make_binds() { binds_.make(); }
  std::vector<std::string> present_binds(const wire::EngineContainer& told) const;
  void make_bundle(const std::string& configuration) const;
  // Instead of a bundle, of an engine that keeps definitions. Note it before, and after.
  void will_be_defined() { is_defined_ = true; }
  void define(const wire::EngineContainer& told, const criu::ImageSet& images);
  // Its engine's daemon has been asked to start it by the runtime that this process is a child of.
  void know_caller(pid_t criu);
  void fill_network(int netns) { network_->fill(netns, container_); }
  // It runs. Never throws.
  void settle_in() const noexcept;
  // Gone for sure: tasks, the engine's memory of it, its network, the bundle if it is of this move. Throws Error.
  void remove() const;

 private:
  ContainerPlace() = default;
  runtime::OciContainer container_;
  runtime::BindPlaces binds_;
  void set_limits() const noexcept;

  std::vector<kernel::CgroupLimit> limits_;
  bool bundle_is_new_ = false;
  bool is_defined_ = false;
  std::optional<NetworkPlace> network_;  // nothing: this host's, or one that CRIU makes anew, without links
};

}  // namespace ferry::migration
