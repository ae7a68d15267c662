// SPDX-License-Identifier: Apache-2.0
//
// A lab in which trials take place, one after the other (field.cc), and their judge (field_judge.cc). See docs/promises.md for what is
// judged.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "faults/client.h"
#include "faults/neighbourhood.h"
#include "faults/outside.h"
#include "faults/strike.h"
#include "faults/trial.h"
#include "faults/watch.h"
#include "support/lab.h"

namespace ferry::faults {

struct Outcome {
  std::string lives_on;          // the one live copy's host; empty: there is none
  bool by_itself = false;        // else after `ferry resolve`
  bool tidy_by_itself = false;
  bool in_doubt = false;         // no live copy, but frozen ones that both hosts name
  std::string two;               // how it shows that two have run
  std::string harm;              // what the live copy has lost, or the next move
  std::string leftovers;
  std::string spoilt;            // the trial itself did not come off
  std::string said;              // by ferry
  double not_served_ms = 0, seconds = 0;
  double move_seconds = 0;       // from the blow to the end of `ferry move`

  bool is_good() const {
    return (!lives_on.empty() || in_doubt) && two.empty() && harm.empty() && leftovers.empty() && spoilt.empty();
  }
};

class Field {
 public:
  // `there_and_back`: some trials strike the move back.
  explicit Field(bool there_and_back);
  Outcome run(const Trial& trial);
  // For what went wrong: the journals and the workloads of both hosts.
  std::string post_mortem() const;

 private:
  using Traces = std::map<std::string, std::string>;  // by host
  // Of undisturbed moves.
  struct Reference {
    Traces fresh, there, back;  // never moved; moved once; and back again, where that is asked for
    double move_ms = 0;
  };

  // In the order in which things happen.
  void clear();
  void start(Kind kind);
  void learn(Kind kind);
  void connect();
  double go_there();
  void disturb(const Trial& trial, Outcome& outcome);
  void settle(Outcome& outcome);
  void judge(const Trial& trial, Outcome& outcome);
  void move_again(Outcome& outcome);
  void say_goodbye(Outcome& outcome);

  std::string strike_when_stopped(const Trial& trial, testing::Background& move);
  void strike_at_any_moment(const Trial& trial, testing::Background& move) const;
  testing::Background start_move(const std::string& from, const std::string& to, const std::string& faults) const;
  void await_end(testing::Background& move, Outcome& outcome) const;
  std::optional<std::string> find_live_copy(int limit_ms) const;
  bool makes_progress(const std::string& host) const;
  bool is_served() const;
  void resolve(const std::string& host, Outcome& outcome) const;
  bool both_name_it() const;
  Traces traces() const;
  Traces settled_traces() const;
  const Traces& expected_traces(const Trial& trial, const std::string& lives_on) const;
  void look_for_leftovers(const Trial& trial, Outcome& outcome);
  testing::Result ferry(const std::string& host, const base::Argv& words) const;

  const bool there_and_back_;
  testing::Lab lab_;
  Outside outside_;
  Watch watch_;
  std::string source_, target_;  // of the move that is struck
  std::optional<Neighbourhood> neighbourhood_;
  std::map<Kind, Reference> references_;
  std::string tree_pid_;  // of a bare tree, as its host sees it; else empty
  std::optional<Client> client_;
  std::optional<testing::Connection> spare_;  // says nothing while it is disturbed, and "bye" before the next move
};

}  // namespace ferry::faults
