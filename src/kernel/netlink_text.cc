// SPDX-License-Identifier: Apache-2.0
//
// Addresses as people write them.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/random.h>

#include <cerrno>
#include <charconv>

#include "base/error.h"
#include "kernel/netlink.h"

namespace ferry::kernel {
namespace {

[[noreturn]] void not_one(std::string_view text, const char* kind, const char* example) {
  throw base::Error({fmt::format("\"{}\" is not {}", text, kind), "", fmt::format("write it as {}", example), {}, {}},
                    base::Exit::kUsage);
}

}  // namespace

MacAddr MacAddr::parse(std::string_view text) {
  constexpr size_t kLength = 17;  // six pairs, five colons
  MacAddr mac;
  bool good = text.size() == kLength;
  for (size_t i = 0; good && i < mac.bytes.size(); ++i) {
    const char* const pair = text.data() + 3 * i;
    const auto [end, error] = std::from_chars(pair, pair + 2, mac.bytes[i], 16);
    good = error == std::errc() && end == pair + 2 && (i == 5 || pair[2] == ':');
  }
  if (!good) not_one(text, "a MAC address", "02:55:00:00:00:09");
  return mac;
}

MacAddr MacAddr::random_local() {
  MacAddr mac;
  if (::getrandom(mac.bytes.data(), mac.bytes.size(), 0) != static_cast<ssize_t>(mac.bytes.size())) {
    throw base::SysError("getrandom", errno, "");
  }
  mac.bytes[0] = static_cast<uint8_t>((mac.bytes[0] & ~0x01) | 0x02);  // not a group, not a vendor's
  return mac;
}

MacAddr MacAddr::random_high() {
  MacAddr mac = random_local();
  mac.bytes[0] = 0xfe;  // as libvirt's, which go on with 54
  mac.bytes[1] = mac.bytes[2] = 0xff;
  return mac;
}

std::string MacAddr::text() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2], bytes[3],
                     bytes[4], bytes[5]);
}

int IpAddr::family() const { return size == 4 ? AF_INET : AF_INET6; }
bool IpAddr::is_link_local() const { return size == 16 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80; }

IpAddr IpAddr::parse(std::string_view text) {
  const std::string copy(text);
  IpAddr address;
  if (::inet_pton(AF_INET, copy.c_str(), address.bytes.data()) == 1) return address;
  address.size = 16;
  if (::inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  not_one(text, "an IP address", "10.77.0.9 or fd00::9");
}

std::string IpAddr::text() const {
  char buffer[INET6_ADDRSTRLEN];
  return ::inet_ntop(family(), bytes.data(), buffer, sizeof buffer);
}

IpPrefix IpPrefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) not_one(text, "an address with its network's length", "10.77.0.9/24");
  IpPrefix prefix{IpAddr::parse(text.substr(0, slash)), -1};
  const std::string_view digits = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix.length);
  if (error != std::errc() || end != digits.data() + digits.size() || prefix.length < 0 ||
      prefix.length > prefix.address.size * 8) {
    not_one(text, "an address with its network's length", "10.77.0.9/24");
  }
  return prefix;
}

std::string IpPrefix::text() const { return fmt::format("{}/{}", address.text(), length); }

bool IpPrefix::contains(const IpAddr& other) const {
  if (other.size != address.size) return false;
  for (int bit = 0; bit < length; ++bit) {
    const auto byte = static_cast<size_t>(bit / 8);
    const int mask = 0x80 >> (bit % 8);
    if ((address.bytes[byte] & mask) != (other.bytes[byte] & mask)) return false;
  }
  return true;
}

}  // namespace ferry::kernel
