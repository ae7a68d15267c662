// SPDX-License-Identifier: Apache-2.0
//
// Why SSH did not get us to the target, in the words of a cause and a remedy.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "transport/bootstrap.h"
#include "transport/ready_line.h"

namespace ferry::transport {

// The last lines of what ssh and the target said on stderr, on one line, without control
// characters.
std::string quote_errors(std::string_view errors);

// ssh ended before the line came. `exit_code`: ssh's (255: its own failure; else that of the remote
// command).
base::Error explain_ssh_exit(const Destination& destination, std::optional<int> exit_code,
                             std::string_view errors);
// The start-up script gave up: "FERRY-FAILED WORD".
base::Error explain_script_failure(const Destination& destination, std::string_view line,
                                   std::string_view errors);
// No line came: kNothing, kTimeout or kWoken.
base::Error explain_silence(const Destination& destination, Said said, std::string_view errors);

}  // namespace ferry::transport
