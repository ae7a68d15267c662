// SPDX-License-Identifier: Apache-2.0
//
// What an experiment shows, in sentences. Which sentences there are, and every number in them,
// follows from the moves; a difference that the noise covers is called so, and one that cannot be
// judged is not claimed.
#pragma once

#include <string>
#include <vector>

#include "report/groups.h"
#include "report/tables.h"

namespace ferry::report {

struct Finding {
  std::string text;  // with marks around what is emphasised
  Tone tone = Tone::kPlain;
};

constexpr char kEmphasis = '\x01', kPlainAgain = '\x02';
std::string emphasised(std::string_view label);

std::vector<Finding> findings(const Groups& groups, Language language);

// Parts of findings(), each in a file of its own.
void find_outcome(std::vector<Finding>& out, const Groups& groups, Language language);
void find_gaps(std::vector<Finding>& out, const Groups& groups, Language language);
void find_trends(std::vector<Finding>& out, const Groups& groups, Language language);
void find_pause(std::vector<Finding>& out, const Groups& groups, Language language);
void find_afterwards(std::vector<Finding>& out, const Groups& groups, Language language);

// Groups that differ from each other only in the value of one parameter that has an order,
// ascending.
struct Series {
  const Parameter* parameter;
  std::vector<const Group*> groups;
  std::string label;  // without the parameter
};
std::vector<Series> series_of(const Groups& groups);

}  // namespace ferry::report
