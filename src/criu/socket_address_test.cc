// SPDX-License-Identifier: Apache-2.0
#include "criu/socket_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <fstream>

#include "criu/image_file.h"

namespace ferry::criu {
namespace {

uint32_t word(const char* address) { return inet_addr(address); }

class SocketAddressTest : public ::testing::Test {
 protected:
  SocketAddressTest() {
    char pattern[] = "/tmp/ferry-sockets-XXXXXX";
    images_ = ::mkdtemp(pattern);
    std::ofstream(images_ / "files.img", std::ios::binary) << std::string("\x19\x43\x56\x54\x38\x31\x30\x56", 8);
  }
  ~SocketAddressTest() override { std::filesystem::remove_all(images_); }

  void add(const std::vector<uint32_t>& own, const std::vector<uint32_t>& other) const {
    ImageFile<image::OpenFile> files(images_ / "files.img");
    auto& file = files.entries.emplace_back();
    file.set_type(2);
    file.set_id(static_cast<uint32_t>(files.entries.size()));
    file.mutable_isk()->set_family(own.size() == 1 ? AF_INET : AF_INET6);
    file.mutable_isk()->mutable_src_addr()->Assign(own.begin(), own.end());
    file.mutable_isk()->mutable_dst_addr()->Assign(other.begin(), other.end());
    files.write();
  }
  using Words = std::vector<uint32_t>;
  std::pair<Words, Words> addresses(size_t of) const {
    const ImageFile<image::OpenFile> files(images_ / "files.img");
    const auto& socket = files.entries.at(of).isk();
    return {{socket.src_addr().begin(), socket.src_addr().end()}, {socket.dst_addr().begin(), socket.dst_addr().end()}};
  }
  int change() const {
    return change_socket_addresses(images_, kernel::IpAddr::parse("172.17.0.2"), kernel::IpAddr::parse("172.17.0.5"));
  }
  base::Path images_;
};

TEST_F(SocketAddressTest, ItsOwnBecomesTheNewOne) {
  const uint32_t before = word("172.17.0.2"), after = word("172.17.0.5"), client = word("10.77.0.3"), mapped = htonl(0xffff);
  add({before}, {client});
  add({0, 0, mapped, before}, {0, 0, mapped, client});  // of a server that listens on [::]
  add({before}, {before});                              // to itself
  EXPECT_EQ(change(), 3);
  EXPECT_EQ(addresses(0), std::pair(Words{after}, Words{client}));
  EXPECT_EQ(addresses(1), std::pair(Words{0, 0, mapped, after}, Words{0, 0, mapped, client}));
  EXPECT_EQ(addresses(2), std::pair(Words{after}, Words{after}));
}

TEST_F(SocketAddressTest, OthersStay) {
  const uint32_t before = word("172.17.0.2"), any = 0, lo = word("127.0.0.1");
  add({any}, {any});
  add({lo}, {lo});
  add({htonl(0xfd000000), 0, 0, before}, {0, 0, 0, 0});  // of IPv6, and ends by chance like that
  add({}, {});                                           // a packet socket has none
  EXPECT_EQ(change(), 0);
  EXPECT_EQ(addresses(2).first.back(), before);
}

}  // namespace
}  // namespace ferry::criu
