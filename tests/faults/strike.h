// SPDX-License-Identifier: Apache-2.0
//
// The blows of the kill campaign, dealt from outside.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "faults/outside.h"
#include "faults/trial.h"

namespace ferry::faults {

class Striker {
 public:
  Striker(const Outside& outside, std::string source, std::string target)
      : outside_(outside), source_(std::move(source)), target_(std::move(target)) {}

  // Finds the victim beforehand, so that the blow comes at once. A blow says what could not be done (nobody there), else nothing.
  using Blow = std::function<std::string()>;
  [[nodiscard]] Blow aim(Victim victim) const;
  // The link is back. Must follow a strike at it.
  void heal(Victim victim) const;

 private:
  Blow kill(const std::string& host, Role role) const;
  Blow kill_all_on(const std::vector<std::string>& hosts) const;
  std::vector<Task> all_of_ferry_on(const std::vector<std::string>& hosts) const;
  Blow cut_connection() const;
  Blow change_link(const std::function<void(kernel::Netlink&)>& change) const;
  const Outside& outside_;
  std::string source_, target_;
};

}  // namespace ferry::faults
