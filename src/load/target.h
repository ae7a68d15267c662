// SPDX-License-Identifier: Apache-2.0
//
// Where the requests go: a URL taken apart, and the socket address behind it.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace ferry::load {

enum class Scheme { kHttp, kRedis };

struct Target {
  Scheme scheme = Scheme::kHttp;
  std::string host;
  uint16_t port = 80;
  std::string path = "/";      // with the query
  std::string user, password;  // of redis:// only

  std::string authority() const;  // as it stands in the Host header
};

// "http://host[:port][/path]" or "redis://[[user]:password@]host[:port][/path]", host a name, an
// IPv4 address or an IPv6 address in brackets. Throws Error (usage).
Target parse_url(std::string_view url);
// The same URL, fit to be shown.
std::string without_password(std::string_view url);

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// Names are looked up once, by getent: a program linked statically cannot use the host's own
// resolver itself. Throws Error when there is no such host.
Address resolve(const Target& target);

}  // namespace ferry::load
