// SPDX-License-Identifier: Apache-2.0
//
// Whether a host's crun can checkpoint and restore, and what another one's has made.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "process/reason.h"

namespace ferry::runtime {

// What crun cannot do without.
struct CrunHost {
  std::string version;      // what `crun --version` says
  bool has_library = true;  // libcriu, or it needs none
  std::string hybrid;  // the controllers that v2 has beside v1's; empty: all are of one version
};
CrunHost look_for_crun();  // no version: there is none
process::Reasons crun_host_reasons(const CrunHost& host);
// "1.21", of what `crun --version` says.
std::string crun_version(const std::string& said);
// Why one of the version `here` cannot restore what one of the version `there` has made.
process::Reasons crun_version_reasons(const std::string& here, const std::string& there,
                                      const nlohmann::json& configuration);

}  // namespace ferry::runtime
