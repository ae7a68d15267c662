// SPDX-License-Identifier: Apache-2.0
//
// Options that are one of a few words, each of which stands for a value of an enumeration, in the
// order of its values.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <string_view>

#include "base/error.h"

namespace ferry::base {

// Throws Error (usage): `unknown`, with the words that there are.
template <class Choice, size_t N>
Choice parse_choice(std::string_view word, const std::string_view (&words)[N],
                    const std::string& unknown) {
  for (size_t i = 0; i < N; ++i) {
    if (word == words[i]) return static_cast<Choice>(i);
  }
  throw Error({unknown, "", fmt::format("say one of {}", fmt::join(words, ", ")), {}, {}},
              Exit::kUsage);
}

}  // namespace ferry::base
