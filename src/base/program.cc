// SPDX-License-Identifier: Apache-2.0
#include "base/program.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <sstream>

namespace ferry::base {

Path find_in_path(const std::string& name, const std::string& search_path) {
  std::istringstream directories(search_path);
  for (std::string directory; std::getline(directories, directory, ':');) {
    const Path program = Path(directory) / name;
    std::error_code none;
    if (!directory.empty() && std::filesystem::is_regular_file(program, none) && ::access(program.c_str(), X_OK) == 0) return program;
  }
  return {};
}

std::pair<int, int> version_of(const std::string& text) {
  int major = 0, minor = 0;
  if (std::sscanf(text.c_str(), "%d.%d", &major, &minor) < 1) return {0, 0};
  return {major, minor};
}

std::string one_line(std::string words) {
  std::ranges::replace(words, '\n', ' ');
  while (words.ends_with(' ')) words.pop_back();
  return words;
}

}  // namespace ferry::base
