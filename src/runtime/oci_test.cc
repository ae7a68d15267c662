// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace ferry::runtime {
namespace {

using nlohmann::json;

// As runc 1.1.5 tells of one of its own, and of one that podman has made in the same place.
json runcs_own(const std::string& status) {
  return {{"id", "box"},
          {"pid", ::getpid()},
          {"status", status},
          {"bundle", "/srv/b"},
          {"owner", "root"}};
}

TEST(OciListing, OfRuncItsOwnThatRun) {
  const std::vector<OciListed> one{{"box", kernel::command_of(::getpid())}};
  EXPECT_EQ(runtime_listing(json::array({runcs_own("running")})), one);
  EXPECT_EQ(runtime_listing(json::array({runcs_own("paused")})), one);
  for (const char* ended : {"stopped", "created"})
    EXPECT_TRUE(runtime_listing(json::array({runcs_own(ended)})).empty()) << ended;
  auto podmans = runcs_own("running");
  podmans["id"] = std::string(64, 'a');
  podmans["annotations"] = {{"io.container.manager", "libpod"},
                            {"org.opencontainers.image.stopSignal", "15"}};
  EXPECT_EQ(runtime_listing(json::array({podmans, runcs_own("running")})), one);
  auto annotated = runcs_own("running");
  annotated["annotations"] = {{"of.somebody", "else"}};
  EXPECT_EQ(runtime_listing(json::array({annotated})), one);
}

TEST(OciListing, NoneAndWhatIsNoList) {
  for (const char* none : {"null", "[]", "null\n", "[]\n"})
    EXPECT_TRUE(parse_list("runc", none).empty()) << none;
  for (const char* wrong : {"", "{}", "[", "runc: no"})
    EXPECT_THROW(parse_list("runc", wrong), base::Error) << wrong;
}

}  // namespace
}  // namespace ferry::runtime
