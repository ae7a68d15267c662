// SPDX-License-Identifier: Apache-2.0
//
// What CRIU 4.2 records of a timerfd, and how its restore goes wrong:
//   - one with an absolute time: the whole seconds of the clock are added to what is left, not the rest (criu/pie/restorer.c,
//     timerfd_arm): it would expire up to 1 s early, and one that is disarmed at once;
//   - a repeating one that has expired and was not read: the kernel says that no time is left, which at the restore means disarmed.
#pragma once

#include <functional>
#include <optional>

#include "criu/images.pb.h"
#include "kernel/task_fd.h"

namespace ferry::criu {

// Asks the timer itself; nothing when that is not possible.
using AskTimer = std::function<std::optional<kernel::TimerState>()>;

// Makes of the record one that is restored as it was. True when that took a change.
bool correct_timer(image::TimerFd& timer, const AskTimer& ask);

}  // namespace ferry::criu
