// SPDX-License-Identifier: Apache-2.0
#include "bench/conversation.h"

#include <fmt/format.h>

#include "base/error.h"

namespace ferry::bench {

namespace {

constexpr const char* kPython = "/usr/bin/python3";

constexpr const char* kAsk = R"(
import socket, sys, time
address, port, limit = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
question = sys.stdin.buffer.read()
end = time.monotonic() + limit
while True:
    try:
        link = socket.create_connection((address, port), timeout=limit)
        link.sendall(question)
        while answer := link.recv(65536):
            sys.stdout.buffer.write(answer)
        break
    except OSError as failure:
        if time.monotonic() > end:
            sys.exit(f"no answer from {address}:{port}: {failure}")
        time.sleep(0.02)
)";

}  // namespace

std::string ask(const Hosts& hosts, const std::string& from_host, const std::string& ip, int port,
                std::string_view question, base::milliseconds limit) {
  const auto limit_s = fmt::format("{:.3f}", static_cast<double>(limit.count()) / 1000);
  const base::Argv argv{kPython, "-c", kAsk, ip, std::to_string(port), limit_s};
  return hosts.check(from_host, argv, limit + Hosts::kCommandLimit, question);
}

std::string body_of(const std::string& answer) {
  const auto head = answer.find("\r\n\r\n");
  const auto status = answer.find(' ');
  if (head != std::string::npos && answer.starts_with("HTTP/") &&
      answer.compare(status + 1, 4, "200 ") == 0) {
    return answer.substr(head + 4);
  }
  throw base::Error({"cannot understand the service",
                     "it says: " + answer.substr(0, std::min(answer.find("\r\n"), size_t{200})),
                     "",
                     {},
                     {}});
}

std::string http_get(const Hosts& hosts, const std::string& from_host, const std::string& ip,
                     int port, const std::string& path, base::milliseconds limit) {
  const auto request =
      fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", path, ip);
  return body_of(ask(hosts, from_host, ip, port, request, limit));
}

}  // namespace ferry::bench
