// SPDX-License-Identifier: Apache-2.0
//
// One line of the catalogue.
#pragma once

#include <string_view>

#include "report/words.h"

namespace ferry::report {

struct Entry {
  Word key;
  std::string_view en, zh;
};

}  // namespace ferry::report
