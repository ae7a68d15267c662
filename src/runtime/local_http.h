// SPDX-License-Identifier: Apache-2.0
//
// One HTTP request to a daemon behind a Unix socket, as container engines have one: the answer is read whole. HTTP/1.0 is
// spoken, so no answer comes in chunks and the end of the connection is the end of the answer. (No HTTP library in Debian
// can be linked statically without a dozen others.)
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/fd.h"

namespace ferry::runtime {

struct HttpAnswer {
  int status = 0;
  std::string body;
  bool ok() const { return status >= 200 && status < 300; }
};

struct HttpRequest {
  std::string method = "GET";
  std::string target;  // "/containers/web/json", percent-encoded where it must be
  std::string body;    // JSON; empty: none
};

// Throws SysError (connect: nobody listens there), Error when the answer is not whole within `limit` or is no HTTP.
HttpAnswer ask(const base::Path& socket, const HttpRequest& request, base::milliseconds limit);

// "HTTP/1.0 200 OK\r\n…\r\n\r\nbody". Throws Error.
HttpAnswer parse_answer(std::string_view text);

// Whose process listens at that socket, as the kernel knows it (SO_PEERCRED, unix(7)). Nothing: nobody's of this host.
std::optional<pid_t> listener_at(const base::Path& socket);

std::string percent_encode(std::string_view text);

}  // namespace ferry::runtime
