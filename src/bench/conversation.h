// SPDX-License-Identifier: Apache-2.0
//
// Asking a service from another host: a few bytes there, all that comes back until it closes.
#pragma once

#include <string>
#include <string_view>

#include "bench/hosts.h"

namespace ferry::bench {

// Tries again for as long as `limit` when nobody listens: right after its start a service does not
// yet. The question must make the service close the connection. Throws Error.
std::string ask(const Hosts& hosts, const std::string& from_host, const std::string& ip, int port,
                std::string_view question, base::milliseconds limit = base::milliseconds(10'000));
// The body of the answer to GET. Throws Error unless the status is 200.
std::string http_get(const Hosts& hosts, const std::string& from_host, const std::string& ip,
                     int port, const std::string& path,
                     base::milliseconds limit = base::milliseconds(10'000));
std::string body_of(const std::string& answer);  // of an HTTP answer that is whole

}  // namespace ferry::bench
