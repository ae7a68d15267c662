// SPDX-License-Identifier: Apache-2.0
//
// Results as people read them: a table with one row per quantity, what is going on meanwhile, and
// colours where there is a terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace ferry::bench {

// ANSI colours, or nothing at all.
class Paint {
 public:
  explicit Paint(bool on) : on_(on) {}
  static Paint for_output(int fd);  // on a terminal, unless NO_COLOR is set

  std::string bold(std::string_view text) const { return in("1", text); }
  std::string dim(std::string_view text) const { return in("2", text); }
  std::string good(std::string_view text) const { return in("32", text); }
  std::string bad(std::string_view text) const { return in("1;31", text); }

 private:
  std::string in(const char* code, std::string_view text) const;
  bool on_;
};

enum class Tone { kPlain, kBold, kDim };

struct Row {
  std::string label;
  std::vector<std::string> cells;
  Tone tone = Tone::kPlain;
};

// Labels on the left, cells on the right of columns that are as wide as they must be.
std::string table(const std::vector<Row>& rows, const Paint& paint);

// "0.31 ms", "83.2 ms", "1240 ms": one unit, to compare by eye.
std::string in_ms(double ms);
std::string number_ms(double ms);  // the same without the unit

// Says on stderr what is being done, with the time since it was made.
class Progress {
 public:
  Progress();
  void say(std::string_view text) const;

 private:
  base::MonoTime began_ = base::mono_now();
  Paint paint_;
};

}  // namespace ferry::bench
