// SPDX-License-Identifier: Apache-2.0
//
// How the time without service follows a parameter; where the pause goes; whether the service is as
// fast as before.
#include <algorithm>
#include <optional>

#include "report/findings.h"
#include "report/quantities.h"

namespace ferry::report {

namespace {

// A gap that is this much longer than the freeze has another cause, which the reader should look
// for.
constexpr double kBeyondFactor = 1.25;
constexpr double kBeyondMs = 10;

// The name of a group without one of its parameters.
std::string label_without(const Group& group, const std::string& parameter) {
  const auto found = group.any().parameters.find(parameter);
  if (found == group.any().parameters.end()) return group.label;
  const std::string part = fmt::format(" · {} {}", parameter, found->second);
  std::string label = group.label;
  if (const size_t at = label.find(part); at != std::string::npos) label.erase(at, part.size());
  return label;
}

bool same_but_for(const Group& a, const Group& b, const std::string& parameter) {
  const Move &x = a.any(), &y = b.any();
  auto left = x.parameters, right = y.parameters;
  left.erase(parameter);
  right.erase(parameter);
  return x.workload == y.workload && x.engine == y.engine && x.mode == y.mode && x.via == y.via &&
         x.way == y.way && left == right;
}

}  // namespace

std::vector<Series> series_of(const Groups& groups) {
  std::vector<Series> all;
  for (const Parameter& parameter : groups.experiment.parameters) {
    std::vector<Series> of_parameter;
    // In the order of the values, so that each series ascends; new series in the order of the
    // groups.
    for (const Group& group : groups.all) {
      if (!group.any().parameters.contains(parameter.name)) continue;
      const auto known = std::ranges::find_if(of_parameter, [&](const Series& series) {
        return same_but_for(*series.groups.front(), group, parameter.name);
      });
      if (known != of_parameter.end()) {
        known->groups.push_back(&group);
      } else {
        of_parameter.push_back({&parameter, {&group}, label_without(group, parameter.name)});
      }
    }
    for (Series& series : of_parameter) {
      if (series.groups.size() < 2) continue;
      std::ranges::stable_sort(series.groups, {}, [&](const Group* group) {
        return std::ranges::find(parameter.values, group->any().parameters.at(parameter.name)) -
               parameter.values.begin();
      });
      all.push_back(std::move(series));
    }
  }
  return all;
}

void find_trends(std::vector<Finding>& out, const Groups& groups, Language language) {
  for (const Series& series : series_of(groups)) {
    if (series.parameter->numbers.empty()) continue;  // names have no more and less
    std::vector<const Group*> measured;
    std::ranges::copy_if(series.groups, std::back_inserter(measured), [](const Group* group) {
      return !group->values(measure::gap_ms).empty();
    });
    if (measured.size() < 2) continue;
    const Group &first = *measured.front(), &last = *measured.back();
    const auto low = first.values(measure::gap_ms), high = last.values(measure::gap_ms);
    const Verdict verdict = compare(high, low).verdict;
    const double from = spread_of(low).median, to = spread_of(high).median;
    const Word key = verdict == Verdict::kTooFew    ? Word::kFindTrendUnknown
                     : verdict == Verdict::kCovered ? Word::kFindFlat
                     : to > from                    ? Word::kFindGrows
                                                    : Word::kFindShrinks;
    const std::string& name = series.parameter->name;
    const std::string at_first = first.any().parameters.at(name);
    const std::string at_last = last.any().parameters.at(name);
    const bool known = verdict == Verdict::kDifferent;
    out.push_back({words(language, key, emphasised(series.label), name, text_ms(from), at_first,
                         text_ms(to), at_last),
                   known ? Tone::kPlain : Tone::kMuted});
  }
}

namespace {

std::optional<std::string> largest_part(const Group& group, Language language) {
  const auto split = pause_split(group);
  double sum = 0;
  for (const auto& [_, ms] : split) sum += ms;
  if (split.size() < 2 || sum <= 0) return std::nullopt;
  const auto& [name, ms] =
      *std::ranges::max_element(split, {}, [](auto& part) { return part.second; });
  return words(language, Word::kFindLargestPart, emphasised(group.label),
               name_word(language, NameOf::kPhase, name), text_ms(ms), text_ms(sum),
               text_percent(ms / sum));
}

}  // namespace

void find_pause(std::vector<Finding>& out, const Groups& groups, Language language) {
  if (!groups.parameters.empty()) return;  // a sentence for each value would bury the others
  std::vector<std::string> parts;
  for (const Group& group : groups.all) {
    if (auto part = largest_part(group, language)) parts.push_back(std::move(*part));
  }
  if (!parts.empty()) {
    const std::string list =
        fmt::format("{}", fmt::join(parts, word(language, Word::kFindListJoin)));
    out.push_back({words(language, Word::kFindLargestParts, list)});
  }
  for (const Group& group : groups.all) {
    const Spread gap = group.spread(measure::gap_ms), frozen = group.spread(measure::frozen_ms);
    if (gap.count == 0 || frozen.count == 0) continue;
    if (gap.median > frozen.median * kBeyondFactor && gap.median - frozen.median > kBeyondMs) {
      out.push_back({words(language, Word::kFindGapBeyond, emphasised(group.label),
                           text_ms(gap.median - frozen.median), text_ms(gap.median),
                           text_ms(frozen.median))});
    }
  }
}

void find_afterwards(std::vector<Finding>& out, const Groups& groups, Language language) {
  std::vector<double> all_before, all_after;
  bool changed = false;
  for (const Group& group : groups.all) {
    std::vector<double> before, after;
    for (const Move* move : group.moved) {
      if (!move->before || !move->after || !move->before->p99_ms || !move->after->p99_ms) continue;
      before.push_back(*move->before->p99_ms);
      after.push_back(*move->after->p99_ms);
    }
    if (compare(after, before).verdict == Verdict::kDifferent) {
      changed = true;
      out.push_back({words(language, Word::kFindAfterOther, emphasised(group.label),
                           text_ms(spread_of(after).median), text_ms(spread_of(before).median))});
    }
    all_before.insert(all_before.end(), before.begin(), before.end());
    all_after.insert(all_after.end(), after.begin(), after.end());
  }
  if (!changed && compare(all_after, all_before).verdict == Verdict::kCovered) {
    out.push_back({words(language, Word::kFindAfterSame, text_ms(spread_of(all_after).median),
                         text_ms(spread_of(all_before).median)),
                   Tone::kMuted});
  }
}

}  // namespace ferry::report
