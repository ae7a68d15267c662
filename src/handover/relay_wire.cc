// SPDX-License-Identifier: Apache-2.0
#include "handover/relay_wire.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"

namespace ferry::handover {

namespace {

constexpr size_t kLengthBytes = 4, kPacketHeader = sizeof(kernel::Unfinished) + kLengthBytes;

[[noreturn]] void refuse_relayed(const std::string& why) {
  throw base::Error({"a relay's lane", why, {}, {}, {}});
}

nlohmann::json to_list(std::span<const FlowKey> keys) {
  auto list = nlohmann::json::array();
  for (const auto& key : keys)
    list.push_back({key.protocol, key.client.address, key.client.port, key.workload_port});
  return list;
}

std::vector<FlowKey> keys_in(const nlohmann::json& list) {
  std::vector<FlowKey> keys;
  for (const auto& one : list)
    keys.push_back({one.at(0), {one.at(1).get<uint32_t>(), one.at(2).get<uint16_t>()}, one.at(3)});
  return keys;
}

}  // namespace

void limit_backlog(const transport::Link& lane) {
  if (::setsockopt(lane.poll_fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kLaneBacklogBytes,
                   sizeof kLaneBacklogBytes) < 0)
    base::log("a relay's lane may hold more than it should: {}", std::strerror(errno));
}

std::span<std::byte> PacketBatch::add(std::span<const std::byte> frame,
                                      const kernel::Unfinished& unfinished) {
  const auto length = static_cast<uint32_t>(frame.size());
  const size_t at = last_ = bytes_.size();
  bytes_.resize(at + kPacketHeader + frame.size());
  std::memcpy(&bytes_[at], &unfinished, sizeof unfinished);
  std::memcpy(&bytes_[at + sizeof unfinished], &length, sizeof length);
  std::memcpy(&bytes_[at + kPacketHeader], frame.data(), frame.size());
  return std::span(bytes_).subspan(at + kPacketHeader);
}

void for_each_packet(
    std::span<std::byte> batch,
    const std::function<void(std::span<std::byte>, const kernel::Unfinished&)>& each) {
  while (!batch.empty()) {
    if (batch.size() < kPacketHeader) refuse_relayed("a batch ends within a packet's header");
    kernel::Unfinished unfinished;
    uint32_t length = 0;
    std::memcpy(&unfinished, batch.data(), sizeof unfinished);
    std::memcpy(&length, &batch[sizeof unfinished], sizeof length);
    batch = batch.subspan(kPacketHeader);
    if (length > batch.size()) refuse_relayed("a batch ends within a packet");
    each(batch.first(length), unfinished);
    batch = batch.subspan(length);
  }
}

std::string keys_text(std::span<const FlowKey> keys) { return to_list(keys).dump(); }

std::vector<FlowKey> parse_keys(std::string_view text) {
  try {
    return keys_in(nlohmann::json::parse(text));
  } catch (const nlohmann::json::exception& wrong) {
    refuse_relayed(wrong.what());
  }
}

int parse_call(std::string_view number) {
  int call = 0;
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), call);
  if (parsed.ec != std::errc{}) refuse_relayed("a call without a number");
  return call;
}

std::string news_text(const RelayNews& news) {
  return nlohmann::json{{"connections", news.connections}, {"forgotten", to_list(news.forgotten)}}
      .dump();
}

RelayNews parse_news(std::string_view text) {
  try {
    const auto told = nlohmann::json::parse(text);
    return {told.at("connections"), keys_in(told.at("forgotten"))};
  } catch (const nlohmann::json::exception& wrong) {
    refuse_relayed(wrong.what());
  }
}

}  // namespace ferry::handover
