// SPDX-License-Identifier: Apache-2.0
//
// The command that ssh runs on the target.
#pragma once

#include <string>
#include <string_view>

namespace ferry::transport {

// Finds a ferry of `protocol` (in PATH, in usual places, in the cache), else asks for a copy:
// prints FERRY-COPY, reads "SIZE\n" and SIZE bytes of tar, unpacks them as CACHE/`bundle_id`; then
// becomes `ferry receive ARGUMENTS`. The login shell over there may be any: there is no quote, '!',
// '\' or line feed in what stands between its two single quotes. `arguments` must be free of them
// too (CHECK).
std::string ssh_script(int protocol, std::string_view bundle_id, std::string_view arguments);

}  // namespace ferry::transport
