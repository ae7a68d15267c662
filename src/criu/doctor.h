// SPDX-License-Identifier: Apache-2.0
//
// What a CRIU log says of a failure.
#pragma once

#include <string>

#include "base/fd.h"

namespace ferry::criu {

// The first error of the log that is not known to be harmless: what came after it is mostly its echo.
std::string first_error(const base::Path& log);

}  // namespace ferry::criu
