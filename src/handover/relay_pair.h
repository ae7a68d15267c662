// SPDX-License-Identifier: Apache-2.0
//
// For tests of relays: both ends as they are, two processes of ferry's own, in a RelayLab.
#pragma once

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/error.h"
#include "handover/relay_lab.h"
#include "handover/relay_process.h"
#include "handover/relay_registry.h"

namespace ferry::handover {

inline constexpr const char* kEast = "10.60.0.8";
inline constexpr const char* kContainer = "172.31.0.2";
inline constexpr const char* kFerry = FERRY_BINARY_DIR "/ferry";
inline constexpr uint16_t kPublished = 8080, kInside = 80;

inline base::Child launch_built_ferry(int control) {
  base::SpawnOptions options;
  options.stdin_fd = control;
  options.new_session = true;
  return base::spawn({kFerry, "relay", "serve"}, options);
}

// The exit status as of waitpid(2); nothing: it lives on.
inline std::optional<int> end_of(pid_t pid, base::milliseconds patience) {
  const auto deadline = base::mono_now() + patience;
  for (;;) {
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) == pid) return status;
    if (base::mono_now() > deadline) return std::nullopt;
    std::this_thread::sleep_for(base::milliseconds(5));
  }
}

inline std::string pattern(size_t bytes) {
  std::string text(bytes, '\0');
  uint32_t state = 1;
  for (char& one : text) one = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return text;
}

inline bool send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

inline std::string receive_all(int socket, size_t bytes) {
  std::string text(bytes, '\0');
  size_t have = 0;
  while (have < bytes) {
    const ssize_t got = ::recv(socket, text.data() + have, bytes - have, 0);
    if (got <= 0) break;
    have += static_cast<size_t>(got);
  }
  text.resize(have);
  return text;
}

// Both ways at once.
inline ::testing::AssertionResult exchange_whole(int one, int other, size_t bytes) {
  const std::string sent = pattern(bytes);
  std::string there, back;
  std::thread a([&] { send_all(one, sent); }), b([&] { there = receive_all(other, bytes); });
  std::thread c([&] { send_all(other, sent); });
  back = receive_all(one, bytes);
  if (back != sent) {  // nobody is to wait for the rest
    ::shutdown(one, SHUT_RDWR);
    ::shutdown(other, SHUT_RDWR);
  }
  for (auto* thread : {&a, &b, &c}) thread->join();
  if (there == sent && back == sent) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << there.size() << " and " << back.size() << " bytes came";
}

inline base::Fd accepted(const base::Fd& listener, sockaddr_in* peer = nullptr) {
  if (!base::wait_readable(listener.get(), 5'000)) return {};
  socklen_t size = sizeof *peer;
  return base::Fd(::accept4(listener.get(), reinterpret_cast<sockaddr*>(peer),
                            peer ? &size : nullptr, SOCK_CLOEXEC));
}

class Relayed {
 public:
  explicit Relayed(
      RelayLab& lab, RelayPolicy policy = {},
      std::vector<PublishedPort> ports = {PublishedPort::parse("0.0.0.0:8080->80/tcp"),
                                          PublishedPort::parse("10.60.0.8:5353->53/udp")})
      : lab_(lab), ports_(std::move(ports)), policy_(policy) {
    static std::atomic<int> number;
    name = fmt::format("relay-test-{}-{}", ::getpid(), ++number);
    RelayLab::in(lab.west, [&](kernel::Netlink&) {
      const RelayExitPlace place{"vethc",         lab.workload_mac,
                                 lab.gateway_mac, kernel::IpPrefix::parse("172.31.0.2/16"),
                                 ports_,          lab.container.get()};
      exit.emplace(name, place, "east", RelayExit::Listen{"10.61.0.2", {}}, launch_built_ferry);
    });
    RelayLab::in(lab.east, [&](kernel::Netlink&) {
      entrance.emplace(name, ports_, "");
      entrance->stand_by();
      relay.emplace(*entrance, Relay::Peer{{"10.61.0.2", exit->port()}, exit->key(), "west"},
                    kernel::IpAddr::parse(kContainer), policy_, launch_built_ferry);
    });
    east_pid = relay->pid();
    west_pid = exit->pid();
  }
  ~Relayed() {
    for (const pid_t pid : {served_ ? east_pid : 0, served_ ? west_pid : 0}) {
      if (pid > 0 && ::kill(pid, SIGTERM) == 0) {
        EXPECT_TRUE(end_of(pid, base::milliseconds(5'000)));
      }
    }
    for (const auto end : {RelayEnd::kEntrance, RelayEnd::kExit})
      std::filesystem::remove(relay_log(name, end));
  }
  void serve() {
    entrance->begin();
    exit->know_connections();
    serve_begun();
  }
  void serve_begun() {
    exit->serve(0);
    relay->serve(std::move(*entrance));
    served_ = true;
  }
  void ended() { served_ = false; }
  std::optional<RelayRecord> record(RelayEnd end = RelayEnd::kEntrance) const {
    for (const auto& one : all_relays()) {
      if (one.name == name && one.end == end) return one;
    }
    return std::nullopt;
  }

  std::string name;
  std::optional<RelayExit> exit;
  std::optional<RelayEntrance> entrance;
  std::optional<Relay> relay;
  pid_t east_pid = 0, west_pid = 0;

 private:
  RelayLab& lab_;
  std::vector<PublishedPort> ports_;
  RelayPolicy policy_;
  bool served_ = false;
};

// TAPs, and a table that its owner alone may replace.
inline bool has_remains(const base::Fd& network, const std::string& table) {
  bool found = false;
  RelayLab::in(network, [&](kernel::Netlink& net) {
    for (const auto& link : net.links()) found = found || link.name.starts_with("fyr");
    try {
      kernel::Nftables().put_table(table, {{kernel::LinkChain::Way::kIn, "lo", {}}},
                                   kernel::Nftables::Life::kWithThis);
    } catch (const base::SysError&) {
      found = true;
    }
  });
  return found;
}

// A client's connection by the relay, and the workload's end of it.
struct Connected {
  base::Fd client, server;
};
inline Connected connect_through(const RelayLab& lab, const base::Fd& listener) {
  auto client = RelayLab::connected(lab.client, SOCK_STREAM, kEast, kPublished);
  auto server = client ? accepted(listener) : base::Fd();
  return {std::move(client), std::move(server)};
}

class RelayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "network namespaces take root";
  }
};

}  // namespace ferry::handover
