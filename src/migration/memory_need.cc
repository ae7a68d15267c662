// SPDX-License-Identifier: Apache-2.0
#include "migration/memory_need.h"

#include <algorithm>

#include "criu/installation.h"
#include "criu/trial.h"

namespace ferry::migration {

MemoryNeed memory_need(const process::Tree& tree) {
  MemoryNeed need;
  const auto why_not = criu::why_memory_cannot_be_hidden(criu::Installation::find());
  need.by_ferry = !why_not;
  need.why_not = why_not.value_or("");
  need.whole = process::memory_bytes(tree);
  need.images = need.by_ferry ? need.whole - std::min(need.whole, process::anonymous_bytes(tree)) : need.whole;
  return need;
}

}  // namespace ferry::migration
