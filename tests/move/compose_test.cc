// SPDX-License-Identifier: Apache-2.0
//
// A project of docker-compose moves by one command while its customers go on ordering.
#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "support/docker_test.h"

namespace ferry::testing {
namespace {

constexpr const char* kShop = "10.77.0.70";  // whose MAC, made of it, no other test has: bridges remember where it was last

// What the python image has, redis and postgres of the host, and programs/shop.
const std::string kMakeShopImage = fmt::format(R"sh(
  cd "$(mktemp -d)"
  {}
  postgres=/usr/lib/postgresql/15
  mkdir -p usr/lib/postgresql usr/share/postgresql usr/share/zoneinfo shop orders
  cp -a $postgres usr/lib/postgresql/ && cp -a /usr/share/postgresql/15 usr/share/postgresql/
  cp "$(command -v redis-server)" usr/bin/
  ldd $postgres/bin/postgres $postgres/bin/initdb usr/bin/redis-server | grep -o '/[^ )]*' | grep '\.so' | sort -u |
    while read -r one; do mkdir -p ".${{one%/*}}" && cp -L "$one" ".$one"; done
  cp -r {}/programs/shop/* shop/
  echo 'postgres:x:70:70::/:/bin/sh' >>etc/passwd && chown 70:70 orders && chmod 1777 tmp
  tar -cf - . | docker import - shop
)sh",
                                               bench::kFillPythonRoot, FERRY_BINARY_DIR);

// Orders without a break, on a connection that stays and on a new one each time; each number must be the next.
class Customers {
 public:
  explicit Customers(const Lab& lab) : lab_(lab) {}
  ~Customers() { (void)leave(); }

  void come() {
    buying_ = std::thread([this] {
      try {
        Connection open = enter();
        while (!is_leaving_) {
          count(open.get("/order"));
          count(enter().get("/order"));
        }
      } catch (const std::exception& failure) {
        complaint_ = failure.what();
      }
    });
  }
  int orders() const { return orders_; }
  // What went wrong.
  std::string leave() {
    is_leaving_ = true;
    if (buying_.joinable()) buying_.join();
    return complaint_;
  }

 private:
  Connection enter() const { return {lab_, "north", kShop, kPort}; }
  void count(const std::string& number) {
    if (number != std::to_string(++orders_)) throw base::Error({fmt::format("order {} is number {}", orders_.load(), number), "", "", {}, {}});
  }

  const Lab& lab_;
  std::atomic<int> orders_ = 1;  // the first was made to see that the shop is open
  std::atomic<bool> is_leaving_ = false;
  std::string complaint_;
  std::thread buying_;
};

TEST_F(DockerTest, AComposeProjectMovesWhileItsCustomersOrder) {
  if (lab_->shell("east", "command -v docker-compose").status != 0) GTEST_SKIP() << "no docker-compose in the layer of docker";
  remove_lan();
  lab_->check("east", kMakeShopImage);
  const auto up = [](const char* host) {
    return lab_->check(host, fmt::format("cd {}/programs/shop && ADDRESS={} GATEWAY={} docker-compose --ansi never up -d 2>&1", FERRY_BINARY_DIR,
                                         kShop, host == std::string("east") ? kEast : kWest));
  };
  up("east");
  Customers customers(*lab_);
  ASSERT_TRUE(comes_true([&] { return lab_->shell("north", fmt::format("curl -sf http://{}:{}/order", kShop, kPort)).out == "1"; }));
  customers.come();
  ASSERT_TRUE(comes_true([&] { return customers.orders() > 20; }));
  const auto moved = ferry("east", {"move", "--all", "docker:", "root@west", "--json"});
  ASSERT_EQ(moved.status, 0) << moved.out << moved.err;
  EXPECT_EQ(Json::parse(moved.out)["moves"].size(), 3u) << moved.out;
  const int then = customers.orders();
  EXPECT_TRUE(comes_true([&] { return customers.orders() > then + 20; }));
  EXPECT_EQ(customers.leave(), "");
  EXPECT_EQ(lab_->check("east", "docker ps -aq; docker volume ls -q"), "");
  // It is a project there, too, of which nothing is to be made anew, and whose names are known.
  const auto said = up("west");
  for (const char* service : {"web", "redis", "postgres"}) {
    EXPECT_NE(said.find(fmt::format("shop_{}_1 is up-to-date", service)), std::string::npos) << said;
    lab_->check("west", fmt::format("docker exec shop_web_1 python3 -c 'import socket; socket.gethostbyname(\"{}\")'", service));
  }
  EXPECT_EQ(lab_->check("west", "ls -d /tmp/ctrd-checkpoint* 2>/dev/null || true"), "");
}

}  // namespace
}  // namespace ferry::testing
