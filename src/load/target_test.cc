// SPDX-License-Identifier: Apache-2.0
#include "load/target.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "base/error.h"

namespace ferry::load {
namespace {

TEST(Target, TakesUrlsApart) {
  struct Case {
    const char *url, *host;
    uint16_t port;
    const char *path, *authority;
  };
  for (const Case& c :
       {Case{"http://10.77.0.9:8080/next", "10.77.0.9", 8080, "/next", "10.77.0.9:8080"},
        Case{"http://web", "web", 80, "/", "web"},
        Case{"http://web:81?a=b", "web", 81, "/?a=b", "web:81"},
        Case{"http://web/a/b?c#d", "web", 80, "/a/b?c", "web"},
        Case{"http://[::1]:90/", "::1", 90, "/", "[::1]:90"},
        Case{"http://[fe80::1]", "fe80::1", 80, "/", "[fe80::1]"}}) {
    const Target target = parse_url(c.url);
    EXPECT_EQ(target.host, c.host) << c.url;
    EXPECT_EQ(target.port, c.port) << c.url;
    EXPECT_EQ(target.path, c.path) << c.url;
    EXPECT_EQ(target.authority(), c.authority) << c.url;
  }
}

TEST(Target, TakesRedisUrlsApart) {
  const Target plain = parse_url("redis://10.77.0.9");
  EXPECT_EQ(plain.scheme, Scheme::kRedis);
  EXPECT_EQ(plain.port, 6379);
  EXPECT_EQ(plain.path, "/");
  const Target full = parse_url("redis://me:s@cret@[::1]:90/3?command=get");
  EXPECT_EQ(full.host, "::1");
  EXPECT_EQ(full.port, 90);
  EXPECT_EQ(full.path, "/3?command=get");
  EXPECT_EQ(full.user, "me");
  EXPECT_EQ(full.password, "s@cret");
  EXPECT_EQ(parse_url("redis://:pw@h").user, "");
  EXPECT_EQ(parse_url("redis://:pw@h").password, "pw");
}

TEST(Target, PasswordIsNotShown) {
  EXPECT_EQ(without_password("redis://me:s@cret@h:90/3?key=a@b"), "redis://me:***@h:90/3?key=a@b");
  EXPECT_EQ(without_password("redis://:pw@h"), "redis://:***@h");
  for (const char* url : {"redis://h:90/3?key=a:b@c", "http://web:80/a@b", "http://web"}) {
    EXPECT_EQ(without_password(url), url);
  }
}

TEST(Target, RefusesWhatIsNoUrl) {
  for (const char* url :
       {"", "web:80", "https://web/", "http://", "http://:80/", "http://web:/", "http://web:0/",
        "http://web:65536/", "http://web:80x/", "http://[::1/", "http://[::1]x/", "http://web/a b",
        "http://web/a\r\nX: y", "http://w eb/", "http://me:pw@web/", "redis://", "redis://me@h",
        "redis://h:0", "redis:h"}) {
    EXPECT_THROW(parse_url(url), base::Error) << url;
  }
}

TEST(Target, ResolvesNumbersAndNames) {
  const Address v4 = resolve(parse_url("http://127.0.0.1:8080/"));
  ASSERT_EQ(v4.storage.ss_family, AF_INET);
  EXPECT_EQ(ntohs(reinterpret_cast<const sockaddr_in*>(v4.get())->sin_port), 8080);
  EXPECT_EQ(resolve(parse_url("http://[::1]:8080/")).storage.ss_family, AF_INET6);
  EXPECT_EQ(resolve(parse_url("http://localhost/")).storage.ss_family, AF_INET);
  EXPECT_THROW(resolve(parse_url("http://no-such-host.invalid/")), base::Error);
}

}  // namespace
}  // namespace ferry::load
