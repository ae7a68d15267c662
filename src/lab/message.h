// SPDX-License-Identifier: Apache-2.0
//
// Short JSON messages between the processes of a lab, over a socketpair of type SOCK_SEQPACKET.
#pragma once

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace ferry::lab {

using Json = nlohmann::json;

void send_message(int fd, const Json& message);
// Throws Error when nothing comes within `limit_ms`, when the other side has gone, or when it sent an error: then that one.
Json receive_message(int fd, int limit_ms, const std::string& who);

void send_error(int fd, const std::exception& failure);  // never throws

}  // namespace ferry::lab
