// SPDX-License-Identifier: Apache-2.0
#include "kernel/cpu.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "base/fd.h"

namespace ferry::kernel {
namespace {

// x86's flags are mostly about the kernel, virtualisation and bugs. These are instructions and registers of user space: a
// program that has found one (the C library does at its start) uses it for the rest of its life.
constexpr std::string_view kInstructions[] = {
    "fpu", "cmov", "mmx", "fxsr", "sse", "sse2", "pni", "ssse3", "fma", "cx16", "sse4_1", "sse4_2", "movbe", "popcnt", "aes",
    "pclmulqdq", "xsave", "avx", "f16c", "rdrand", "lahf_lm", "abm", "sse4a", "3dnow", "3dnowext", "3dnowprefetch", "mmxext", "xop",
    "lwp", "fma4", "tbm", "bmi1", "bmi2", "avx2", "hle", "rtm", "mpx", "rdseed", "adx", "clflushopt", "clwb", "clzero", "sha_ni",
    "sha512", "sm3", "sm4", "xsaveopt", "xsavec", "xgetbv1", "xsaves", "fsgsbase", "rdtscp", "rdpid", "gfni", "vaes", "vpclmulqdq",
    "avx_vnni", "avx_ifma", "avx_vnni_int8", "avx_ne_convert", "cmpccxadd", "pku", "ospke", "waitpkg", "cldemote", "movdiri",
    "movdir64b", "enqcmd", "serialize", "tsxldtrk", "mwaitx", "user_shstk", "prefetchwt1"};
constexpr std::string_view kFamilies[] = {"avx512", "avx10", "amx_"};

bool is_instruction(std::string_view flag) {
  return std::ranges::find(kInstructions, flag) != std::end(kInstructions) ||
         std::ranges::any_of(kFamilies, [&](std::string_view family) { return flag.starts_with(family); });
}

}  // namespace

Cpu parse_cpu(std::string_view text) {
  Cpu cpu;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line) && !(line.empty() && !cpu.features.empty());) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const auto name = line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1);
    const auto value = line.substr(std::min(line.size(), colon + 2));
    if (name == "model name" && cpu.model.empty()) cpu.model = value;
    // Arm's list ("Features") and RISC-V's have user space's own capabilities only.
    const bool all = name == "Features" || name == "isa";
    if (!all && name != "flags") continue;
    std::istringstream words(value);
    for (std::string word; words >> word;) {
      if (all || is_instruction(word)) cpu.features.push_back(word);
    }
  }
  std::ranges::sort(cpu.features);
  return cpu;
}

Cpu read_cpu() { return parse_cpu(base::try_read_file("/proc/cpuinfo").value_or("")); }

}  // namespace ferry::kernel
