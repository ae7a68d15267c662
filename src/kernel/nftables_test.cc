// SPDX-License-Identifier: Apache-2.0
//
// On lo of a network namespace of their own: what is sent to 127.0.0.9 comes in there, or not.
#include "kernel/nftables.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <sys/socket.h>

#include <array>

#include "base/error.h"
#include "base/fd.h"
#include "kernel/tap.h"
#include "kernel/test_network.h"

namespace ferry::kernel {
namespace {

constexpr uint16_t kNftPort = 7777;
constexpr const char* kNftTable = "ferry-test";
constexpr const char* kTargetText = "127.0.0.9";

class NftablesTest : public OwnNetworkTest {
 protected:
  static std::vector<LinkChain> chains(LinkRule::Verdict verdict, int link = 0,
                                       LinkChain::Way way = LinkChain::Way::kIn) {
    return {
        {way,
         "lo",
         {{ETHERTYPE_IP, {{FrameMatch::Header::kNetwork, 16, {127, 0, 0, 9}}}, verdict, link}}}};
  }
};

// Receives at 127.0.0.9, and sends to it and to others.
class NftTalk {
 public:
  NftTalk() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const auto any = place("0.0.0.0");
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
  }
  bool reaches(const char* address) const {
    const auto to = place(address);
    EXPECT_EQ(::sendto(socket_.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to),
              1);
    std::array<char, 8> buffer;
    return base::wait_readable(socket_.get(), 50) &&
           ::recv(socket_.get(), buffer.data(), buffer.size(), 0) == 1;
  }

 private:
  static sockaddr_in place(const char* address) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(kNftPort);
    ::inet_pton(AF_INET, address, &where.sin_addr);
    return where;
  }
  base::Fd socket_;
};

TEST_F(NftablesTest, DropsWhatFitsAndNothingElse) {
  in_own_network([](Netlink& net) {
    net.set_up("lo", true);
    const NftTalk talk;
    ASSERT_TRUE(talk.reaches(kTargetText));
    Nftables tables;
    tables.put_table(kNftTable, chains(LinkRule::Verdict::kDrop), Nftables::Life::kWithThis);
    EXPECT_FALSE(talk.reaches(kTargetText));
    EXPECT_TRUE(talk.reaches("127.0.0.8"));
    tables.put_table(kNftTable, chains(LinkRule::Verdict::kAccept),
                     Nftables::Life::kWithThis);  // instead of it
    EXPECT_TRUE(talk.reaches(kTargetText));
    tables.put_table(kNftTable, chains(LinkRule::Verdict::kDrop, 0, LinkChain::Way::kOut),
                     Nftables::Life::kWithThis);
    EXPECT_FALSE(talk.reaches(kTargetText));
    EXPECT_TRUE(talk.reaches("127.0.0.8"));
  });
}

TEST_F(NftablesTest, OneThatIsWithItsMakerEndsWithIt) {
  in_own_network([](Netlink& net) {
    net.set_up("lo", true);
    const NftTalk talk;
    {
      Nftables tables;
      tables.put_table(kNftTable, chains(LinkRule::Verdict::kDrop), Nftables::Life::kWithThis);
      EXPECT_FALSE(talk.reaches(kTargetText));
      EXPECT_THROW(Nftables().delete_table(kNftTable), base::SysError);  // it is nobody else's
    }
    EXPECT_TRUE(talk.reaches(kTargetText));
  });
}

TEST_F(NftablesTest, ALastingOneStaysUntilAnyoneDeletesIt) {
  in_own_network([](Netlink& net) {
    net.set_up("lo", true);
    const NftTalk talk;
    Nftables().put_table(kNftTable, chains(LinkRule::Verdict::kDrop), Nftables::Life::kLasting);
    EXPECT_FALSE(talk.reaches(kTargetText));
    Nftables().delete_table(kNftTable);
    EXPECT_TRUE(talk.reaches(kTargetText));
    Nftables().delete_table(kNftTable);  // gone already
  });
}

TEST_F(NftablesTest, ForwardsToALinkAndDropsWhenThatHasGone) {
  in_own_network([](Netlink& net) {
    net.set_up("lo", true);
    const NftTalk talk;
    auto tap = std::make_optional<Tap>("nft%d");
    net.set_up(tap->name(), true);
    std::vector<std::byte> buffer(kMostFrameBytes);
    while (tap->try_read(buffer)) continue;  // what the kernel itself says on a new link
    Nftables tables;
    tables.put_table(kNftTable,
                     chains(LinkRule::Verdict::kForward, net.find_link(tap->name())->index),
                     Nftables::Life::kWithThis);
    EXPECT_FALSE(talk.reaches(kTargetText));
    bool came = false;
    while (const auto frame = tap->try_read(buffer))
      came = came || (frame->size() == 14 + 20 + 8 + 1 && frame->back() == std::byte{'x'});
    EXPECT_TRUE(came);
    tap.reset();
    EXPECT_FALSE(talk.reaches(kTargetText));
  });
}

TEST_F(NftablesTest, AnothersIsNotReplacedAndNothingIsMade) {
  in_own_network([](Netlink& net) {
    net.set_up("lo", true);
    const NftTalk talk;
    Nftables owner;
    owner.put_table(kNftTable, chains(LinkRule::Verdict::kAccept), Nftables::Life::kWithThis);
    EXPECT_THROW(
        Nftables().put_table(kNftTable, chains(LinkRule::Verdict::kDrop), Nftables::Life::kLasting),
        base::SysError);
    EXPECT_TRUE(talk.reaches(kTargetText));
    EXPECT_EQ(why_no_link_tables(), "");
  });
}

}  // namespace
}  // namespace ferry::kernel
