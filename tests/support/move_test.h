// SPDX-License-Identifier: Apache-2.0
//
// What tests of `ferry move` share: a lab of their own, the web counter as the usual workload, and the question what a
// host has that it had not before.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "support/connection.h"
#include "support/lab.h"
#include "support/poll.h"

namespace ferry::testing {

using Json = nlohmann::json;

inline constexpr const char* kAddress = "10.77.0.9";
inline constexpr int kPort = 8080;

std::string program(const std::string& name);  // of tests/programs

// On hosts of whatever lab.
class FerryTest : public ::testing::Test {
 protected:
  virtual const Lab& lab() const = 0;

  // `ferry WORDS…` on a host, with FERRY_FAULTS when given.
  Result ferry(const std::string& host, const Argv& words, const std::string& faults = {}) const;
  Background start_ferry(const std::string& host, const Argv& words, const std::string& faults = {}) const;
  // `ferry move WHAT root@TO --json` that must succeed; its report. Null after a failure.
  Json move(const std::string& what, const std::string& from, const std::string& to, const Argv& options = {}) const;
};

class MoveTest : public FerryTest {
 protected:
  void SetUp() override;
  const Lab& lab() const override { return *lab_; }

  // `ferry run --name NAME …`, which must succeed.
  void run(const std::string& host, const std::string& name, const Argv& options, const Argv& command) const;
  void run_counter(const std::string& host = "east") const;  // as "web", at kAddress:kPort
  Connection connect(int port = kPort) const { return {lab(), "client", kAddress, port}; }
  Json workloads(const std::string& host) const;             // `ferry ps -a --json`
  std::string state_of(const std::string& host, const std::string& name) const;  // "": not known there

  // All that a move could leave behind, as text: mounts, links, cgroups, processes, images, staged files.
  std::string traces(const std::string& host) const;
  // Waits until the host's traces are `before` again (the last session of sshd takes a moment to end).
  void expect_traces(const std::string& host, const std::string& before) const;

 private:
  std::unique_ptr<Lab> lab_;
};

}  // namespace ferry::testing
