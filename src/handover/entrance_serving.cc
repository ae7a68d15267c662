// SPDX-License-Identifier: Apache-2.0
#include "handover/entrance_serving.h"

#include <net/ethernet.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/log.h"
#include "handover/diversion.h"
#include "kernel/conntrack.h"

namespace ferry::handover {

using kernel::Unfinished;

namespace {

// Of this host, at which it is published.
std::vector<kernel::IpAddr> addresses_of(const PublishedPort& port, const kernel::Netlink& host) {
  if (port.host != kernel::IpAddr{}) return {port.host};
  std::vector<kernel::IpAddr> all;
  for (const auto& known : host.addresses()) {
    if (known.prefix.address.size == 4) all.push_back(known.prefix.address);
  }
  return all;
}

bool is_tracked(const FlowKey& key, const RelayAddress& called) {
  try {
    return kernel::Conntrack().has(key.protocol, {address_of(key.client.address), key.client.port},
                                   {address_of(called.address), called.port});
  } catch (const base::SysError&) {  // a kernel without conntrack has translated nothing
    return false;
  }
}

}  // namespace

EntranceServing::EntranceServing(RelayEntrance entrance, const kernel::IpAddr& workload,
                                 RelayPolicy policy, RelayRecord record, RelayLanes lanes)
    : entrance_(std::move(entrance)),
      workload_(number_of(workload)),
      policy_(policy),
      record_(std::move(record)),
      lanes_(std::move(lanes)),
      holder_(entrance_.ports()),
      last_connection_(base::mono_now()) {
  limit_backlog(lanes_.there);
  for (const auto& tap : entrance_.taps()) {
    links_.push_back(tap.link());
    ways_.emplace_back(tap.link());
  }
}

std::string EntranceServing::run(int stop_fd) {
  ear_.emplace([this](const std::string& word) { hear_call(word); }, [this] { note_end_of_call(); });
  auto why = turn_.run([&] { carry_out(stop_fd); }, [&] { carry_in(); });
  ear_.reset();
  return why;
}

void EntranceServing::carry_in() {
  std::vector<pollfd> places;
  for (const auto& tap : entrance_.taps()) places.push_back({tap.fd(), POLLIN, 0});
  for (const int fd : {turn_.fd(), mail_.fd()}) places.push_back({fd, POLLIN, 0});
  PacketBatch batch;
  while (!turn_.is_over()) {
    for (size_t i = 0; i < entrance_.taps().size(); ++i)
      places[i].fd = holds_ ? -1 : entrance_.taps()[i].fd();
    if (::poll(places.data(), places.size(), -1) < 0 && errno != EINTR)
      throw base::SysError("poll", errno, "a relay's TAPs");
    if (!holds_ && !carry_some(batch)) return;
    if (!turn_.send(lanes_.there, mail_)) return;  // "held" goes behind the last packet
  }
}

// False: it is over.
bool EntranceServing::carry_some(PacketBatch& batch) {
  for (size_t i = 0; i < entrance_.taps().size(); ++i) {
    const auto each = [&](Frame frame, const Unfinished& unfinished) {
      add(batch, i, frame, unfinished);
    };
    for (size_t taken = 0; taken < kMostAtOnce && !batch.is_full(); ++taken) {
      if (entrance_.taps()[i].take(1, each) == 0) break;
    }
  }
  return turn_.send(lanes_.there, batch, turn_.bytes_in);
}

void EntranceServing::add(PacketBatch& batch, size_t tap, Frame frame,
                          const Unfinished& unfinished) {
  auto packet = RelayPacket::parse(batch.add(frame, unfinished), unfinished);
  const auto* const port = packet ? find_port(packet->protocol(), packet->destination()) : nullptr;
  if (port != nullptr) {
    const FlowKey key{packet->protocol(), packet->source(), port->workload_port};
    if (lead_in(*packet, key, *port, tap, frame)) return;
  }
  batch.take_back();
  ++turn_.dropped;
}

bool EntranceServing::lead_in(RelayPacket& packet, const FlowKey& key, const PublishedPort& port,
                              size_t tap, Frame frame) {
  if (packet.is_error()) {
    if (!origins_.find(key)) return false;
  } else if (!origins_.learn(key, {packet.destination(), tap, sender_of(frame),
                                   destination_of(frame), false})) {
    return false;
  }
  packet.set_destination({workload_, port.workload_port});
  turn_.last_in_ns = base::mono_ns();
  return true;
}

const PublishedPort* EntranceServing::find_port(uint8_t protocol, const RelayAddress& to) const {
  for (const auto& port : entrance_.ports()) {
    if (port.protocol == protocol && port.host_port == to.port &&
        (port.host == kernel::IpAddr{} || number_of(port.host) == to.address))
      return &port;
  }
  return nullptr;
}

void EntranceServing::carry_out(int stop_fd) {
  const auto each = [this](transport::Frame& frame) {
    if (frame.type == transport::FrameType::kMessage) return hear_exit(frame.text());
    turn_.bytes_out += frame.payload.size();
    for_each_packet(frame.payload,
                    [this](std::span<std::byte> packet, const Unfinished& unfinished) {
                      send_out(packet, unfinished);
                    });
  };
  turn_.listen(lanes_.back, stop_fd, each, [this] { look(); });
}

void EntranceServing::send_out(std::span<std::byte> frame, const Unfinished& unfinished) {
  auto packet = RelayPacket::parse(frame, unfinished);
  if (packet && !packet->is_error() && packet->source().address == workload_) {
    const auto origin =
        origin_of(host_, {packet->protocol(), packet->destination(), packet->source().port});
    if (origin) {
      packet->set_source(origin->host);
      std::ranges::copy(std::as_bytes(std::span(origin->client.bytes)), frame.begin());
      std::ranges::copy(std::as_bytes(std::span(origin->here.bytes)), frame.begin() + ETH_ALEN);
      try {
        ways_[origin->tap].send(frame.first(packet->frame_bytes()), unfinished);
        return;
      } catch (const base::SysError& refused) {  // one packet is no reason to lose the others
        base::log("a packet to a client: {}", refused.what());
      }
    }
  }
  ++turn_.dropped;
}

std::optional<Origin> EntranceServing::origin_of(const kernel::Netlink& host, const FlowKey& key) {
  if (auto origin = origins_.find(key)) return origin;
  const auto origin = guess(host, key);
  // Should its client have spoken meanwhile, that counts.
  return origin && origins_.learn(key, *origin) ? origin : origins_.find(key);
}

// By which of its addresses and ports the client has called the workload is known to the kernel,
// which has led it there until now.
std::optional<Origin> EntranceServing::guess(const kernel::Netlink& host, const FlowKey& key) const {
  std::optional<RelayAddress> likely;
  for (const auto& port : entrance_.ports()) {
    if (port.protocol != key.protocol || port.workload_port != key.workload_port) continue;
    for (const auto& at : addresses_of(port, host)) {
      const RelayAddress called{number_of(at), port.host_port};
      if (is_tracked(key, called)) return guess_origin(host, key.client.address, links_, called);
    }
    if (!likely) likely = RelayAddress{number_of(port.host), port.host_port};
  }
  if (!likely) return std::nullopt;
  const bool is_told = likely->address != 0;
  auto origin = guess_origin(host, key.client.address, links_, is_told ? likely : std::nullopt);
  if (origin) origin->host.port = likely->port;
  return origin;
}

void EntranceServing::hear(const RelayNews& news) {
  origins_.forget(news.forgotten);
  connections_ = news.connections;
  if (connections_ > 0) last_connection_ = base::mono_now();
  if (connections_ != record_.connections) look();
}

void EntranceServing::look() {
  record_.connections = connections_;
  const std::lock_guard lock(mutex_);
  record_.holds_ports = !is_called_ && holder_.try_hold();
  turn_.note(record_);
  const auto now = base::mono_now();
  const auto last_packet = now - std::chrono::nanoseconds(base::mono_ns() - turn_.last_in_ns);
  if (!policy_.keep && !is_called_ && !holds_ && connections_ == 0 &&
      now - std::max(last_connection_, last_packet) > policy_.idle)
    turn_.end("there was no connection any more");
}

// ---- the workload comes home (relay_talk.h) ----

void EntranceServing::hear_exit(std::string_view text) {
  if (text.starts_with(kHoldWord)) return hold(text.substr(kHoldWord.size()));
  if (text == kGoOnWord) return go_on();
  if (!text.starts_with(kHomeWord)) return hear(parse_news(text));
  const auto more = parse_keys(text.substr(kHomeWord.size()));
  const std::lock_guard lock(mutex_);
  home_.insert(home_.end(), more.begin(), more.end());
}

void EntranceServing::hold(std::string_view call) {
  {
    const std::lock_guard lock(mutex_);
    write_held_flows(entrance_.name(), home_);
  }
  holds_ = true;
  mail_.post(std::string(kHeldWord) + std::to_string(parse_call(call)));
}

void EntranceServing::go_on() {
  holds_ = false;
  remove_held_flows(entrance_.name());
  {
    const std::lock_guard lock(mutex_);
    home_.clear();
  }
  mail_.post({});
}

void EntranceServing::hear_call(const std::string& word) {
  constexpr std::string_view kAdopt = "adopt ";
  if (word == "free") {
    const std::lock_guard lock(mutex_);
    is_called_ = true;
    holder_.release();
  } else if (word.starts_with(kAdopt)) {
    adopt(kernel::IpAddr::parse(word.substr(kAdopt.size())));
  } else {
    throw base::Error({"a relay's entrance", "it does not know the word " + word, {}, {}, {}});
  }
}

// Before any packet of them passes here: the workload's first one would else be masqueraded as a
// new connection's, and go out with a port that its client does not know.
void EntranceServing::adopt(const kernel::IpAddr& workload) {
  if (!holds_)
    throw base::Error({"a relay's entrance", "it still leads to " + record_.peer, {}, {}, {}});
  const kernel::Netlink host;
  kernel::Conntrack tracking;
  const std::lock_guard lock(mutex_);
  for (const auto& key : home_) {
    const auto origin = origin_of(host, key);
    if (!origin) continue;
    try {
      tracking.lead({key.protocol,
                     {address_of(key.client.address), key.client.port},
                     {address_of(origin->host.address), origin->host.port},
                     {workload, key.workload_port}});
    } catch (const base::SysError& refused) {  // one of them is no reason to lose the others
      base::log("a connection of {}: {}", address_of(key.client.address).text(), refused.what());
    }
  }
}

// It has not come, or it is on its way to an end.
void EntranceServing::note_end_of_call() {
  const std::lock_guard lock(mutex_);
  is_called_ = false;
}

}  // namespace ferry::handover
