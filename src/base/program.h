// SPDX-License-Identifier: Apache-2.0
//
// Programs of the host: where they are, how they are told, and what they say.
#pragma once

#include <string>
#include <utility>

#include "base/fd.h"

namespace ferry::base {

// The first executable of that name in the directories of "/bin:/usr/bin"; empty: there is none.
Path find_in_path(const std::string& name, const std::string& search_path);
// "6.18.4-amd64" → {6, 18}, "4.2.1" → {4, 2}; {0, 0}: it begins with no number.
std::pair<int, int> version_of(const std::string& text);
// One word of a POSIX shell's command line, whatever is in it.
std::string shell_word(const std::string& text);
// An absolute path as people write it: without "..", no / at its end, nothing that does not show.
bool is_plain_path(const std::string& text);
// A program's words, as part of a sentence.
std::string one_line(std::string words);

}  // namespace ferry::base
