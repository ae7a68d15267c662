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

TEST(Target, RefusesWhatIsNoUrl) {
  for (const char* url :
       {"", "web:80", "https://web/", "http://", "http://:80/", "http://web:/", "http://web:0/",
        "http://web:65536/", "http://web:80x/", "http://[::1/", "http://[::1]x/", "http://web/a b",
        "http://web/a\r\nX: y", "http://w eb/"}) {
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
