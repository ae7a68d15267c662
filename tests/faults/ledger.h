// SPDX-License-Identifier: Apache-2.0
//
// The judge's evidence: every file that ever stood in the census's directory on any host, held open from the moment it was seen, so
// that a copy that ran and was swept away with its log is still found out.
//
// Why logs, and not what /proc says of the tasks: a copy that CRIU builds uses CPU time and switches contexts without running one
// instruction of its own, and a look at two hosts is never at one time. The census writes eight fresh random bytes with each
// line (tests/programs/census.py), so what has been written by two copies differs; and each copy has a file of its own from before
// it can run. "Never two" is thus: of any two files one is a prefix of the other. That holds for all time, not for moments looked at.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace ferry::faults {

// What a log says of itself: numbers from 1 on, no FAIL, the second thread beats on. Empty: all is well.
std::string what_is_wrong_in(std::string_view log);
// How the whole lines of some logs contradict each other; empty: the shorter are prefixes of the longer.
std::string two_have_run(const std::vector<std::string>& logs);
uint64_t count_lines(std::string_view log);
// Requests answered until its last line.
uint64_t requests_in(std::string_view log);

class Ledger {
 public:
  // Directories as this machine sees them, by the name of their host.
  explicit Ledger(std::map<std::string, base::Path> directories) : directories_(std::move(directories)) {}
  // Opens what it has not seen yet. Cheap: to be called every few ms.
  void look();
  // All that was ever there, as it is now.
  std::vector<std::string> texts() const;
  // The file of that name which stands there now; empty when there is none.
  std::string text_of(const std::string& host, const std::string& name) const;
  uint64_t size_of(const std::string& host, const std::string& name) const;
  void forget() { seen_.clear(); }

 private:
  std::map<std::string, base::Path> directories_;
  std::map<std::pair<uint64_t, uint64_t>, base::Fd> seen_;  // by device and inode
};

}  // namespace ferry::faults
