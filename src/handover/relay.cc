// SPDX-License-Identifier: Apache-2.0
#include "handover/relay.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"

namespace ferry::handover {

namespace {

uint16_t parse_relay_port(std::string_view digits, std::string_view text) {
  uint16_t port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size() || port == 0)
    base::refuse(fmt::format("not a published port: {}", text), "a port is a number up to 65535");
  return port;
}

}  // namespace

std::string PublishedPort::text() const {
  return fmt::format("{}:{}->{}/{}", host.text(), host_port, workload_port,
                     protocol == IPPROTO_UDP ? "udp" : "tcp");
}

std::vector<std::string> texts_of(const std::vector<PublishedPort>& ports) {
  std::vector<std::string> texts;
  for (const auto& port : ports) texts.push_back(port.text());
  return texts;
}

PublishedPort PublishedPort::parse(std::string_view text) {
  const auto arrow = text.find("->"), slash = text.rfind('/');
  const auto colon = text.substr(0, arrow).rfind(':');
  if (arrow == text.npos || slash == text.npos || colon == text.npos || slash < arrow ||
      (text.substr(slash) != "/tcp" && text.substr(slash) != "/udp"))
    base::refuse(fmt::format("not a published port: {}", text),
                 "it is HOST:PORT->PORT/tcp, or udp");
  PublishedPort port;
  port.protocol = text.substr(slash) == "/udp" ? IPPROTO_UDP : IPPROTO_TCP;
  port.host = kernel::IpAddr::parse(text.substr(0, colon));
  port.host_port = parse_relay_port(text.substr(colon + 1, arrow - colon - 1), text);
  port.workload_port = parse_relay_port(text.substr(arrow + 2, slash - arrow - 2), text);
  return port;
}

}  // namespace ferry::handover
