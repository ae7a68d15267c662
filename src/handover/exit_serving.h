// SPDX-License-Identifier: Apache-2.0
//
// The target's end of a relay at work: what comes over a lane is put onto the workload's link, and
// what the workload says on a relayed flow goes back over another.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "handover/link_socket.h"
#include "handover/relay_ear.h"
#include "handover/relay_turn.h"
#include "handover/relayed_flows.h"

namespace ferry::handover {

class ExitServing {
 public:
  // `workload`: whose network namespace is looked at; nothing: `netns`, which then is held.
  ExitServing(std::unique_ptr<RelayedFlows> flows, const RelayExitPlace& place, base::Fd netns,
              const std::optional<kernel::ProcessId>& workload, RelayRecord record,
              RelayLanes lanes);
  std::string run(int stop_fd);

 private:
  void carry_in(int stop_fd);  // from the lane to the workload
  void put_in(std::span<std::byte> batch);
  bool try_put(std::span<std::byte> frame, const kernel::Unfinished& unfinished);
  void carry_out();  // from the workload to the lane
  bool carry_some(PacketBatch& batch);
  void hear(const std::string& word);
  void hold();
  void go_on();
  void note_held(std::string_view mark);
  void look();
  uint32_t address() const { return number_of(place_.address.address); }
  base::Fd network() const;  // throws SysError when it has gone

  std::unique_ptr<RelayedFlows> flows_;
  RelayExitPlace place_;
  base::Fd netns_;
  std::optional<kernel::ProcessId> workload_;
  RelayRecord record_;  // carry_out's
  RelayLanes lanes_;
  RelayTurn turn_;
  LinkSocket into_;
  int link_index_;
  std::vector<FlowKey> keys_;  // carry_in's, kept for its room
  RelayMail mail_;             // to carry_out
  // The workload is about to leave: nothing goes into its network, and nothing is taken from it.
  std::atomic<bool> is_held_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  int asked_ = 0, answered_ = 0;  // which call to hold
  std::optional<RelayEar> ear_;   // last: it calls all of the above
};

}  // namespace ferry::handover
