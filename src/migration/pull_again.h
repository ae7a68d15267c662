// SPDX-License-Identifier: Apache-2.0
//
// Post-copy on the target after its connection was cut, or its ferry killed: the workload runs and
// waits for pages; a source that has come back serves them to this ferry.
#pragma once

#include "migration/conversation.h"
#include "transport/bootstrap.h"

namespace ferry::migration {

// Until all is here and in place, or nothing is needed any more. Throws LinkLost.
void pull_again(transport::Accepted& source, Conversation& talk, const wire::ServePages& offer);

}  // namespace ferry::migration
