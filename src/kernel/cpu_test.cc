// SPDX-License-Identifier: Apache-2.0
#include "kernel/cpu.h"

#include <gtest/gtest.h>

namespace ferry::kernel {
namespace {

TEST(Cpu, OnlyWhatProgramsDecideBy) {
  const auto cpu = parse_cpu(
      "processor\t: 0\nmodel name\t: Old Thing\nflags\t\t: fpu avx avx512f amx_tile nx vmx hypervisor pti sse2\nbugs\t\t: spectre_v1\n\n"
      "processor\t: 1\nflags\t\t: bmi2\n");
  EXPECT_EQ(cpu.model, "Old Thing");
  EXPECT_EQ(cpu.features, (std::vector<std::string>{"amx_tile", "avx", "avx512f", "fpu", "sse2"}));
}

TEST(Cpu, ArmSaysItInAnotherLine) {
  const auto cpu = parse_cpu("processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd sve\nCPU implementer\t: 0x41\n\n");
  EXPECT_EQ(cpu.features, (std::vector<std::string>{"asimd", "fp", "sve"}));
}

TEST(Cpu, ThisOneHasSome) { EXPECT_FALSE(read_cpu().features.empty()); }
TEST(Cpu, NothingIsSaidOfNothing) { EXPECT_TRUE(parse_cpu("garbage\n:\n\n").features.empty()); }

}  // namespace
}  // namespace ferry::kernel
