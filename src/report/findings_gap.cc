// SPDX-License-Identifier: Apache-2.0
//
// Time without service: of each way, and of one against the other where both moved the same
// workload under the same conditions. Where a parameter has many values, only its last is compared
// (the trend has a sentence of its own).
#include <algorithm>
#include <map>

#include "report/findings.h"
#include "report/quantities.h"

namespace ferry::report {

namespace {

// Beyond this factor a ratio says more than a difference.
constexpr double kTellingRatio = 1.5;

std::string spread_text(const Spread& spread, Language language) {
  if (spread.count < 2) return text_ms(spread.median);
  return words(language, Word::kFindSpread, text_ms(spread.median), spread.count,
               range_text(text_ms(spread.min), text_ms(spread.max)));
}

using Condition = std::pair<std::string, std::map<std::string, std::string>>;

bool is_last(const Groups& groups, const Group& group) {
  for (const Parameter& parameter : groups.experiment.parameters) {
    const auto value = group.any().parameters.find(parameter.name);
    if (value == group.any().parameters.end() || parameter.values.empty()) continue;
    if (!parameter.numbers.empty() && value->second != parameter.values.back()) return false;
  }
  return true;
}

// The groups of each condition, the shortest gap first.
std::map<Condition, std::vector<const Group*>> by_condition(const Groups& groups) {
  std::map<Condition, std::vector<const Group*>> conditions;
  for (const Group& group : groups.all) {
    if (group.values(measure::gap_ms).empty() || !is_last(groups, group)) continue;
    conditions[{group.any().workload, group.any().parameters}].push_back(&group);
  }
  for (auto& [_, members] : conditions) {
    std::ranges::stable_sort(
        members, {}, [](const Group* group) { return group->spread(measure::gap_ms).median; });
  }
  return conditions;
}

Finding about(const Group& group, Language language) {
  const std::string label = emphasised(group.label);
  const std::string gap = spread_text(group.spread(measure::gap_ms), language);
  const Spread frozen = group.spread(measure::frozen_ms);
  if (frozen.count == 0) return {words(language, Word::kFindGap, label, gap)};
  return {words(language, Word::kFindGapFrozen, label, gap, spread_text(frozen, language))};
}

Finding against(const Group& slow, const Group& fast, Language language) {
  const auto slow_values = slow.values(measure::gap_ms), fast_values = fast.values(measure::gap_ms);
  const Comparison found = compare(slow_values, fast_values);
  const std::string slow_name = emphasised(slow.label), fast_name = fast.label;
  const std::string a = text_ms(spread_of(slow_values).median);
  const std::string b = text_ms(spread_of(fast_values).median);
  if (found.verdict == Verdict::kTooFew) {
    return {words(language, Word::kFindTooFew, slow_name, fast_name, a, b, slow_values.size(),
                  fast_values.size()),
            Tone::kMuted};
  }
  if (found.verdict == Verdict::kCovered) {
    return {words(language, Word::kFindCovered, slow_name, fast_name, a, b), Tone::kMuted};
  }
  if (found.ratio && found.ratio->value >= kTellingRatio) {
    return {words(language, Word::kFindSlower, slow_name, fast_name,
                  text_number(found.ratio->value), text_number(found.ratio->low),
                  text_number(found.ratio->high), a, b)};
  }
  return {words(language, Word::kFindLonger, slow_name, fast_name, text_ms(found.difference.value),
                text_ms(found.difference.low), text_ms(found.difference.high), a, b)};
}

}  // namespace

void find_gaps(std::vector<Finding>& out, const Groups& groups, Language language) {
  for (const auto& [_, members] : by_condition(groups)) {
    out.push_back(about(*members.front(), language));
    for (size_t i = 1; i < members.size(); ++i) {
      out.push_back(against(*members[i], *members.front(), language));
    }
  }
}

}  // namespace ferry::report
