// SPDX-License-Identifier: Apache-2.0
//
// What each chart shows, as JSON for the page's script: numbers, labels in the reader's language,
// and which colour. A chart without data is not made. The script adds nothing but the drawing
// (src/report/page/).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "report/groups.h"
#include "report/words.h"

namespace ferry::report {

enum class Place { kTimeline, kDistribution, kRounds, kSweep };

struct Chart {
  Place place;
  std::string title;
  nlohmann::ordered_json data;
  std::vector<std::pair<std::string, std::string>> legend;  // name and CSS colour
};

std::vector<Chart> charts_of(const Groups& groups, Language language);

// Parts of charts_of().
void add_timelines(std::vector<Chart>& charts, const Groups& groups, Language language);
void add_distributions(std::vector<Chart>& charts, const Groups& groups, Language language);
void add_rounds(std::vector<Chart>& charts, const Groups& groups, Language language);
void add_sweeps(std::vector<Chart>& charts, const Groups& groups, Language language);

// Colours by meaning, of the style sheet.
std::string way_colour(size_t way);  // "var(--way-3)"
// The same phase has the same colour in all charts of a page: a strong one where the workload is
// frozen, else a calm one.
class PhaseColours {
 public:
  explicit PhaseColours(const Groups& groups);
  std::string of(const std::string& phase) const;

 private:
  std::vector<std::string> frozen_, calm_;
};

}  // namespace ferry::report
