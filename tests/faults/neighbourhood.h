// SPDX-License-Identifier: Apache-2.0
//
// What hosts believe of their neighbours. Their entries come, age and go by themselves, so two looks never agree; but whatever is
// believed must be true. An entry that leads to where nobody is would be the worst that a move could leave behind.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "faults/outside.h"

namespace ferry::faults {

class Neighbourhood {
 public:
  // While nothing is disturbed: what they have and what they believe now is true, and an address keeps its MAC wherever it goes.
  Neighbourhood(const Outside& outside, std::vector<std::string> hosts);
  // Nothing, or who believes what.
  std::string what_is_wrong() const;

 private:
  const Outside& outside_;
  const std::vector<std::string> hosts_;
  std::map<kernel::IpAddr, std::set<kernel::MacAddr>> true_;
};

}  // namespace ferry::faults
