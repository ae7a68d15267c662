// SPDX-License-Identifier: Apache-2.0
//
// The three kinds of failure:
//   SysError   a system call that could not do it (thrown by wrappers in kernel/ and base/)
//   Error      what a user reads: what failed, on which host, why, and what to do about it
//   CHECK      our own bug; never used on input
// What is not a failure (a process has gone, a peer closed) is a return value, not one of these.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace ferry::base {

class SysError : public std::runtime_error {
 public:
  SysError(std::string_view call, int number, std::string_view what);
  int number() const { return number_; }

 private:
  int number_;
};

// Exit codes of the `ferry` command; documented in docs/errors.md.
enum class Exit : int {
  kDone = 0,
  kFailed = 1,      // it did not work; the workload is where it was, unharmed
  kUsage = 2,       // the command line makes no sense
  kRefused = 3,     // it cannot be done (nothing was touched)
  kCancelled = 4,   // Ctrl-C or `ferry cancel`; the workload is where it was
  kInDoubt = 5,     // nobody can know yet on which host it lives; the copy at the source is frozen
};

struct Explanation {
  std::string what;    // "cannot restore web on west"
  std::string why;     // "its executable /usr/bin/python3 is not there"
  std::string remedy;  // "install it there, or …"; may be empty
  std::string host;    // where it happened; empty: here
  std::string log;     // path of a log kept for the reader; may be empty
};

class Error : public std::runtime_error {
 public:
  explicit Error(Explanation explanation, Exit exit = Exit::kFailed);
  const Explanation& explanation() const { return explanation_; }
  Exit exit() const { return exit_; }

 private:
  Explanation explanation_;
  Exit exit_;
};

[[noreturn]] void refuse(std::string what, std::string why, std::string remedy = {});

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

// In a program without shared libraries the first throw sorts the unwinder's tables: some 10 ms, which must not fall into a pause.
// Threads and forked processes have it done with their parent.
void prepare_to_throw();

}  // namespace ferry::base

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) ::ferry::base::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
