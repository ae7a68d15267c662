// SPDX-License-Identifier: Apache-2.0
//
// How the moves ended: arrivals, state, failed requests, targets.
#include "report/findings.h"

#include <algorithm>
#include <map>
#include <set>

#include "report/quantities.h"

namespace ferry::report {

namespace {

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

void find_arrivals(std::vector<Finding>& out, const Groups& groups, Language language) {
  const auto& moves = groups.experiment.moves;
  const size_t done = std::ranges::count_if(moves, arrived);
  if (done == moves.size()) {
    out.push_back({done == 1 ? std::string(word(language, Word::kFindTheOneArrived))
                             : words(language, Word::kFindAllArrived, done),
                   Tone::kGood});
    return;
  }
  std::map<std::string, size_t> others;
  for (const Move& move : moves) {
    if (!arrived(move)) ++others[move.result];
  }
  std::vector<std::string> parts;
  for (const auto& [result, count] : others) {
    parts.push_back(words(language, Word::kFindCountResult, count,
                          name_word(language, NameOf::kResult, result)));
  }
  const std::string list = joined(parts, word(language, Word::kFindCommaJoin));
  out.push_back({done == 0 ? words(language, Word::kFindNoneArrived, moves.size(), list)
                           : words(language, Word::kFindSomeArrived, done, moves.size(), list),
                 Tone::kBad});
}

void find_state(std::vector<Finding>& out, const Groups& groups, Language language) {
  size_t checked = 0, broken = 0;
  std::set<std::string> where;
  for (const Group& group : groups.all) {
    for (const Move* move : group.moves) {
      if (!move->state_intact) continue;
      ++checked;
      if (*move->state_intact) continue;
      ++broken;
      where.insert(group.label);
    }
  }
  if (checked == 0) return;
  if (broken == 0) {
    out.push_back({words(language, Word::kFindStateIntact, checked), Tone::kGood});
    return;
  }
  const std::string list =
      joined({where.begin(), where.end()}, word(language, Word::kFindListJoin));
  out.push_back({words(language, Word::kFindStateBroken, broken, checked, list), Tone::kBad});
}

void find_errors(std::vector<Finding>& out, const Groups& groups, Language language) {
  uint64_t requests = 0, errors = 0;
  bool known = false;
  std::map<std::string, uint64_t> kinds;
  std::set<std::string> where;
  for (const Group& group : groups.all) {
    for (const Move* move : group.moves) {
      if (!move->errors) continue;
      known = true;
      errors += *move->errors;
      requests += move->requests.value_or(0);
      for (const auto& [kind, count] : move->errors_by_kind) kinds[kind] += count;
      if (*move->errors > 0) where.insert(group.label);
    }
  }
  if (!known || (requests == 0 && errors == 0)) return;
  if (errors == 0) {
    out.push_back({words(language, Word::kFindNoErrors, text_count(requests)), Tone::kGood});
    return;
  }
  std::vector<std::string> parts;
  for (const auto& [kind, count] : kinds) {
    if (count == 0) continue;
    parts.push_back(words(language, Word::kFindErrorKind, text_count(count),
                          name_word(language, NameOf::kError, kind)));
  }
  std::string list = joined(parts, word(language, Word::kFindCommaJoin));
  if (list.empty()) list = "–";
  std::string text =
      requests > 0
          ? words(language, Word::kFindErrors, text_count(errors), text_count(requests), list)
          : words(language, Word::kFindErrorsOnly, text_count(errors), list);
  if (where.size() == 1 && groups.all.size() > 1) {
    text += language == Language::kChinese ? "" : " ";
    text += words(language, Word::kFindErrorsWhere, emphasised(*where.begin()));
  }
  out.push_back({std::move(text), Tone::kBad});
}

void find_targets(std::vector<Finding>& out, const Groups& groups, Language language) {
  const auto& targets = groups.experiment.targets;
  if (targets.empty()) return;
  const size_t met = std::ranges::count_if(targets, &Target::met);
  out.push_back({words(language, Word::kFindTargets, met, targets.size()),
                 met == targets.size() ? Tone::kGood : Tone::kBad});
}

}  // namespace

void find_outcome(std::vector<Finding>& out, const Groups& groups, Language language) {
  find_arrivals(out, groups, language);
  find_targets(out, groups, language);
  find_state(out, groups, language);
  find_errors(out, groups, language);
}

std::string emphasised(std::string_view label) {
  std::string out(1, kEmphasis);
  for (const char c : label) {
    if (c != kEmphasis && c != kPlainAgain) out += c;
  }
  return out + kPlainAgain;
}

std::vector<Finding> findings(const Groups& groups, Language language) {
  std::vector<Finding> out;
  if (groups.all.empty()) return out;
  find_outcome(out, groups, language);
  find_gaps(out, groups, language);
  find_trends(out, groups, language);
  find_pause(out, groups, language);
  find_afterwards(out, groups, language);
  return out;
}

}  // namespace ferry::report
