// SPDX-License-Identifier: Apache-2.0
//
// What a CRIU log says of a failure, and what that means to whoever runs the workload.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/fd.h"

namespace ferry::criu {

struct Diagnosis {
  std::string why;         // in plain words; with CRIU's own line when the failure is not a known one
  std::string remedy;      // empty: the failure is not a known one
  bool transient = false;  // of the moment only: the same dump may well succeed a little later
  bool is_known() const { return !remedy.empty(); }
};
Diagnosis diagnose(const base::Path& log);

// What a line of the log (or CRIU's last words, which look the same) complains of; nothing: it is no complaint, or known to be harmless.
std::optional<std::string> complaint_in(const std::string& line);

// The first error of the log that is not known to be harmless: what came after it is mostly its echo.
std::string first_error(const base::Path& log);
bool has_errors(const base::Path& log);
// For a CRIU that ended or hung without an error: where it was, as half a sentence.
std::string last_words(const base::Path& log);

// A known failure: a regular expression (ECMAScript) for one line of the log; $1, $2 in the texts are its groups.
struct Symptom {
  const char* pattern;
  const char* why;
  const char* remedy;
  bool transient = false;
};
std::span<const Symptom> symptoms();

}  // namespace ferry::criu
