// SPDX-License-Identifier: Apache-2.0
//
// The source's end of a relay at work: packets from the entrance's TAPs go to the workload over a
// lane; what comes back goes to the client on the interface, and to the MAC, that it has come from.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "handover/link_socket.h"
#include "handover/port_holder.h"
#include "handover/relay_ear.h"
#include "handover/relay_entrance.h"
#include "handover/relay_origins.h"
#include "handover/relay_turn.h"
#include "handover/relay_wire.h"

namespace ferry::handover {

class EntranceServing {
 public:
  EntranceServing(RelayEntrance entrance, const kernel::IpAddr& workload, RelayPolicy policy,
                  RelayRecord record, RelayLanes lanes);
  // Until the relay's end, or until `stop_fd` is readable. Why it ended.
  std::string run(int stop_fd);

 private:
  void carry_in();  // from the TAPs to the lane
  bool carry_some(PacketBatch& batch);
  void add(PacketBatch& batch, size_t tap, Frame frame, const kernel::Unfinished& unfinished);
  bool lead_in(RelayPacket& packet, const FlowKey& key, const PublishedPort& port, size_t tap,
               Frame frame);
  void carry_out(int stop_fd);  // from the lane to the interfaces
  void send_out(std::span<std::byte> frame, const kernel::Unfinished& unfinished);
  std::optional<Origin> origin_of(const kernel::Netlink& host, const FlowKey& key);
  std::optional<Origin> guess(const kernel::Netlink& host, const FlowKey& key) const;
  void hear(const RelayNews& news);
  void look();
  void hear_exit(std::string_view text);
  void hold(std::string_view call);
  void go_on();
  void hear_call(const std::string& word);  // of a ferry on this host
  void adopt(const kernel::IpAddr& workload);
  void note_end_of_call();
  const PublishedPort* find_port(uint8_t protocol, const RelayAddress& to) const;

  RelayEntrance entrance_;
  uint32_t workload_;
  RelayPolicy policy_;
  RelayRecord record_;
  RelayLanes lanes_;
  RelayTurn turn_;
  Origins origins_;
  kernel::Netlink host_;  // carry_out's
  std::vector<std::string> links_;
  std::vector<LinkSocket> ways_;  // to each of them
  std::mutex mutex_;     // of the next ones
  PortHolder holder_;
  bool is_called_ = false;  // the workload may come home: its engine is to have the ports
  std::vector<FlowKey> home_;  // what goes with it
  std::atomic<bool> holds_ = false;  // what comes waits in the TAPs
  RelayMail mail_;       // to carry_in
  base::MonoTime last_connection_;
  uint64_t connections_ = 0;
  std::optional<RelayEar> ear_;  // last: it calls all of the above
};

}  // namespace ferry::handover
