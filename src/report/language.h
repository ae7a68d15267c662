// SPDX-License-Identifier: Apache-2.0
//
// The languages that reports are written in.
#pragma once

#include <string_view>

namespace ferry::report {

enum class Language { kEnglish, kChinese };

// "en" or "zh". Throws Error (usage).
Language parse_language(std::string_view name);
std::string_view name_of(Language language);

}  // namespace ferry::report
