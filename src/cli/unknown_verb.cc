// SPDX-License-Identifier: Apache-2.0
#include "cli/unknown_verb.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

namespace ferry::cli {

namespace {

// With one more it is another word.
constexpr size_t kMostSlips = 2;

// Letters left out, put in, taken for another, or two that have changed places.
size_t slips(const std::string& one, const std::string& other) {
  std::vector<std::vector<size_t>> rows(one.size() + 1, std::vector<size_t>(other.size() + 1));
  std::iota(rows[0].begin(), rows[0].end(), 0);
  for (size_t i = 1; i <= one.size(); ++i) {
    rows[i][0] = i;
    for (size_t j = 1; j <= other.size(); ++j) {
      const bool same = one[i - 1] == other[j - 1];
      rows[i][j] = std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + !same});
      if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1])
        rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  }
  return rows[one.size()][other.size()];
}

std::vector<std::string> verbs_of(const CLI::App& app) {
  std::vector<std::string> names;
  // Those without a group are ferry's own.
  for (const auto* verb :
       app.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); }))
    names.push_back(verb->get_name());
  return names;
}

}  // namespace

std::optional<base::Explanation> unknown_verb(const CLI::App& app,
                                              const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  std::string before = "ferry";
  for (const auto& word : words) {
    if (word.starts_with('-')) continue;
    const auto found =
        at->get_subcommands([&](const CLI::App* one) { return one->check_name(word); });
    if (!found.empty()) {
      at = found.front();
      before += " " + word;
      continue;
    }
    const auto verbs = verbs_of(*at);
    if (verbs.empty()) return std::nullopt;
    const auto nearest =
        std::ranges::min(verbs, {}, [&](const std::string& verb) { return slips(word, verb); });
    const bool is_meant = slips(word, nearest) <= kMostSlips;
    return base::Explanation{fmt::format("there is no \"{} {}\"", before, word),
                             is_meant ? fmt::format("do you mean \"{} {}\"?", before, nearest) : "",
                             fmt::format("{} {}", before, fmt::join(verbs, "|")),
                             {},
                             {}};
  }
  return std::nullopt;
}

}  // namespace ferry::cli
