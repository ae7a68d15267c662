// SPDX-License-Identifier: Apache-2.0
#include "migration/first_pages.h"

#include <fmt/format.h>

#include <sstream>

#include "base/fd.h"
#include "kernel/procfs.h"

namespace ferry::migration {

using memory::kPageBytes;

namespace {

// Below the stack pointer lies the red zone, above it the frames that a woken thread returns through.
constexpr uint64_t kBelowStackPointer = kPageBytes, kAboveStackPointer = 4 * kPageBytes;

// proc(5), /proc/PID/stat: 48 arg_start, 49 arg_end, 50 env_start, 51 env_end. The command in field 2 may hold anything.
void insert_arguments(pid_t pid, memory::PageSet& pages) {
  const auto text = base::try_read_file(fmt::format("/proc/{}/stat", pid));
  if (!text || text->rfind(')') == text->npos) return;
  std::istringstream fields(text->substr(text->rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 48; ++field) fields >> skipped;
  uint64_t arg_start = 0, arg_end = 0, env_start = 0, env_end = 0;
  fields >> arg_start >> arg_end >> env_start >> env_end;
  if (!fields) return;
  if (arg_start < arg_end) pages.insert(memory::pages_around({arg_start, arg_end}));
  if (env_start < env_end) pages.insert(memory::pages_around({env_start, env_end}));
}

void insert_stack(uint64_t stack_pointer, memory::PageSet& pages) {
  if (stack_pointer < kBelowStackPointer) return;
  pages.insert(memory::pages_around({stack_pointer - kBelowStackPointer, stack_pointer + kAboveStackPointer}));
}

}  // namespace

memory::PageSet first_pages(pid_t pid, std::span<const kernel::CurrentCall> calls) {
  memory::PageSet pages;
  insert_arguments(pid, pages);
  for (const auto& call : calls) insert_stack(call.stack_pointer, pages);
  return pages;
}

}  // namespace ferry::migration
