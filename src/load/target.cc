// SPDX-License-Identifier: Apache-2.0
#include "load/target.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/subprocess.h"

namespace ferry::load {
namespace {

[[noreturn]] void bad_url(std::string_view url, std::string why) {
  throw base::Error({fmt::format("cannot send requests to \"{}\"", url),
                     std::move(why),
                     "write http://HOST:PORT/PATH, or redis://HOST:PORT/?command=get,set",
                     {},
                     {}},
                    base::Exit::kUsage);
}

uint16_t parse_port(std::string_view url, std::string_view text) {
  uint16_t port = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || rest != text.data() + text.size() || port == 0) {
    bad_url(url, fmt::format("\"{}\" is not a port", text));
  }
  return port;
}

// What would end the request line early, or smuggle a header into the request.
bool fits_request_line(std::string_view path) {
  for (const char c : path) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) return false;
  }
  return true;
}

std::optional<Address> try_numeric(const std::string& host, uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.length = sizeof(sockaddr_in);
    return address;
  }
  if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.length = sizeof(sockaddr_in6);
    return address;
  }
  return std::nullopt;
}

void take_scheme(std::string_view& url, Target& target) {
  constexpr std::string_view kHttp = "http://", kRedis = "redis://";
  if (url.starts_with(kHttp)) return url.remove_prefix(kHttp.size());
  if (!url.starts_with(kRedis)) bad_url(url, "it begins neither with http:// nor with redis://");
  url.remove_prefix(kRedis.size());
  target.scheme = Scheme::kRedis;
  target.port = 6379;
}

// "user:password@" in front of the host.
void take_user(std::string_view& rest, Target& target) {
  const size_t at = rest.rfind('@');
  if (at == std::string_view::npos) return;
  const std::string_view who = rest.substr(0, at);
  const size_t colon = who.find(':');
  rest.remove_prefix(at + 1);
  if (target.scheme != Scheme::kRedis) bad_url(rest, "a user in front of the host is for redis://");
  if (colon == std::string_view::npos)
    bad_url(rest, "the user in front of the host has no password");
  target.user = who.substr(0, colon);
  target.password = who.substr(colon + 1);
}

}  // namespace

std::string Target::authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  const std::string name = v6 ? "[" + host + "]" : host;
  return port == 80 ? name : fmt::format("{}:{}", name, port);
}

std::string without_password(std::string_view url) {
  const size_t begin = url.find("://") + 3;  // `url` has been parsed
  const size_t at = url.substr(0, url.find_first_of("/?", begin)).rfind('@');
  if (at == std::string_view::npos) return std::string(url);
  return fmt::format("{}:***{}", url.substr(0, url.find(':', begin)), url.substr(at));
}

Target parse_url(std::string_view url) {
  std::string_view rest = url;
  Target target;
  take_scheme(rest, target);
  const size_t slash = rest.find_first_of("/?");
  if (slash != std::string_view::npos) {
    target.path = rest.substr(slash, rest.find('#') - slash);
    if (target.path[0] != '/') target.path.insert(0, "/");
    rest = rest.substr(0, slash);
  }
  if (!fits_request_line(target.path)) bad_url(url, "its path has spaces or control characters");
  take_user(rest, target);
  size_t host_end = rest.find(':');
  if (rest.starts_with('[')) {
    const size_t bracket = rest.find(']');
    if (bracket == std::string_view::npos) bad_url(url, "the \"[\" has no \"]\"");
    target.host = rest.substr(1, bracket - 1);
    host_end = bracket + 1;
  } else {
    target.host = rest.substr(0, host_end);
  }
  if (target.host.empty() || !fits_request_line(target.host)) bad_url(url, "it names no host");
  if (host_end < rest.size()) {
    if (rest[host_end] != ':') bad_url(url, "there is something between host and port");
    target.port = parse_port(url, rest.substr(host_end + 1));
  }
  return target;
}

Address resolve(const Target& target) {
  if (const auto address = try_numeric(target.host, target.port)) return *address;
  if (target.host == "localhost") return *try_numeric("127.0.0.1", target.port);
  const auto answer = base::run({"getent", "ahosts", "--", target.host});
  const std::string first = answer.out.substr(0, answer.out.find_first_of(" \t\n"));
  if (const auto address = try_numeric(first, target.port)) return *address;
  throw base::Error({fmt::format("cannot send requests to {}", target.host),
                     "no address is known for that name",
                     "give an address instead",
                     {},
                     {}});
}

}  // namespace ferry::load
