// SPDX-License-Identifier: Apache-2.0
//
// Telling a restored process from one that was started afresh. At each exec the kernel puts 16 random bytes on the new
// stack (AT_RANDOM, getauxval(3)); they are memory like any other, so a restore brings them back, and a program that was
// started again has others. No engine's word is needed for it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace ferry::kernel {

// In hex. Nothing when the process has gone or has no such bytes (a kernel thread).
std::optional<std::string> exec_mark_of(pid_t pid);

}  // namespace ferry::kernel
