// SPDX-License-Identifier: Apache-2.0
//
// Where a task that is restored lazily holds its own userfaultfd (held_uffd.h says why).
#pragma once

namespace ferry::criu {

// In the environment of a restoring CRIU: its tasks hold theirs.
inline constexpr const char* kHoldVariable = "FERRY_HOLD_USERFAULTFD";

// The first number from here on that the task does not use. Above what programs count up to, and yet within a table of
// descriptors of 64 KiB: fork(2) copies as much of the table as reaches to the highest number in use.
inline constexpr int kFirstHeldFd = 7936;

// In the library that CRIU is loaded with: `fd` is the result of userfaultfd(2) with those flags. Gives it back, or -errno when the
// task should hold it and cannot.
long hold_userfaultfd(long fd, long flags);

}  // namespace ferry::criu
