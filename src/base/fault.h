// SPDX-License-Identifier: Apache-2.0
//
// Named places where a test makes things go wrong. A specification comes from FERRY_FAULTS or `--faults` and
// reaches the target with the bootstrap:
//
//     target.restored=fail            throw an Error there
//     source.dumped=kill@2            SIGKILL ourselves at the second visit
//     source.send=stall:500           sleep 500 ms
//     source.dumped=pause             SIGSTOP ourselves: a test sees it in /proc, strikes, and sends SIGCONT
//     channel.frame=corrupt           the caller asks and spoils its own data
//     *=fail%5:seed=42                any point, with 5 % probability, drawn from this seed
//
// Several are joined with commas. Without a specification a point costs one branch.
#pragma once

#include <string>
#include <string_view>

namespace ferry::base {

// Throws Error (usage) on a specification it cannot read. Not thread-safe: called once by main().
void set_faults(std::string_view specification);
// What was set, to be handed on to the peer.
const std::string& fault_specification();

// Visits a point: returns, throws, sleeps, pauses or kills as told.
void fault_point(std::string_view name);
// True when a caller-made fault ("corrupt", "truncate", …) is due at this point now.
[[nodiscard]] bool fault_due(std::string_view name, std::string_view action);

}  // namespace ferry::base

#define FAULT_POINT(name) ::ferry::base::fault_point(name)
