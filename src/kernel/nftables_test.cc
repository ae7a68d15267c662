// SPDX-License-Identifier: Apache-2.0
//
// On lo of a network namespace of their own: what is sent to 127.0.0.9 comes in there, or not.
#include "kernel/nftables.h"

#include <arpa/inet.h>
#include <fcntl.h>
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

// From the port of NftTalk to itself: as it is in the set, or not any more.
TEST_F(NftablesTest, WhatIsInASetIsFound) {
  in_own_network([](Netlink& net) {
    net.set_up("lo", true);
    const NftTalk talk;
    const LinkSet flows{
        "flows", {{FrameMatch::Header::kNetwork, 16, 4}, {FrameMatch::Header::kTransport, 2, 2}}};
    Nftables tables;
    tables.put_table(
        kNftTable,
        {{LinkChain::Way::kIn, "lo", {{ETHERTYPE_IP, {}, LinkRule::Verdict::kDrop, 0, flows}}}},
        Nftables::Life::kWithThis);
    EXPECT_TRUE(talk.reaches(kTargetText));
    const auto key = [](char last) {
      return std::string{
          127, 0, 0, last, static_cast<char>(kNftPort >> 8), static_cast<char>(kNftPort & 0xff),
          0,   0};
    };
    Nftables::Keys many;  // more than one message takes, and one transaction
    for (int i = 0; i < 6'000; ++i)
      many.push_back({10, 1, static_cast<char>(i >> 8), static_cast<char>(i), 0, 7, 0, 0});
    many.push_back(key(9));
    tables.add_elements(kNftTable, flows.name, many);
    EXPECT_FALSE(talk.reaches(kTargetText));
    EXPECT_TRUE(talk.reaches("127.0.0.8"));
    tables.add_elements(kNftTable, flows.name, {key(9), key(8)});  // the one is there already
    EXPECT_FALSE(talk.reaches("127.0.0.8"));
    tables.delete_elements(kNftTable, flows.name, {key(9)});
    EXPECT_TRUE(talk.reaches(kTargetText));
    EXPECT_FALSE(talk.reaches("127.0.0.8"));
    EXPECT_THROW(tables.delete_elements(kNftTable, flows.name, {key(9)}), base::SysError);
  });
}

TEST_F(NftablesTest, RulesAddedLaterAndByASharedSocketCount) {
  in_own_network([](Netlink& net) {
    net.set_up("lo", true);
    const NftTalk talk;
    auto first = std::make_optional<Nftables>();
    first->put_table(kNftTable, {{LinkChain::Way::kIn, "lo", {}}}, Nftables::Life::kWithThis);
    Nftables second(base::Fd(::fcntl(first->fd(), F_DUPFD_CLOEXEC, 0)));
    first.reset();  // the table is the other one's as well
    EXPECT_TRUE(talk.reaches(kTargetText));
    second.add_rules(kNftTable, chains(LinkRule::Verdict::kDrop));
    EXPECT_FALSE(talk.reaches(kTargetText));
    second.delete_table(kNftTable);
    EXPECT_TRUE(talk.reaches(kTargetText));
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
    for (const auto way : {LinkChain::Way::kIn, LinkChain::Way::kOut}) EXPECT_EQ(why_no_link_tables(way), "");
  });
}

}  // namespace
}  // namespace ferry::kernel
