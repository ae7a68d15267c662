// SPDX-License-Identifier: Apache-2.0
#include "base/program.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
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

std::string shell_word(const std::string& text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word + "'";
}

bool is_plain_path(const std::string& text) {
  const Path path(text);
  return path.is_absolute() && text == path.lexically_normal().string() && path.has_filename() &&
         std::ranges::none_of(text, [](unsigned char c) { return std::iscntrl(c) != 0; });
}

std::string one_line(std::string words) {
  std::ranges::replace(words, '\n', ' ');
  while (words.ends_with(' ')) words.pop_back();
  return words;
}

}  // namespace ferry::base
