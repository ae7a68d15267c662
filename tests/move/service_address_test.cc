// SPDX-License-Identifier: Apache-2.0
//
// A workload of the host's own network, and an address of the host that moves with it (--address):
// its clients see the pause, and nothing else; and whatever goes wrong, one host has the address,
// the one with the workload. What depends on the kind of address is tested with both.
#include <fmt/format.h>

#include "support/load.h"

namespace ferry::testing {
namespace {

struct Service {
  const char *name, *address, *length, *table;
  const char* source_tables;  // while nothing may be sent from it there
  const char* options;        // as it is added
  friend std::ostream& operator<<(std::ostream& out, const Service& one) { return out << one.name; }
};
constexpr Service kOfIpv4{"Ipv4", "10.77.0.50", "/24", "ferry-10.77.0.50", "", ""};
// At once, and nothing speaks from it unless it says so: docs/phases.md.
constexpr Service kOfIpv6{"Ipv6",
                          "fd00:77::50",
                          "/64",
                          "ferry-fd00_77__50",
                          "5 ferry-mute-fd00_77__50",
                          "nodad preferred_lft 0"};
constexpr const char* kService = kOfIpv4.address;
constexpr double kServiceRto_ms =
    200;  // the shortest retransmission timeout of Linux (TCP_RTO_MIN)
constexpr int kServiceClients = 20, kServiceRate = 300;

class ServiceAddress : public MoveTest {
 protected:
  explicit ServiceAddress(const Service& service) : service_(service) {}
  void SetUp() override {
    MoveTest::SetUp();
    if (IsSkipped()) return;
    if (lab().shell("east", add_address()).status != 0)
      GTEST_SKIP() << "no " << service_.name << " on this machine";
    run("east", "web", {},
        {"/usr/bin/python3", program("web_counter.py"), std::to_string(kPort), "::"});
    ASSERT_TRUE(comes_true([&] {
      return ferry("east", {"logs", "web"}).out.starts_with("READY");
    }));
    remember();
  }
  void remember() {
    for (const char* host : {"east", "west"}) {  // their link-local addresses are soon in use
      comes_true([&] { return lab().shell(host, "ip addr | grep -q tentative").status != 0; });
    }
    for (const char* host : {"east", "west"}) before_[host] = look(host);
  }
  std::string look(const std::string& host) const {
    return traces(host) + "\n" +
           lab().check(host, "ip addr show dev br0 | grep -v valid_lft; ip -4 route; ip -6 route");
  }
  // Of nf_tables; and the TAPs that they lead to.
  std::string tables(const std::string& host) const {
    return lab().check(host, fmt::format("python3 {}; ip -o link | grep -o 'fya[0-9]*' || true",
                                         program("nft_tables.py")));
  }
  void expect_as_before() const {
    for (const auto& [host, before] : before_) {
      std::string now;
      comes_true([&] { return (now = look(host)) == before; });
      EXPECT_EQ(now, before) << "on " << host;
    }
  }
  bool has_address(const std::string& host) const {
    return lab().shell(host, fmt::format("ip -o addr | grep -q ' {}/'", address())).status == 0;
  }
  void expect_only_on(const std::string& host) const {
    const std::string other = host == "east" ? "west" : "east";
    EXPECT_TRUE(has_address(host));
    EXPECT_FALSE(has_address(other));
    const auto entry = lab().check(host, fmt::format("ip -o addr | grep ' {}/'", address()));
    const bool is_to_be = std::string_view(service_.options).ends_with("preferred_lft 0");
    EXPECT_EQ(entry.find("deprecated") != std::string::npos, is_to_be) << entry;
    EXPECT_EQ(lab().shell(other, "pgrep -f '[w]eb_counter'").out, "");
  }
  Connection connect_service() const { return {lab(), "client", address(), kPort}; }
  std::string address() const { return service_.address; }
  std::string prefix() const { return address() + service_.length; }
  std::string add_address() const {
    return fmt::format("ip addr add {} dev br0 {}", prefix(), service_.options);
  }
  std::string delete_address() const { return fmt::format("ip addr del {} dev br0", prefix()); }
  std::string url(const std::string& path) const {
    const bool is_bare = address().find(':') == std::string::npos;
    return fmt::format("http://{}:{}{}", is_bare ? address() : '[' + address() + ']', kPort, path);
  }
  Argv move_words() const { return {"move", "-q", "web", "root@west", "--address", address()}; }
  Background start_load() const {
    return start_ferry("client", {"load-test", url("/next"), "--rate", std::to_string(kServiceRate),
                                  "--connections", std::to_string(kServiceClients), "--counter",
                                  "--json", "--until-eof-of-stdin"});
  }
  void expect_perfect(const Json& load, double pause_ms) {
    ASSERT_FALSE(load.is_null());
    EXPECT_EQ(load.at("failed"), 0) << load.at("examples");
    EXPECT_EQ(load.at("counter").at("holds"), true) << load.at("counter");
    EXPECT_EQ(load.at("connects"), kServiceClients);  // none was made anew
    RecordProperty("requests", load.at("sent").dump());
    RecordProperty("worst_ms", load.at("latency").at("max_ms").dump());
    RecordProperty("frozen_ms", std::to_string(pause_ms));
    EXPECT_LT(load.at("latency").at("max_ms").get<double>(), pause_ms + kServiceRto_ms);
  }
  std::string expect_refused(const Argv& words, const std::vector<std::string>& says,
                             int status = 3) const {
    const Result result = ferry("east", words);
    EXPECT_EQ(result.status, status) << result.out << result.err;
    for (const auto& one : says)
      EXPECT_NE((result.out + result.err).find(one), std::string::npos)
          << one << " is not in: " << result.out << result.err;
    return result.err;
  }
  void change(const std::string& host, const std::string& script) const {
    lab().check(host, script);
  }

 private:
  const Service service_;
  std::map<std::string, std::string> before_;
};

class ServiceAddressTest : public ServiceAddress, public ::testing::WithParamInterface<Service> {
 protected:
  ServiceAddressTest() : ServiceAddress(GetParam()) {}
};

INSTANTIATE_TEST_SUITE_P(Of, ServiceAddressTest, ::testing::Values(kOfIpv4, kOfIpv6),
                         [](const auto& one) { return std::string(one.param.name); });

class ServiceRulesTest : public ServiceAddress {
 protected:
  ServiceRulesTest() : ServiceAddress(kOfIpv4) {}
};

const Argv kServiceMove{"move", "-q", "web", "root@west", "--address", kService};

TEST_P(ServiceAddressTest, ThereAndBackUnderLoadNothingFails) {
  Background load = start_load();
  Connection open = connect_service();
  ASSERT_TRUE(comes_true([&] { return std::stoi(open.get("/value")) > 100; }));
  const Json there = move("web", "east", "west", {"--address", address()});
  ASSERT_FALSE(there.is_null());
  EXPECT_EQ(there.at("service_address"), address());
  EXPECT_EQ(there.at("parking").at("on"), true) << there.at("parking");
  EXPECT_EQ(there.at("parking").at("overflow"), 0) << there.at("parking");
  expect_only_on("west");
  EXPECT_EQ(lab().shell("west", fmt::format("curl -s -m 5 '{}'", url("/value"))).status,
            0);  // from the host itself
  EXPECT_EQ(lab().shell("east", fmt::format("curl -s -m 5 '{}'", url("/value"))).status,
            0);  // where it was
  // It is remembered with the workload.
  EXPECT_EQ(workloads("west").at(0).at("service_address"), address());
  const Json back = move("web", "west", "east");
  ASSERT_FALSE(back.is_null());
  EXPECT_GT(
      there.at("parking").at("frames").get<int>() + back.at("parking").at("frames").get<int>(), 0);
  expect_only_on("east");
  (void)open.get("/value");  // a /next of ours would be a number that the load misses
  expect_perfect(end_load(load),
                 std::max(there.at("frozen_ms").get<double>(), back.at("frozen_ms").get<double>()));
  for (const char* host : {"east", "west"})
    EXPECT_TRUE(comes_true([&] { return tables(host).empty(); })) << host << ": " << tables(host);
}

// A bare process, by its pid.
TEST_P(ServiceAddressTest, OfABareProcess) {
  lab().check("east", fmt::format("setsid python3 {} 9090 :: </dev/null >/tmp/bare.log 2>&1 &",
                                  program("web_counter.py")));
  ASSERT_TRUE(comes_true(
      [&] { return lab().shell("east", "cat /tmp/bare.log").out.starts_with("READY"); }));
  const auto pid = lab().check("east", "pgrep -f '[w]eb_counter.py 9090'");
  Connection open(lab(), "client", address(), 9090);
  EXPECT_EQ(open.next(), 1);
  ASSERT_FALSE(move(pid, "east", "west", {"--address", address(), "--name", "bare"}).is_null());
  EXPECT_EQ(open.next(), 2);
  EXPECT_TRUE(has_address("west"));
  EXPECT_FALSE(has_address("east"));
}

TEST_P(ServiceAddressTest, NoPacketReachesTheTargetBeforeTheCommit) {
  Connection open = connect_service();
  EXPECT_EQ(open.next(), 1);
  Background failing =
      start_ferry("east", move_words(), "target.restored=stall:1500,source.restored=fail");
  ASSERT_TRUE(
      comes_true([&] { return lab().shell("west", "pgrep -f '[w]eb_counter'").out != ""; }));
  open.send_get("/next");
  const auto until = base::mono_now() + base::milliseconds(600);
  while (base::mono_now() < until) {
    ASSERT_GT(open.unacknowledged(), 0);
    ASSERT_TRUE(open.is_silent(20));
  }
  EXPECT_FALSE(has_address("east"));  // who asks for it is not answered twice
  EXPECT_EQ(tables("west").find(fmt::format("5 {}\nfya", GetParam().table)), 0U)
      << tables("west");  // NFPROTO_NETDEV
  EXPECT_EQ(failing.wait(), 1);
  EXPECT_EQ(open.read_answer(), "2\n");  // the very request, answered by the source, once
  EXPECT_EQ(open.get("/value"), "2\n");
  expect_only_on("east");
  expect_as_before();
}

TEST_P(ServiceAddressTest, AMoveThatIsGivenUpUnderLoadFailsNoRequest) {
  Background load = start_load();
  Connection open = connect_service();
  ASSERT_TRUE(comes_true([&] { return std::stoi(open.get("/value")) > 100; }));
  const auto begin = base::mono_now();
  EXPECT_EQ(ferry("east", move_words(), "source.restored=fail").status, 1);
  const double took_ms = base::ms_between(begin, base::mono_now());
  ASSERT_TRUE(comes_true([&, seen = std::stoi(open.get("/value"))] {
    return std::stoi(open.get("/value")) > seen + 100;
  }));
  expect_perfect(end_load(load), took_ms);
  expect_as_before();
  ASSERT_FALSE(move("web", "east", "west", {"--address", address()}).is_null());
  (void)open.next();
}

TEST_P(ServiceAddressTest, WithoutParkingThePacketsAreDroppedAndSentAgain) {
  Connection open = connect_service();
  EXPECT_EQ(open.next(), 1);
  for (const auto& options : {Argv{"--address", address(), "--no-parking"}, Argv{"--tunnel"}}) {
    const bool is_there = has_address("west");
    const Json report =
        move("web", is_there ? "west" : "east", is_there ? "east" : "west", options);
    ASSERT_FALSE(report.is_null());
    EXPECT_EQ(report.at("parking").at("on"), false);
    EXPECT_EQ(open.next(), is_there ? 3 : 2);
  }
  expect_only_on("east");
}

TEST_P(ServiceAddressTest, ClosedConnectionsEndAtOnceAndNewOnesComeThere) {
  Connection open = connect_service();
  EXPECT_EQ(open.next(), 1);
  ASSERT_FALSE(move("web", "east", "west", {"--address", address(), "--tcp", "close"}).is_null());
  EXPECT_THROW(open.read_until("never comes", 5'000), std::exception);
  EXPECT_FALSE(open.is_established());
  EXPECT_EQ(connect_service().next(), 2);
}

// Wherever a ferry is killed, its guard puts things right: the workload is on one host, the address
// is there, and nothing else stays.
class KilledServiceMoveTest
    : public ServiceAddress,
      public ::testing::WithParamInterface<std::tuple<Service, const char*>> {
 protected:
  KilledServiceMoveTest() : ServiceAddress(std::get<Service>(GetParam())) {}
};

TEST_P(KilledServiceMoveTest, LeavesOneHostWithBoth) {
  const std::string point = std::get<const char*>(GetParam());
  Connection open = connect_service();
  EXPECT_EQ(open.next(), 1);
  Background failing = start_ferry("east", move_words(), fmt::format("{}=kill", point));
  failing.wait();
  EXPECT_EQ(open.next(), 2);
  EXPECT_EQ(connect_service().get("/value"), "2\n");
  const auto is_on = [&](const char* one) {
    return !lab().shell(one, "pgrep -f '[w]eb_counter'").out.empty();
  };
  // The other one's copy, which never runs again or never ran, may take a moment to go.
  EXPECT_TRUE(comes_true([&] { return is_on("east") != is_on("west"); }));
  const bool moved = is_on("west");
  const char* const home = moved ? "west" : "east";
  EXPECT_TRUE(comes_true([&] { return has_address("east") != has_address("west"); }));
  if (!moved) expect_as_before();
  expect_only_on(home);
  for (const char* one : {"east", "west"}) {
    EXPECT_TRUE(comes_true([&] { return tables(one).empty(); })) << one << ": " << tables(one);
  }
  EXPECT_TRUE(comes_true(
      [&] {
        return ferry(home, {"move", "-q", "web", moved ? "root@east" : "root@west", "--address",
                            address()})
                   .status == 0;
      },
      20'000));
  EXPECT_EQ(open.next(), 3);
}

INSTANTIATE_TEST_SUITE_P(
    Points, KilledServiceMoveTest,
    ::testing::Combine(::testing::Values(kOfIpv4, kOfIpv6),
                       ::testing::Values("source.prepared", "source.frozen", "source.dumped",
                                         "source.restored", "source.committed", "source.granted",
                                         "target.ready", "target.restoring", "target.restored",
                                         "target.resuming", "target.running")),
    [](const auto& one) {
      std::string name =
          fmt::format("{}_{}", std::get<Service>(one.param).name, std::get<const char*>(one.param));
      std::ranges::replace(name, '.', '_');
      return name;
    });

// Nobody is left to put anything right: neither host answers for the address, and neither workload
// hears its packets.
TEST_P(ServiceAddressTest, WithTheGuardsKilledTooNobodyAnswersUntilItIsResolved) {
  Connection open = connect_service();
  EXPECT_EQ(open.next(), 1);
  Background failing = start_ferry("east", move_words(), "target.restored=stall:60000");
  ASSERT_TRUE(comes_true([&] { return has_address("west"); }));
  ASSERT_TRUE(
      comes_true([&] { return lab().shell("west", "pgrep -f '[w]eb_counter'").out != ""; }));
  // Stopped first, so that none sees the other's end.
  for (const char* signal : {"STOP", "KILL"}) {
    for (const char* host : {"west", "east"}) {
      lab().shell(
          host,
          fmt::format(
              "pkill -{0} -f '[e]xe guard'; pkill -{0} -f '[f]erry (move|receive)|[c]riu'; true",
              signal));
    }
  }
  failing.wait();
  open.send_get("/next");
  EXPECT_TRUE(open.is_silent(700));
  EXPECT_GT(open.unacknowledged(), 0);
  lab().check("client", "ip -4 neigh flush all; ip -6 neigh flush all");
  EXPECT_NE(lab().shell("client", fmt::format("ping -c 1 -W 1 {}", address())).status, 0);
  EXPECT_EQ(tables("west"), fmt::format("5 {}", GetParam().table));
  EXPECT_EQ(tables("east"), GetParam().source_tables);
  EXPECT_EQ(ferry("west", {"resolve"}).status, 0);
  EXPECT_EQ(ferry("east", {"resolve"}).status, 0);
  EXPECT_EQ(open.read_answer(), "2\n");
  expect_only_on("east");
  expect_as_before();
}

TEST_P(ServiceAddressTest, AnAddressThatIsElsewhereTooIsRefused) {
  change("client", add_address());
  expect_refused(move_words(), {fmt::format("the address {} is taken", address()),
                                "answers for it, besides the source"});
  expect_refused({"check", "web", "root@west", "--address", address()}, {"is taken"});
  change("client", delete_address());
  change("west", add_address());
  expect_refused(move_words(),
                 {fmt::format("the address {} is taken", address()), "this host itself has it"});
  change("west", delete_address());
  expect_as_before();
  EXPECT_EQ(ferry("east", {"check", "web", "root@west", "--address", address()}).status, 0);
}

TEST_F(ServiceRulesTest, OthersThatUseItAreNamed) {
  Background other =
      lab().start("east", {"python3", "-c",
                           fmt::format("import socket,time; s=socket.create_server(('{}',7000)); "
                                       "print('up',flush=True); time.sleep(600)",
                                       kService)});
  ASSERT_EQ(other.read_line(), "up");
  expect_refused(kServiceMove, {"uses the address 10.77.0.50, too (port 7000)", "python3 (pid ",
                                "end it, or let it use another address"});
  other.signal(SIGKILL);
  other.wait();
  // The way to the target itself.
  expect_refused({"move", "-q", "web", "root@west", "--address", kService, "--ssh-option",
                  fmt::format("BindAddress={}", kService)},
                 {"ssh (pid ", "a connection between hosts goes by it"});
  expect_as_before();
}

TEST_F(ServiceRulesTest, WhatCannotBeMovedIsSaid) {
  const auto with = [](const std::string& address) {
    return Argv{"move", "-q", "web", "root@west", "--address", address};
  };
  expect_refused(with("nonsense"), {"nonsense"}, 2);
  expect_refused(with("10.77.0.50/24"), {"say the address alone"}, 2);
  expect_refused(with("10.77.0.51"), {"this host does not have it"});
  expect_refused(with("10.77.0.1"), {"this host's first address in its network"});
  expect_refused(with("fd00:77::51"), {"this host does not have it"});
  const auto own = lab().check("east", "ip -6 -o addr show dev br0 scope link | awk '{print $4}'");
  expect_refused(with(own.substr(0, own.find('/'))), {"it is a link-local address"});
  change("east",
         "ip addr add 10.99.0.1/24 dev br0; ip addr add 10.77.0.52/24 dev br0 valid_lft 600 "
         "preferred_lft 300");
  expect_refused(with("10.99.0.1"), {"the only one that this host has in its network"});
  expect_refused(with("10.77.0.52"), {"lent to this host for a time"});
  change("east", "ip addr del 10.99.0.1/24 dev br0; ip addr del 10.77.0.52/24 dev br0");
  change("east", fmt::format("ip route add 10.98.0.0/24 dev br0 src {}", kService));
  expect_refused(with(kService), {"a route of this host names it"});
  change("east", "ip route del 10.98.0.0/24");
  // A connection on another address of the host stays behind.
  Connection other(lab(), "client", "10.77.0.1", kPort);
  EXPECT_EQ(other.next(), 1);
  expect_refused(with(kService),
                 {"open TCP connections on another address of this host than 10.77.0.50"});
  EXPECT_EQ(other.next(), 2);
  expect_as_before();
}

// One that came with an address can go on without.
TEST_F(ServiceRulesTest, ItStaysWhenThatIsSaid) {
  ASSERT_FALSE(move("web", "east", "west", {"--address", kService}).is_null());
  ASSERT_FALSE(move("web", "west", "east", {"--address", "none"}).is_null());
  EXPECT_TRUE(has_address("west"));
  EXPECT_FALSE(has_address("east"));
  EXPECT_EQ(workloads("east").at(0).at("service_address"), "");
}

TEST_F(ServiceRulesTest, OneWithAnAddressOfItsOwnNeedsNone) {
  run("east", "own", {"--ip", "10.77.0.60/24"}, {"/usr/bin/sleep", "600"});
  expect_refused({"move", "-q", "own", "root@west", "--address", kService},
                 {"has an address of its own (10.77.0.60/24), which goes along anyway"});
}

}  // namespace
}  // namespace ferry::testing
