// SPDX-License-Identifier: Apache-2.0
//
// `ferry bench pause`: what the pause of a stop-mode move is made of, and how much of it is CRIU.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/bare_criu.h"
#include "bench/machine.h"
#include "bench/numbers.h"
#include "bench/table.h"
#include "report/experiment.h"

namespace ferry::bench {

// frozen_ms may be this many times what CRIU takes for the dump and the restore alone.
constexpr double kPauseTarget = 3.0;

struct PauseOptions {
  std::vector<base::Path> layers;  // empty: the one beside ferry
  base::Path program;              // empty: found
  int repeat = 7;
  bool json = false;
  int wake_fd = -1;
};

struct PauseResult {
  std::vector<report::Move> moves;
  std::vector<BareCriu::Times> bare;

  report::Spread frozen_ms() const;
  report::Spread phase_ms(std::string_view name) const;
  report::Spread bare_dump_ms() const, bare_restore_ms() const;
  double ratio() const;  // of medians; 0 without both
  bool on_target() const { return ratio() > 0 && ratio() <= kPauseTarget; }
};

std::string pause_text(const PauseResult& result, const Machine& machine, const Paint& paint);
nlohmann::ordered_json to_json(const PauseResult& result, const Machine& machine);

// A target that is not met is a result; a move that fails is an Error, after the result so far.
base::Exit pause(const PauseOptions& options);

}  // namespace ferry::bench
