// SPDX-License-Identifier: Apache-2.0
//
// What all tests agree on that run a program of tests/tracees.
#pragma once

namespace ferry::testing {

constexpr const char* kTraceeDirectory = "/tmp/tracee";  // where it finds "go" and leaves its answers
// A busy machine with two cores takes long to start one and to let it check itself.
constexpr int kTraceeReady_ms = 30'000, kTraceeAnswer_ms = 60'000;

}  // namespace ferry::testing
