// SPDX-License-Identifier: Apache-2.0
//
// The plumbing below kernel/netlink.h: building a request with libnl, sending it, reading what the kernel answers. The
// reading is done here and not by libnl, which turns the kernel's errno into a smaller set of codes.
#pragma once

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kernel/netlink.h"

namespace ferry::kernel {

// A request under construction.
class Message {
 public:
  Message(int type, int flags) : message_(nlmsg_alloc_simple(type, NLM_F_REQUEST | flags)) {
    CHECK(message_ != nullptr);
  }
  ~Message() { nlmsg_free(message_); }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  template <typename Header>
  Message& header(const Header& header) {
    CHECK(nlmsg_append(message_, const_cast<Header*>(&header), sizeof header, NLMSG_ALIGNTO) == 0);
    return *this;
  }
  Message& put(int type, const void* data, size_t size) {
    CHECK(nla_put(message_, type, static_cast<int>(size), data) == 0);
    return *this;
  }
  template <typename Integer>
  Message& number(int type, Integer value) {
    return put(type, &value, sizeof value);
  }
  Message& text(int type, std::string_view value) {
    return put(type, std::string(value).c_str(), value.size() + 1);
  }
  Message& nest(int type, const std::function<void(Message&)>& fill) {
    nlattr* const start = nla_nest_start(message_, type);
    CHECK(start != nullptr);
    fill(*this);
    nla_nest_end(message_, start);
    return *this;
  }
  nl_msg* get() { return message_; }

 private:
  nl_msg* message_;
};

// A new one, just made, of NETLINK_ROUTE or another family. Throws SysError.
void connect_netlink(nl_sock* socket, int family);

using OnReply = std::function<void(nlmsghdr*)>;

// The errno that the kernel answered with (0: done), and whether something changed while it was listing.
struct Outcome {
  int error = 0;
  bool interrupted = false;
};
// Sends, and reads the replies until the acknowledgement or the end of the list.
Outcome exchange(nl_sock* socket, Message& message, const OnReply& on_reply = {});
// As above; throws SysError when the kernel says no.
void request(nl_sock* socket, Message& message, std::string_view what);
// Asks for a list again when it was interrupted; `restart` forgets what came so far.
void dump(const std::function<Outcome()>& ask, const std::function<void()>& restart, std::string_view what);
template <typename Header>
void dump(nl_sock* socket, int type, const Header& header, std::string_view what,
          const std::function<void()>& restart, const OnReply& on_reply) {
  const auto ask = [&] {
    Message message(type, NLM_F_DUMP);
    message.header(header);
    return exchange(socket, message, on_reply);
  };
  dump(ask, restart, what);
}


template <typename Header>
struct Parsed {
  const Header* header;
  std::vector<nlattr*> attributes;
};

template <typename Header>
Parsed<Header> parse(nlmsghdr* head, int highest) {
  Parsed<Header> parsed{static_cast<const Header*>(nlmsg_data(head)),
                        std::vector<nlattr*>(static_cast<size_t>(highest) + 1)};
  if (nlmsg_parse(head, sizeof(Header), parsed.attributes.data(), highest, nullptr) < 0) {
    throw base::SysError("netlink", EBADMSG, "cannot parse a reply");
  }
  return parsed;
}

std::optional<IpAddr> address_in(const nlattr* attribute);  // nothing: there is none

}  // namespace ferry::kernel
