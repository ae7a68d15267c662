// SPDX-License-Identifier: Apache-2.0
//
// What goes over a relay's lanes. There are two, one each way, so that neither end ever waits for
// the other with its own answers in hand; the first frame on each says which it is. A frame of data
// is packets, one after the other: kernel::Unfinished (10 bytes, its numbers little endian), the
// length (u32 little endian), and the packet with an Ethernet header, whose addresses mean nothing.
// The exit's messages, each a JSON object, tell of its connections:
//
//     {"connections": 3, "forgotten": [[6, 168427521, 40000, 80], …]}    protocol, client, its
//     port, workload's port
// Before a container goes back to the entrance's host (relay_talk.h) the exit says which flows are
// the relay's, and "hold"; the entrance sends the mark behind its last packet, and keeps the next
// ones:
//
//     back    home [[6, 168427521, 40000, 80], …]   several times
//     back    hold 3
//     there   held 3
//     back    go on                                 it has not gone
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "handover/relay_packet.h"
#include "transport/link.h"

namespace ferry::handover {

inline constexpr const char* kLaneThere = "relay there";  // from the entrance to the exit
inline constexpr const char* kLaneBack = "relay back";

// So much goes in one frame of data: four of the largest packets. More would only let the first
// of them wait.
inline constexpr size_t kBatchBytes = 256 << 10;
// What a lane's socket may hold that has not left yet: what is more waits in the TAP's queue, where
// it does not add to every packet's delay.
inline constexpr int kLaneBacklogBytes = 256 << 10;
void limit_backlog(const transport::Link& lane);

class PacketBatch {
 public:
  // Where it stands now, to be changed there, until the next one is added.
  std::span<std::byte> add(std::span<const std::byte> frame, const kernel::Unfinished& unfinished);
  void take_back() { bytes_.resize(last_); }  // the one that was added last
  bool is_empty() const { return bytes_.empty(); }
  bool is_full() const { return bytes_.size() >= kBatchBytes; }
  std::span<const std::byte> bytes() const { return bytes_; }
  void clear() { bytes_.clear(); }

 private:
  std::vector<std::byte> bytes_;
  size_t last_ = 0;
};

// Throws Error when it is not what a PacketBatch has made.
void for_each_packet(
    std::span<std::byte> batch,
    const std::function<void(std::span<std::byte>, const kernel::Unfinished&)>& each);

inline constexpr std::string_view kHomeWord = "home ", kHoldWord = "hold ", kHeldWord = "held ",
                                  kGoOnWord = "go on";
std::string keys_text(std::span<const FlowKey> keys);
std::vector<FlowKey> parse_keys(std::string_view text);  // throws Error
int parse_call(std::string_view number);                 // throws Error

struct RelayNews {
  uint64_t connections = 0;
  std::vector<FlowKey> forgotten;
};
inline constexpr size_t kMostForgotten = 10'000;  // in one message, which is some 30 bytes for each
std::string news_text(const RelayNews& news);
RelayNews parse_news(std::string_view text);  // throws Error

}  // namespace ferry::handover
