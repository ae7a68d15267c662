// SPDX-License-Identifier: Apache-2.0
#include "runtime/crun_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/program.h"
#include "base/subprocess.h"
#include "kernel/mounts.h"
#include "runtime/oci.h"

namespace ferry::runtime {

namespace fs = std::filesystem;
using base::Path;
using nlohmann::json;
using process::Reasons;

namespace {

constexpr const char* kLibrary = "libcriu.so.2";
constexpr const char* kUnified = "/sys/fs/cgroup/unified";
constexpr std::pair kNamesCgroup{1, 21};           // containers/crun c954b1b6
constexpr std::pair kSharesEmptyDirectory{1, 24};  // containers/crun d8a88c06
constexpr const char* kWhichCrun =
    "install crun 1.21 or later that is built with CRIU, as Debian 13 has it (`crun --version` "
    "says +CRIU)";

// The library is found as ld.so(8) finds it.
bool has_library() {
  if (base::try_read_file("/etc/ld.so.cache").value_or("").find(kLibrary) != std::string::npos)
    return true;
  for (const char* directory : {"/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib",
                                "/usr/lib/x86_64-linux-gnu"}) {
    std::error_code none;
    if (fs::exists(Path(directory) / kLibrary, none)) return true;
  }
  return false;
}

// One that is linked statically has it in itself.
bool needs_library(const Path& program) {
  return base::try_read_file(program).value_or("").find(kLibrary) != std::string::npos;
}

std::string controllers_beside_v1() {
  const auto mounts = kernel::own_mounts();
  const bool is_mounted = std::ranges::any_of(
      mounts, [](const auto& mount) { return mount.type == "cgroup2" && mount.point == kUnified; });
  return is_mounted ? base::one_line(
                          base::try_read_file(Path(kUnified) / "cgroup.controllers").value_or(""))
                    : "";
}

}  // namespace

CrunHost look_for_crun() {
  const auto program = base::find_in_path("crun", program_path());
  if (program.empty()) return {};
  return {base::run({program.string(), "--version"}).out, !needs_library(program) || has_library(),
          controllers_beside_v1()};
}

std::string crun_version(const std::string& said) {
  const std::string before = "version ";
  const auto at = said.find(before);
  if (at == std::string::npos) return {};
  const auto rest = said.substr(at + before.size());
  return rest.substr(0, rest.find_first_of(" \n"));
}

Reasons crun_version_reasons(const std::string& here, const std::string& there,
                             const json& configuration) {
  const auto masked =
      configuration.value("linux", json::object()).value("maskedPaths", json::array());
  if (masked.empty() || base::version_of(there) < kSharesEmptyDirectory ||
      base::version_of(here) >= kSharesEmptyDirectory)
    return {};
  return {{fmt::format("crun {} here cannot restore what crun {} has made", here, there),
           "what covers its masked directories (linux.maskedPaths) is known to crun from 1.24 on",
           "install crun 1.24 or later here, too"}};
}

Reasons crun_host_reasons(const CrunHost& host) {
  Reasons reasons;
  const auto version = crun_version(host.version);
  if (host.version.find("+CRIU") == std::string::npos) {
    reasons.push_back({fmt::format("crun {} here is built without CRIU", version),
                       "it can neither checkpoint nor restore", kWhichCrun});
  } else if (base::version_of(version) < kNamesCgroup) {
    reasons.push_back({fmt::format("crun {} here is older than 1.21", version),
                       "it does not say in which cgroup its CRIU is to restore, and the container "
                       "would not be in its own",
                       kWhichCrun});
  } else if (!host.has_library) {
    reasons.push_back({fmt::format("crun here does not find {}", kLibrary),
                       "it calls CRIU through that library", "install it (the package libcriu2)"});
  }
  if (!host.hybrid.empty()) {
    reasons.push_back(
        {fmt::format("crun cannot make containers with the cgroups of this host, which are hybrid: "
                     "v1, and v2 with {} in {}",
                     host.hybrid, kUnified),
         "it takes one version or the other",
         fmt::format("start the host with systemd.unified_cgroup_hierarchy=1, or umount {}",
                     kUnified)});
  }
  return reasons;
}

}  // namespace ferry::runtime
