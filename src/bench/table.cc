// SPDX-License-Identifier: Apache-2.0
#include "bench/table.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace ferry::bench {

namespace {

constexpr size_t kNarrowest = 12;  // of a column: a table of short numbers reads better with air

// Bytes that begin a UTF-8 character: all that is printed here is one column wide.
size_t width(std::string_view text) {
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return static_cast<size_t>(std::ranges::count_if(text, begins));
}

std::string spaces(size_t count) { return std::string(count, ' '); }

}  // namespace

Paint Paint::for_output(int fd) {
  return Paint(::isatty(fd) == 1 && std::getenv("NO_COLOR") == nullptr);
}

std::string Paint::in(const char* code, std::string_view text) const {
  if (!on_) return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

std::string table(const std::vector<Row>& rows, const Paint& paint) {
  size_t label_width = 0;
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    label_width = std::max(label_width, width(row.label));
    widths.resize(std::max(widths.size(), row.cells.size()), kNarrowest);
    for (size_t i = 0; i < row.cells.size(); ++i) {
      widths[i] = std::max(widths[i], width(row.cells[i]));
    }
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line = row.label + spaces(label_width - width(row.label));
    for (size_t i = 0; i < row.cells.size(); ++i) {
      line += "  " + spaces(widths[i] - width(row.cells[i])) + row.cells[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    if (row.tone == Tone::kBold) line = paint.bold(line);
    if (row.tone == Tone::kDim) line = paint.dim(line);
    text += line.empty() ? "\n" : "  " + line + "\n";
  }
  return text;
}

std::string number_ms(double ms) {
  return fmt::format("{:.{}f}", ms, ms < 10 ? 2 : ms < 1000 ? 1 : 0);
}

std::string in_ms(double ms) { return number_ms(ms) + " ms"; }

Progress::Progress() : paint_(Paint::for_output(STDERR_FILENO)) {}

void Progress::say(std::string_view text) const {
  const double seconds = base::ms_between(began_, base::mono_now()) / 1000;
  std::fputs(fmt::format("{} {}\n", paint_.dim(fmt::format("{:6.1f} s", seconds)), text).c_str(),
             stderr);
}

}  // namespace ferry::bench
