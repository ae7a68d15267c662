// SPDX-License-Identifier: Apache-2.0
//
// Servers that people run, as they run them: with users of their own, several processes, and much memory.
#include <fmt/format.h>

#include "support/move_test.h"

namespace ferry::testing {
namespace {

class ServersTest : public MoveTest {
 protected:
  void run_with_address(const std::string& name, const Argv& command) const {
    run("east", name, {"--ip", fmt::format("{}/24", kAddress)}, command);
  }
  bool has_program(const std::string& path) const { return lab().shell("east", "test -x " + path).status == 0; }
  // "comm user" of each process of a capsule's network namespace, by its address; one per line.
  std::string users_of(const std::string& host, const std::string& comm) const {
    return lab().check(host, fmt::format("ps -C {} -o user= | sort | xargs", comm));
  }
  Connection connect_when_up(int port) const {
    EXPECT_TRUE(comes_true([&] {
      try {
        connect(port);
        return true;
      } catch (const std::exception&) {
        return false;
      }
    }));
    return connect(port);
  }
};

// Under its usual layout: every path exists on both hosts, as after an installation on both.
constexpr const char* kNginxSetUp = R"(
mkdir -p /srv/site /srv/nginx && echo 'it works' >/srv/site/index.html
head -c 3000000 /dev/urandom >/srv/site/large
chmod 755 /srv /srv/site /srv/nginx && chown www-data /srv/nginx
cat >/srv/nginx/nginx.conf <<'END'
user www-data;
worker_processes 2;
pid /srv/nginx/nginx.pid;
error_log /srv/nginx/error.log;
events { worker_connections 256; }
http {
  access_log /srv/nginx/access.log;
  client_body_temp_path /srv/nginx/body; proxy_temp_path /srv/nginx/proxy; fastcgi_temp_path /srv/nginx/fastcgi;
  uwsgi_temp_path /srv/nginx/uwsgi; scgi_temp_path /srv/nginx/scgi;
  keepalive_timeout 600;
  server { listen 80; root /srv/site; }
}
END
)";

TEST_F(ServersTest, NginxWithItsWorkers) {
  if (!has_program("/usr/sbin/nginx")) GTEST_SKIP() << "no nginx in the lab's layer";
  lab().check("east", kNginxSetUp);
  lab().check("east", "cd /srv && tar cf - . | ssh west 'tar xf - -C /srv'");  // before it writes anything
  run_with_address("nginx", {"/usr/sbin/nginx", "-g", "daemon off;", "-c", "/srv/nginx/nginx.conf"});
  Connection open = connect_when_up(80);
  EXPECT_EQ(open.get("/"), "it works\n");
  const std::string large = open.get("/large");
  ASSERT_EQ(users_of("east", "nginx"), "root www-data www-data");
  ASSERT_FALSE(move("nginx", "east", "west").is_null());
  EXPECT_EQ(open.get("/"), "it works\n");
  EXPECT_EQ(open.get("/large"), large);
  EXPECT_EQ(connect(80).get("/large"), large);
  EXPECT_EQ(users_of("west", "nginx"), "root www-data www-data");
  EXPECT_EQ(users_of("east", "nginx"), "");
  // Master and workers still talk: a reload brings new workers, and ending is orderly.
  const std::string workers = lab().check("west", "pgrep -u www-data nginx | xargs");
  lab().check("west", "kill -HUP $(pgrep -u root nginx)");
  EXPECT_TRUE(comes_true([&] {
    const std::string now = lab().check("west", "pgrep -u www-data nginx | xargs");
    return now != workers && connect(80).get("/") == "it works\n";
  }));
  // Its log went along: four requests before and after, in one file.
  EXPECT_GE(std::stoi(lab().check("west", "grep -c ' 200 ' /srv/nginx/access.log")), 5);
  EXPECT_EQ(ferry("west", {"stop", "nginx"}).out, "nginx has ended\n");
}

constexpr int kRedisPort = 6379;
constexpr int kRedisKeys = 10'000;  // of 10 KiB each: 100 MB

std::string digest(Connection& redis) {
  redis.send("DEBUG DIGEST\r\n");
  return redis.read_until("\r\n");
}
std::string command(Connection& redis, const std::string& text) {
  redis.send(text + "\r\n");
  return redis.read_until("\r\n");
}

TEST_F(ServersTest, RedisWithAHundredMegabytesUnderItsOwnUser) {
  if (!has_program("/usr/bin/redis-server")) GTEST_SKIP() << "no redis-server in the lab's layer";
  run_with_address("redis", {"setpriv", "--reuid", "redis", "--regid", "redis", "--clear-groups", "redis-server", "--protected-mode",
                             "no", "--save", "", "--dir", "/var/lib/redis", "--enable-debug-command", "yes"});
  Connection open = connect_when_up(kRedisPort);
  ASSERT_EQ(command(open, "PING"), "+PONG\r\n");
  ASSERT_EQ(command(open, fmt::format("DEBUG POPULATE {} key 10240", kRedisKeys)), "+OK\r\n");
  // Populate fills with a pattern; these differ from key to key.
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(command(open, fmt::format("SET own:{} {}", i, std::string(1000, static_cast<char>('a' + i % 26)))), "+OK\r\n");
  }
  const std::string before = digest(open);
  ASSERT_EQ(before.size(), 43U) << before;  // "+", 40 digits, CR LF
  // A client that waits in a blocking command while it moves.
  Connection waiting = connect(kRedisPort);
  waiting.send("BLPOP queue 0\r\n");

  const Json report = move("redis", "east", "west");
  ASSERT_FALSE(report.is_null());
  EXPECT_GT(report.at("memory_bytes"), 100'000'000);
  EXPECT_GT(report.at("rounds").at(0).at("dirty_bytes"), 100'000'000);  // compressed, it is less on the wire
  EXPECT_EQ(digest(open), before);
  EXPECT_EQ(command(open, "DBSIZE"), fmt::format(":{}\r\n", kRedisKeys + 200));
  EXPECT_EQ(command(open, "RPUSH queue now"), ":1\r\n");
  EXPECT_EQ(waiting.read_until("now\r\n"), "*2\r\n$5\r\nqueue\r\n$3\r\nnow\r\n");
  EXPECT_EQ(users_of("west", "redis-server"), "redis");
  EXPECT_EQ(users_of("east", "redis-server"), "");
  Connection fresh = connect(kRedisPort);
  EXPECT_EQ(command(fresh, "PING"), "+PONG\r\n");
}

}  // namespace
}  // namespace ferry::testing
