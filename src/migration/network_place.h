// SPDX-License-Identifier: Apache-2.0
//
// The network of a container at the target: a namespace as it had at the source, with a name if it
// has one in its config.json, and in it the link of its identity, whose port is shut. Decided
// first, then noted (as a part of container_place.h), then made; remove() is for the move itself
// and for whoever finishes its job. Some engines make a container's network themselves: docker's
// daemon its link, into a namespace that is made here, and podman both.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "handover/identity.h"
#include "migration/wire.pb.h"
#include "process/reason.h"
#include "runtime/oci.h"

namespace ferry::migration {

class NetworkPlace {
 public:
  // Nothing: the container has neither an identity nor a named namespace, nor one that its engine's
  // daemon is to fill. Throws Error (refused: no bridge). What is relayed gets its identity, which
  // is of this host only, from its engine.
  static std::optional<NetworkPlace> of(const wire::Plan& plan);
  static std::optional<NetworkPlace> from(const nlohmann::json& note);
  // Why its namespace cannot be made here.
  static process::Reasons reasons_against(const wire::EngineContainer& told);

  nlohmann::json note() const;
  // The namespace. A nameless one ends with this descriptor unless somebody has come into it.
  // None: its engine makes it, and with an identity that is not heard on its bridge from now on
  // until its port is shut. Throws SysError, Error.
  base::Fd make() const;
  bool has_name() const { return !name_.empty(); }
  // Its engine has been asked to start it. find(): the namespace that it has made. fill(): its link
  // comes into the namespace, unless it is there, and with an identity its port is shut at once.
  // Throw Error: it is not as it was at the source.
  bool is_by_engine() const { return is_by_engine_; }
  static base::Fd find(const runtime::OciContainer& container);
  void fill(int netns, const runtime::OciContainer& container);
  const std::optional<handover::Attachment>& attachment() const { return attachment_; }
  const std::optional<handover::Identity>& identity() const { return identity_; }
  // Nothing of it stays. Throws SysError.
  void remove() const;

 private:
  std::optional<handover::Identity> identity_;
  std::optional<handover::Attachment> attachment_;  // with an identity; by its engine: its link once filled
  base::Path name_;                                 // empty: it has none
  bool name_is_new_ = false;
  bool is_by_engine_ = false, is_relayed_ = false;
  bool is_whole_by_engine_ = false;  // also the namespace
  std::string barrier_;              // of such a one with an identity: handover/segment_barrier.h
};

// How the identity is to stand on this host's segment: on the bridge, or as a macvlan on the link,
// of the same name as at the source, else on the one with an address in that network. `name`: of
// the workload. Throws Error (refused).
handover::Attachment attachment_for(const wire::Identity& told, const std::string& name);

// Of notes: what an announcement and a port need.
nlohmann::json to_note(const handover::Identity& identity);
handover::Identity noted_identity(const nlohmann::json& note);
nlohmann::json to_note(const handover::Attachment& attachment);
handover::Attachment noted_attachment(const nlohmann::json& note);

}  // namespace ferry::migration
