// SPDX-License-Identifier: Apache-2.0
#include "kernel/nftables.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_arp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <span>

#include "kernel/netlink_message.h"

namespace ferry::kernel {

using base::SysError;

namespace {

constexpr uint32_t kSenderAt = 6;  // in an Ethernet frame
constexpr int kPriority = -500;    // before others' chains on the same link
constexpr uint32_t kRegister = NFT_REG_1;
constexpr uint32_t kBridgePreRouting = 0;   // NF_BR_PRE_ROUTING; its header and libc's differ
constexpr uint32_t kEgress = 1;             // NF_NETDEV_EGRESS, which older headers lack
constexpr size_t kMostParts = 4;            // of 32 bits, in a register
constexpr size_t kElementsInMessage = 100;  // one has room for a page
constexpr size_t kElementsAtOnce = 5'000;   // each message is acknowledged, in the socket's room
constexpr int kRoomBytes = 4 << 20;         // for one transaction, and for what is said to it
constexpr size_t kAnswerBytes = 16 << 10;   // some tens of acknowledgements

uint32_t big(uint32_t value) { return htonl(value); }

nfgenmsg nf_header(uint8_t family, uint16_t resource = 0) {
  return {family, NFNETLINK_V0, htons(resource)};
}

int type_of(int message) { return (NFNL_SUBSYS_NFTABLES << 8) | message; }

// One transaction: its messages stand one after the other in one datagram.
class Batch {
 public:
  Batch() { add_frame(NFNL_MSG_BATCH_BEGIN); }

  void add(int message, int flags, const std::function<void(Message&)>& fill,
           uint8_t family = NFPROTO_NETDEV) {
    Message built(type_of(message), NLM_F_ACK | flags);
    built.header(nf_header(family));
    fill(built);
    append(built);
  }

  void commit(const base::Fd& socket, const std::string& what) {
    add_frame(NFNL_MSG_BATCH_END);
    if (::send(socket.get(), bytes_.data(), bytes_.size(), 0) < 0)
      throw SysError("netlink", errno, what);
    if (const int error = first_error(socket.get())) throw SysError("nftables", error, what);
  }

 private:
  void add_frame(int type) {
    Message built(type, 0);
    built.header(nf_header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    append(built);
  }
  void append(Message& built) {
    nlmsghdr* const head = nlmsg_hdr(built.get());
    head->nlmsg_seq = ++sequence_;
    bytes_.append(reinterpret_cast<const char*>(head), head->nlmsg_len);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  }
  // All answers are there when send() returns.
  static int first_error(int socket) {
    std::array<char, kAnswerBytes> buffer;
    int answers = 0;
    for (;;) {
      const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return answers > 0 ? 0 : EIO;
      if (got < 0) return errno;
      int left = static_cast<int>(got);
      for (auto* head = reinterpret_cast<nlmsghdr*>(buffer.data()); nlmsg_ok(head, left);
           head = nlmsg_next(head, &left)) {
        if (head->nlmsg_type != NLMSG_ERROR) continue;
        ++answers;
        const int error = -static_cast<nlmsgerr*>(nlmsg_data(head))->error;
        if (error == 0) continue;
        while (::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) continue;
        return error;
      }
    }
  }

  std::string bytes_;
  uint32_t sequence_ = 0;
};

void add_expression(Message& list, const std::string& name,
                    const std::function<void(Message&)>& fill) {
  list.nest(NFTA_LIST_ELEM, [&](Message& element) {
    element.text(NFTA_EXPR_NAME, name).nest(NFTA_EXPR_DATA, [&](Message& data) { fill(data); });
  });
}

void add_compare(Message& list, const void* data, size_t size) {
  add_expression(list, "cmp", [&](Message& cmp) {
    cmp.number(NFTA_CMP_SREG, big(kRegister)).number(NFTA_CMP_OP, big(NFT_CMP_EQ));
    cmp.nest(NFTA_CMP_DATA, [&](Message& value) { value.put(NFTA_DATA_VALUE, data, size); });
  });
}

void add_meta(Message& list, uint32_t key) {
  add_expression(list, "meta", [key](Message& meta) {
    meta.number(NFTA_META_DREG, big(kRegister)).number(NFTA_META_KEY, big(key));
  });
}

uint32_t base_of(FrameMatch::Header header) {
  switch (header) {
    case FrameMatch::Header::kLink:
      return NFT_PAYLOAD_LL_HEADER;
    case FrameMatch::Header::kNetwork:
      return NFT_PAYLOAD_NETWORK_HEADER;
    case FrameMatch::Header::kTransport:
      break;
  }
  return NFT_PAYLOAD_TRANSPORT_HEADER;
}

void add_load(Message& list, FrameMatch::Header header, uint32_t offset, size_t size,
              uint32_t place) {
  add_expression(list, "payload", [&](Message& payload) {
    payload.number(NFTA_PAYLOAD_DREG, big(place)).number(NFTA_PAYLOAD_BASE, big(base_of(header)));
    payload.number(NFTA_PAYLOAD_OFFSET, big(offset))
        .number(NFTA_PAYLOAD_LEN, big(static_cast<uint32_t>(size)));
  });
}

void add_lookup(Message& list, const LinkSet& set) {
  CHECK(!set.parts.empty() && set.parts.size() <= kMostParts);
  uint32_t place = NFT_REG32_00;  // the first quarter of kRegister
  for (const auto& part : set.parts) add_load(list, part.header, part.offset, part.size, place++);
  add_expression(list, "lookup", [&](Message& lookup) {
    lookup.text(NFTA_LOOKUP_SET, set.name).number(NFTA_LOOKUP_SREG, big(kRegister));
  });
}

void add_match(Message& list, const FrameMatch& match) {
  add_load(list, match.header, match.offset, match.bytes.size(), kRegister);
  add_compare(list, match.bytes.data(), match.bytes.size());
}

void add_forward(Message& list, int link) {
  add_expression(list, "immediate", [&](Message& immediate) {
    immediate.number(NFTA_IMMEDIATE_DREG, big(kRegister));
    immediate.nest(NFTA_IMMEDIATE_DATA, [&](Message& value) {
      value.number(NFTA_DATA_VALUE, static_cast<uint32_t>(link));
    });
  });
  add_expression(list, "fwd", [](Message& fwd) { fwd.number(NFTA_FWD_SREG_DEV, big(kRegister)); });
}

void add_verdict(Message& list, uint32_t code) {
  add_expression(list, "immediate", [&](Message& immediate) {
    immediate.number(NFTA_IMMEDIATE_DREG, big(NFT_REG_VERDICT));
    immediate.nest(NFTA_IMMEDIATE_DATA, [&](Message& value) {
      value.nest(NFTA_DATA_VERDICT,
                 [&](Message& verdict) { verdict.number(NFTA_VERDICT_CODE, big(code)); });
    });
  });
}

void add_expressions(Message& list, const LinkRule& rule) {
  if (rule.ethertype) {
    add_meta(list, NFT_META_PROTOCOL);
    const uint16_t type = htons(*rule.ethertype);
    add_compare(list, &type, sizeof type);
  }
  if (rule.mark) {
    add_meta(list, NFT_META_MARK);
    add_compare(list, &*rule.mark, sizeof *rule.mark);
  }
  for (const auto& match : rule.matches) add_match(list, match);
  if (rule.is_in) add_lookup(list, *rule.is_in);
  switch (rule.verdict) {
    case LinkRule::Verdict::kForward:
      return add_forward(list, rule.forward_to);
    case LinkRule::Verdict::kAccept:
      return add_verdict(list, NF_ACCEPT);
    case LinkRule::Verdict::kDrop:
      return add_verdict(list, NF_DROP);
  }
}

std::string name_of(const LinkChain& chain) {
  return (chain.way == LinkChain::Way::kIn ? "in-" : "out-") + chain.link;
}

void add_rules_of(Batch& batch, const std::string& table, const LinkChain& chain) {
  for (const auto& rule : chain.rules) {
    batch.add(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, [&](Message& message) {
      message.text(NFTA_RULE_TABLE, table).text(NFTA_RULE_CHAIN, name_of(chain));
      message.nest(NFTA_RULE_EXPRESSIONS, [&](Message& list) { add_expressions(list, rule); });
    });
  }
}

void add_set(Batch& batch, const std::string& table, const LinkSet& set, uint32_t number) {
  batch.add(NFT_MSG_NEWSET, NLM_F_CREATE, [&](Message& message) {
    message.text(NFTA_SET_TABLE, table).text(NFTA_SET_NAME, set.name);
    message.number(NFTA_SET_ID, big(number)).number(NFTA_SET_FLAGS, uint32_t{0});
    message.number(NFTA_SET_KEY_TYPE, big(set.shown_as))
        .number(NFTA_SET_KEY_LEN, big(static_cast<uint32_t>(set.key_bytes())));
  });
}

void add_chain(Batch& batch, const std::string& table, const LinkChain& chain) {
  const bool is_in = chain.way == LinkChain::Way::kIn;
  const std::string name = name_of(chain);
  batch.add(NFT_MSG_NEWCHAIN, NLM_F_CREATE, [&](Message& message) {
    message.text(NFTA_CHAIN_TABLE, table).text(NFTA_CHAIN_NAME, name);
    message.nest(NFTA_CHAIN_HOOK, [&](Message& hook) {
      hook.number(NFTA_HOOK_HOOKNUM, big(is_in ? uint32_t{NF_NETDEV_INGRESS} : kEgress))
          .number(NFTA_HOOK_PRIORITY, big(static_cast<uint32_t>(kPriority)));
      hook.text(NFTA_HOOK_DEV, chain.link);
    });
    message.text(NFTA_CHAIN_TYPE, "filter");
  });
  add_rules_of(batch, table, chain);
}

// Made if it is not there, so that it can be deleted in any case, and then made anew: there is no
// moment without one.
void renew_table(Batch& batch, const std::string& name, uint8_t family, uint32_t flags = 0) {
  const auto named = [&](Message& message) { message.text(NFTA_TABLE_NAME, name); };
  batch.add(NFT_MSG_NEWTABLE, NLM_F_CREATE, named, family);
  batch.add(NFT_MSG_DELTABLE, 0, named, family);
  batch.add(
      NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL,
      [&](Message& message) {
        named(message);
        if (flags != 0) message.number(NFTA_TABLE_FLAGS, big(flags));
      },
      family);
}

// A chain of all links.
void describe_chain(Message& message, const std::string& table, const char* name, uint32_t hook) {
  message.text(NFTA_CHAIN_TABLE, table).text(NFTA_CHAIN_NAME, name);
  message.nest(NFTA_CHAIN_HOOK, [&](Message& where) {
    where.number(NFTA_HOOK_HOOKNUM, big(hook))
        .number(NFTA_HOOK_PRIORITY, big(static_cast<uint32_t>(kPriority)));
  });
  message.text(NFTA_CHAIN_TYPE, "filter");
}

// inet is IPv4 and IPv6. Its packets are taken before they are routed, so none is passed on either.
struct WallFamily {
  uint8_t family;
  uint32_t in, out;  // hooks
};
constexpr std::array<WallFamily, 2> kWall = {
    {{NFPROTO_INET, NF_INET_PRE_ROUTING, NF_INET_LOCAL_OUT}, {NFPROTO_ARP, NF_ARP_IN, NF_ARP_OUT}}};

// `passes`: comes in by that sender's MAC, and all goes out.
void add_wall(Batch& batch, const std::string& table, const WallFamily& wall,
              const std::optional<MacAddr>& passes) {
  batch.add(
      NFT_MSG_NEWTABLE, NLM_F_CREATE,
      [&](Message& message) { message.text(NFTA_TABLE_NAME, table); }, wall.family);
  for (const uint32_t hook : {wall.in, wall.out}) {
    const bool is_open = passes && hook == wall.out;
    const auto chain = [&](Message& message) {
      describe_chain(message, table, hook == wall.in ? "in" : "out", hook);
      message.number(NFTA_CHAIN_POLICY, big(is_open ? NF_ACCEPT : NF_DROP));
    };
    batch.add(NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain, wall.family);
  }
  const auto rules_in = [&](Message& message) {
    message.text(NFTA_RULE_TABLE, table).text(NFTA_RULE_CHAIN, "in");
  };
  batch.add(NFT_MSG_DELRULE, 0, rules_in, wall.family);  // all that it had
  if (!passes) return;
  const LinkRule sender{
      {},
      {{FrameMatch::Header::kLink, kSenderAt, {passes->bytes.begin(), passes->bytes.end()}}},
      LinkRule::Verdict::kAccept};
  const auto rule = [&](Message& message) {
    rules_in(message);
    message.nest(NFTA_RULE_EXPRESSIONS, [&](Message& list) { add_expressions(list, sender); });
  };
  batch.add(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, rule, wall.family);
}

// Gone already is fine, and so is a family that this kernel does not have.
void delete_table_of(const base::Fd& socket, const std::string& name, uint8_t family) {
  Batch batch;
  batch.add(
      NFT_MSG_DELTABLE, 0, [&](Message& message) { message.text(NFTA_TABLE_NAME, name); }, family);
  try {
    batch.commit(socket, "delete the table " + name);
  } catch (const SysError& failure) {
    if (failure.number() != ENOENT && failure.number() != EOPNOTSUPP) throw;
  }
}

}  // namespace

Nftables::Nftables() : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)) {
  if (!socket_) throw SysError("netlink", errno, "NETLINK_NETFILTER");
  for (const int option :
       {SO_SNDBUFFORCE, SO_RCVBUFFORCE}) {  // else some hundred rules are too many
    if (::setsockopt(socket_.get(), SOL_SOCKET, option, &kRoomBytes, sizeof kRoomBytes) < 0)
      throw SysError("setsockopt", errno, "NETLINK_NETFILTER");
  }
}

void Nftables::put_table(const std::string& name, const std::vector<LinkChain>& chains, Life life) {
  Batch batch;
  renew_table(batch, name, NFPROTO_NETDEV, life == Life::kWithThis ? NFT_TABLE_F_OWNER : 0);
  std::map<std::string, LinkSet> sets;
  for (const auto& chain : chains) {
    for (const auto& rule : chain.rules)
      if (rule.is_in) sets.emplace(rule.is_in->name, *rule.is_in);
  }
  for (uint32_t number = 0; const auto& [_, set] : sets) add_set(batch, name, set, ++number);
  for (const auto& chain : chains) add_chain(batch, name, chain);
  batch.commit(socket_, "make the table " + name);
}

void Nftables::add_rules(const std::string& table, const std::vector<LinkChain>& chains) {
  Batch batch;
  for (const auto& chain : chains) add_rules_of(batch, table, chain);
  batch.commit(socket_, "change the table " + table);
}

void Nftables::change_elements(int message, const std::string& table, const std::string& set,
                               const Keys& keys) {
  const auto add_some = [&](Message& list, std::span<const std::string> some) {
    for (const auto& key : some) {
      list.nest(NFTA_LIST_ELEM, [&](Message& element) {
        element.nest(NFTA_SET_ELEM_KEY,
                     [&](Message& value) { value.put(NFTA_DATA_VALUE, key.data(), key.size()); });
      });
    }
  };
  for (std::span left(keys); !left.empty();) {
    auto now = left.first(std::min(kElementsAtOnce, left.size()));
    left = left.subspan(now.size());
    Batch batch;
    for (; !now.empty(); now = now.subspan(std::min(kElementsInMessage, now.size()))) {
      batch.add(message, message == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0, [&](Message& built) {
        built.text(NFTA_SET_ELEM_LIST_TABLE, table).text(NFTA_SET_ELEM_LIST_SET, set);
        built.nest(NFTA_SET_ELEM_LIST_ELEMENTS, [&](Message& list) {
          add_some(list, now.first(std::min(kElementsInMessage, now.size())));
        });
      });
    }
    batch.commit(socket_, "change the set " + set + " of the table " + table);
  }
}

void Nftables::add_elements(const std::string& table, const std::string& set, const Keys& keys) {
  change_elements(NFT_MSG_NEWSETELEM, table, set, keys);
}

void Nftables::delete_elements(const std::string& table, const std::string& set, const Keys& keys) {
  change_elements(NFT_MSG_DELSETELEM, table, set, keys);
}

void Nftables::delete_table(const std::string& name) {
  delete_table_of(socket_, name, NFPROTO_NETDEV);
}

void Nftables::put_wall(const std::string& name) {
  Batch batch;
  for (const auto& wall : kWall) add_wall(batch, name, wall, {});
  batch.commit(socket_, "make the table " + name + " (families inet and arp)");
}

void Nftables::put_half_wall(const std::string& name, const MacAddr& passes) {
  Batch batch;
  for (const auto& wall : kWall) add_wall(batch, name, wall, passes);
  batch.commit(socket_, "change the table " + name + " (families inet and arp)");
}

void Nftables::delete_wall(const std::string& name) {
  Batch batch;
  const auto named = [&](Message& message) { message.text(NFTA_TABLE_NAME, name); };
  for (const auto& wall :
       kWall) {  // made if it is not there, so that the other one goes in any case
    batch.add(NFT_MSG_NEWTABLE, NLM_F_CREATE, named, wall.family);
    batch.add(NFT_MSG_DELTABLE, 0, named, wall.family);
  }
  batch.commit(socket_, "delete the table " + name + " (families inet and arp)");
}

void Nftables::put_bridge_barrier(const std::string& name, const MacAddr& sender,
                                  const std::vector<int>& links) {
  Batch batch;
  renew_table(batch, name, NFPROTO_BRIDGE);
  const auto chain = [&](Message& message) { describe_chain(message, name, "in", kBridgePreRouting); };
  batch.add(NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain, NFPROTO_BRIDGE);
  const auto add_rule = [&](const std::function<void(Message&)>& fill) {
    const auto rule = [&](Message& message) {
      message.text(NFTA_RULE_TABLE, name).text(NFTA_RULE_CHAIN, "in");
      message.nest(NFTA_RULE_EXPRESSIONS, fill);
    };
    batch.add(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, rule, NFPROTO_BRIDGE);
  };
  for (const int link : links) {
    add_rule([link](Message& list) {
      add_meta(list, NFT_META_IIF);
      add_compare(list, &link, sizeof link);
      add_verdict(list, NF_ACCEPT);
    });
  }
  add_rule([&sender](Message& list) {
    add_match(list, {FrameMatch::Header::kLink, kSenderAt, {sender.bytes.begin(), sender.bytes.end()}});
    add_verdict(list, NF_DROP);
  });
  batch.commit(socket_, "make the table " + name + " (family bridge)");
}

void Nftables::delete_bridge_barrier(const std::string& name) {
  delete_table_of(socket_, name, NFPROTO_BRIDGE);
}

std::string why_no_link_tables(LinkChain::Way way) {
  try {
    Nftables().put_table("ferry-trial-" + std::to_string(::getpid()),
                         {{way, "lo", {}}}, Nftables::Life::kWithThis);
    return "";
  } catch (const SysError& refused) {
    return refused.what();
  }
}

}  // namespace ferry::kernel
