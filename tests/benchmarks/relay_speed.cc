// SPDX-License-Identifier: Apache-2.0
//
// What a relay costs: a stream of TCP each way and a question with its answer, between a client and a container, by the relay and
// by the host's plain forwarding. Between network namespaces of this machine; the relay's processes share its CPUs with both ends.
#include <fmt/format.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <vector>

#include "base/clock.h"
#include "handover/relay_pair.h"

namespace {

using namespace ferry;
using handover::RelayLab;

constexpr size_t kStreamBytes = size_t{512} << 20;
constexpr int kQuestions = 2'000;

double stream_mb_per_s(int from, int to) {
  const auto began = base::mono_ns();
  std::thread sending([&] {
    const std::string piece(256 << 10, 'x');
    for (size_t sent = 0; sent < kStreamBytes;) {
      const ssize_t some = ::send(from, piece.data(), std::min(piece.size(), kStreamBytes - sent), 0);
      if (some <= 0) return;
      sent += static_cast<size_t>(some);
    }
  });
  std::string buffer(256 << 10, '\0');
  size_t have = 0;
  while (have < kStreamBytes) {
    const ssize_t got = ::recv(to, buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    have += static_cast<size_t>(got);
  }
  sending.join();
  return static_cast<double>(have) / 1e6 / (static_cast<double>(base::mono_ns() - began) / 1e9);
}

// Of a byte there and back, in µs: the middle one, and one in a hundred.
std::pair<double, double> round_trip_us(int client, int server) {
  const int yes = 1;
  for (const int socket : {client, server}) ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  std::thread answering([&] {
    char one = 0;
    for (int i = 0; i < kQuestions && ::recv(server, &one, 1, 0) == 1; ++i) ::send(server, &one, 1, 0);
  });
  std::vector<double> times;
  for (int i = 0; i < kQuestions; ++i) {
    const auto began = base::mono_ns();
    char one = 'q';
    if (::send(client, &one, 1, 0) != 1 || ::recv(client, &one, 1, 0) != 1) break;
    times.push_back(static_cast<double>(base::mono_ns() - began) / 1e3);
  }
  answering.join();
  std::ranges::sort(times);
  return {times.at(times.size() / 2), times.at(times.size() * 99 / 100)};
}

void measure(const char* what, const RelayLab& lab, const base::Fd& listener, const char* address, uint16_t port) {
  const auto client = RelayLab::connected(lab.client, SOCK_STREAM, address, port);
  const base::Fd server(::accept(listener.get(), nullptr, nullptr));
  const double to = stream_mb_per_s(client.get(), server.get()), from = stream_mb_per_s(server.get(), client.get());
  const auto [middle, high] = round_trip_us(client.get(), server.get());
  fmt::print("{:<10} to the workload {:>6.0f} MB/s, from it {:>6.0f} MB/s; there and back {:.0f} us (p99 {:.0f})\n", what, to, from, middle, high);
}

}  // namespace

int main() {
  RelayLab lab;
  handover::Relayed relayed(lab);
  relayed.serve();
  const auto listener = RelayLab::bound(lab.container, SOCK_STREAM, "0.0.0.0", handover::kInside);
  for (int i = 0; i < 3; ++i) {
    measure("plain", lab, listener, handover::kContainer, handover::kInside);
    measure("relayed", lab, listener, handover::kEast, handover::kPublished);
  }
  return 0;
}
