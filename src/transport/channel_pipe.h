// SPDX-License-Identifier: Apache-2.0
//
// The SSH pipe as a channel: on the source the stdin and stdout of ssh, on the target our own.
// Encryption and authentication are SSH's.
#pragma once

#include <memory>

#include "base/fd.h"
#include "transport/channel.h"

namespace ferry::transport {

// Takes both descriptors and makes them non-blocking. `early`: bytes that were already read from
// `in`. SIGPIPE must be ignored by the process (connect() and accept_source() see to it).
std::unique_ptr<Channel> make_pipe_channel(base::Fd in, base::Fd out, std::string early = {});

}  // namespace ferry::transport
