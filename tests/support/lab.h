// SPDX-License-Identifier: Apache-2.0
//
// Virtual hosts for a test, made by the `ferry` under test. A Lab lives exactly as long as the object: also when the
// test program is killed, the end of its pipe ends the lab.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/subprocess.h"

namespace ferry::testing {

using base::Argv;
using Result = base::Finished;  // status, out, err

// Why tests on virtual hosts cannot run here; empty when they can. For GTEST_SKIP().
std::string why_no_lab();

base::Path ferry_program();
base::Path lab_layer();  // what tools/get-layer has unpacked: sshd and the servers that tests move

struct LabOptions {
  std::vector<std::string> hosts{"east", "west", "client"};
  std::string rate, delay;               // as on the command line
  std::vector<std::string> without_ferry;
  std::vector<std::string> host_layers;  // HOST=DIRECTORY
  std::string name;                      // made up when empty
};

// A program in the background; killed and reaped with the object.
class Background {
 public:
  // Its next line, without the newline; nothing when it has ended or says nothing within the limit.
  std::optional<std::string> read_line(int limit_ms = 10'000);
  void write(std::string_view text) { base::write_full(input_.get(), text); }
  void close_input() { input_.reset(); }
  bool signal(int number) const { return child_.signal(number); }
  pid_t pid() const { return child_.pid(); }   // of `ferry lab exec`, which passes signals on
  int wait() { return base::exit_code(child_.wait()); }
  bool is_running();

 private:
  friend class Lab;
  friend Background start_program(const Argv& argv);
  base::Child child_;
  base::Fd input_, output_;  // standard error goes to ours
  std::string read_ahead_;
};
Background start_program(const Argv& argv);

class Lab {
 public:
  explicit Lab(const LabOptions& options = {});  // throws Error with what ferry said
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  const std::string& name() const { return name_; }
  Result exec(const std::string& host, const Argv& argv, std::string_view input = {}) const;
  Result shell(const std::string& host, const std::string& script, std::string_view input = {}) const;
  // As above; a status that is not 0 throws. Returns the output without its last newline.
  std::string check(const std::string& host, const std::string& script) const;
  Background start(const std::string& host, const Argv& argv) const;
  Background& command() { return command_; }  // the `ferry lab run` itself
  std::string state_json() const;              // of `ferry lab status`
  void end();                                  // early; the destructor's work

 private:
  Argv exec_argv(const std::string& host, const Argv& argv) const;
  std::string name_;
  Background command_;
};

}  // namespace ferry::testing
