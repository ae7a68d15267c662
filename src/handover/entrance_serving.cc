// SPDX-License-Identifier: Apache-2.0
#include "handover/entrance_serving.h"

#include <net/ethernet.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/log.h"
#include "handover/diversion.h"

namespace ferry::handover {

using kernel::Unfinished;

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
  return turn_.run([&] { carry_out(stop_fd); }, [&] { carry_in(); });
}

void EntranceServing::carry_in() {
  std::vector<pollfd> places;
  for (const auto& tap : entrance_.taps()) places.push_back({tap.fd(), POLLIN, 0});
  places.push_back({turn_.fd(), POLLIN, 0});
  PacketBatch batch;
  while (!turn_.is_over()) {
    if (::poll(places.data(), places.size(), -1) < 0 && errno != EINTR)
      throw base::SysError("poll", errno, "a relay's TAPs");
    for (size_t i = 0; i < entrance_.taps().size(); ++i) {
      const auto each = [&](Frame frame, const Unfinished& unfinished) {
        add(batch, i, frame, unfinished);
      };
      for (size_t taken = 0; taken < kMostAtOnce && !batch.is_full(); ++taken) {
        if (entrance_.taps()[i].take(1, each) == 0) break;
      }
    }
    if (batch.is_empty()) continue;
    turn_.bytes_in += batch.bytes().size();
    if (!turn_.send(lanes_.there, transport::FrameType::kData, batch.bytes())) return;
    batch.clear();
  }
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
    if (frame.type == transport::FrameType::kMessage) return hear(parse_news(frame.text()));
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
        origin_of({packet->protocol(), packet->destination(), packet->source().port});
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

std::optional<Origin> EntranceServing::origin_of(const FlowKey& key) {
  if (auto origin = origins_.find(key)) return origin;
  const auto port = std::ranges::find_if(entrance_.ports(), [&](const auto& one) {
    return one.protocol == key.protocol && one.workload_port == key.workload_port;
  });
  if (port == entrance_.ports().end()) return std::nullopt;
  auto origin = guess_origin(host_, key.client.address, links_);
  if (!origin) return std::nullopt;
  if (port->host != kernel::IpAddr{}) origin->host.address = number_of(port->host);
  origin->host.port = port->host_port;
  // Should its client have spoken meanwhile, that counts.
  return origins_.learn(key, *origin) ? origin : origins_.find(key);
}

void EntranceServing::hear(const RelayNews& news) {
  origins_.forget(news.forgotten);
  connections_ = news.connections;
  if (connections_ > 0) last_connection_ = base::mono_now();
  if (connections_ != record_.connections) look();
}

void EntranceServing::look() {
  record_.connections = connections_;
  record_.holds_ports = holder_.try_hold();
  turn_.note(record_);
  const auto now = base::mono_now();
  const auto last_packet = now - std::chrono::nanoseconds(base::mono_ns() - turn_.last_in_ns);
  if (!policy_.keep && connections_ == 0 &&
      now - std::max(last_connection_, last_packet) > policy_.idle)
    turn_.end("there was no connection any more");
}

}  // namespace ferry::handover
