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

uint64_t page_below(uint64_t address) { return address / kPageBytes * kPageBytes; }
uint64_t page_above(uint64_t address) { return page_below(address + kPageBytes - 1); }

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
  if (arg_start < arg_end) pages.insert({page_below(arg_start), page_above(arg_end)});
  if (env_start < env_end) pages.insert({page_below(env_start), page_above(env_end)});
}

// proc(5), /proc/PID/syscall: "NUMBER ARGUMENTS… SP PC", of a task that runs nothing "-1 SP PC".
void insert_stack_pointer(pid_t pid, pid_t tid, memory::PageSet& pages) {
  const auto text = base::try_read_file(fmt::format("/proc/{}/task/{}/syscall", pid, tid));
  if (!text) return;
  std::istringstream in(*text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  if (words.size() < 3) return;  // "running"
  const uint64_t stack = std::strtoull(words[words.size() - 2].c_str(), nullptr, 16);
  if (stack < kBelowStackPointer) return;
  pages.insert({page_below(stack - kBelowStackPointer), page_above(stack + kAboveStackPointer)});
}

}  // namespace

memory::PageSet first_pages(pid_t pid) {
  memory::PageSet pages;
  insert_arguments(pid, pages);
  for (const pid_t tid : kernel::threads_of(pid)) insert_stack_pointer(pid, tid, pages);
  return pages;
}

}  // namespace ferry::migration
