// SPDX-License-Identifier: Apache-2.0
//
// A directory of src/ may include only from itself and those above it in the design's list.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kOrder = {"base",    "kernel",   "process",   "memory", "criu",
                                         "capsule", "transport", "files",    "runtime", "handover",
                                         "migration", "load",    "report",   "lab",    "bench", "cli"};
// Narrower than the order; and what the order alone would forbid, with the reason.
const std::map<std::string, std::set<std::string>> kOnly = {
    {"load", {"base", "load"}},
    {"lab", {"base", "kernel", "lab"}},
    {"report", {"base", "report"}},
};
const std::set<std::pair<std::string, std::string>> kAllowed = {
    {"runtime", "handover"},   // a workload on this host includes its identity
    {"report", "migration"},   // migration/events.h only
};

bool may_include(const std::string& from, const std::string& what) {
  if (from == what || kAllowed.contains({from, what})) return true;
  if (const auto only = kOnly.find(from); only != kOnly.end()) return only->second.contains(what);
  return std::ranges::find(kOrder, what) < std::ranges::find(kOrder, from);
}

TEST(Layers, ADirectoryIncludesOnlyFromThoseAboveIt) {
  size_t includes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(FERRY_SOURCE_DIR "/src")) {
    const auto extension = entry.path().extension();
    if (extension != ".cc" && extension != ".h") continue;
    const std::string from = fs::relative(entry.path(), FERRY_SOURCE_DIR "/src").begin()->string();
    ASSERT_NE(std::ranges::find(kOrder, from), kOrder.end()) << from << " is not in the design";
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      if (!line.starts_with("#include \"")) continue;
      const std::string path = line.substr(10, line.find('"', 10) - 10);
      const std::string what = path.substr(0, path.find('/'));
      if (std::ranges::find(kOrder, what) == kOrder.end()) continue;
      ++includes;
      EXPECT_TRUE(may_include(from, what)) << entry.path() << " includes " << path;
    }
  }
  EXPECT_GT(includes, 50u) << "the test looks in the wrong place";
}

}  // namespace
