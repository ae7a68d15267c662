// SPDX-License-Identifier: Apache-2.0
#include "handover/exit_serving.h"

#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/log.h"
#include "handover/diversion.h"
#include "kernel/namespaces.h"

namespace ferry::handover {

using kernel::Unfinished;

namespace {

constexpr base::milliseconds kHoldLimit{3'000};  // a way there and back, within the pause

}  // namespace

ExitServing::ExitServing(std::unique_ptr<RelayedFlows> flows, const RelayExitPlace& place,
                         base::Fd netns, const std::optional<kernel::ProcessId>& workload,
                         RelayRecord record, RelayLanes lanes)
    : flows_(std::move(flows)),
      place_(place),
      netns_(std::move(netns)),
      workload_(workload),
      record_(std::move(record)),
      lanes_(std::move(lanes)),
      into_(place.link),
      link_index_(flows_->link_index()) {
  limit_backlog(lanes_.back);
  if (workload_) netns_.reset();  // what is held here would keep its link after its end
}

std::string ExitServing::run(int stop_fd) {
  ear_.emplace([this](const std::string& word) { hear(word); }, [] {});
  auto why = turn_.run([&] { carry_in(stop_fd); }, [&] { carry_out(); });
  changed_.notify_all();
  ear_.reset();
  return why;
}

void ExitServing::carry_in(int stop_fd) {
  const auto each = [this](transport::Frame& frame) {
    if (frame.type == transport::FrameType::kData) return put_in(frame.payload);
    if (frame.text().starts_with(kHeldWord)) note_held(frame.text().substr(kHeldWord.size()));
  };
  turn_.listen(lanes_.there, stop_fd, each, [] {});
}

// All new flows of a batch in one change of the kernel's set; then the packets.
void ExitServing::put_in(std::span<std::byte> batch) {
  turn_.bytes_in += batch.size();
  keys_.clear();
  const auto key_of = [this](const RelayPacket& packet) {
    return FlowKey{packet.protocol(), packet.source(), packet.destination().port};
  };
  for_each_packet(batch, [&](std::span<std::byte> frame, const Unfinished& unfinished) {
    const auto packet = RelayPacket::parse(frame, unfinished);
    if (packet && !packet->is_error() && packet->destination().address == address())
      keys_.push_back(key_of(*packet));
  });
  const bool all_known = flows_->know(keys_);
  for_each_packet(batch, [&](std::span<std::byte> frame, const Unfinished& unfinished) {
    const auto packet = RelayPacket::parse(frame, unfinished);
    const bool is_good = packet && packet->destination().address == address() &&
                         ((all_known && !packet->is_error()) || flows_->is_known(key_of(*packet)));
    if (!is_good || !try_put(frame.first(packet->frame_bytes()), unfinished)) ++turn_.dropped;
  });
}

bool ExitServing::try_put(std::span<std::byte> frame, const Unfinished& unfinished) {
  std::ranges::copy(std::as_bytes(std::span(place_.workload_mac.bytes)), frame.begin());
  std::ranges::copy(std::as_bytes(std::span(place_.gateway_mac.bytes)), frame.begin() + ETH_ALEN);
  try {
    into_.send(frame, unfinished);
    return true;
  } catch (const base::SysError& refused) {  // one packet is no reason to lose the others
    base::log("a packet to the workload: {}", refused.what());
    return false;
  }
}

void ExitServing::carry_out() {
  pollfd places[3] = {{-1, POLLIN, 0}, {turn_.fd(), POLLIN, 0}, {mail_.fd(), POLLIN, 0}};
  PacketBatch batch;
  auto next = base::mono_now();
  while (!turn_.is_over()) {
    if (base::mono_now() >= next) {
      look();
      next = base::mono_now() + kRelayLook;
    }
    places[0].fd = is_held_ ? -1 : flows_->tap().fd();
    if (::poll(places, 3, base::ms_until(next)) < 0 && errno != EINTR)
      throw base::SysError("poll", errno, "a relay's TAP");
    if (!is_held_ && !carry_some(batch)) return;
    if (!turn_.send(lanes_.back, mail_)) return;
  }
}

// False: it is over.
bool ExitServing::carry_some(PacketBatch& batch) {
  const auto each = [&](Frame frame, const Unfinished& unfinished) {
    const auto packet = RelayPacket::parse(batch.add(frame, unfinished), unfinished);
    if (packet && !packet->is_error()) return;
    batch.take_back();
    ++turn_.dropped;
  };
  for (size_t taken = 0; taken < kMostAtOnce && !batch.is_full(); ++taken) {
    if (flows_->tap().take(1, each) == 0) break;
  }
  return turn_.send(lanes_.back, batch, turn_.bytes_out);
}

void ExitServing::hear(const std::string& word) {
  if (word == "hold") return hold();
  if (word == "go on") return go_on();
  throw base::Error({"a relay's exit", "it does not know the word " + word, {}, {}, {}});
}

// What is on its way to the workload comes to it first.
void ExitServing::hold() {
  const auto keys = flows_->keys();
  std::unique_lock lock(mutex_);
  is_held_ = true;
  const int call = ++asked_;
  for (size_t at = 0; at < keys.size(); at += kMostForgotten) {
    const auto some = std::span(keys).subspan(at, std::min(kMostForgotten, keys.size() - at));
    mail_.post(std::string(kHomeWord) + keys_text(some));
  }
  mail_.post(std::string(kHoldWord) + std::to_string(call));
  const auto is_answered = [&] { return answered_ == call || turn_.is_over(); };
  if (changed_.wait_for(lock, kHoldLimit, is_answered) && answered_ == call) return;
  lock.unlock();
  go_on();
  throw base::Error({"a relay's exit", "its entrance has not held what comes", {}, {}, {}});
}

void ExitServing::go_on() {
  if (is_held_.exchange(false)) mail_.post(std::string(kGoOnWord));
}

void ExitServing::note_held(std::string_view mark) {
  const std::lock_guard lock(mutex_);
  answered_ = parse_call(mark);
  changed_.notify_all();
}

base::Fd ExitServing::network() const {
  if (!workload_) return netns_.dup();
  base::Fd netns = kernel::open_namespace(workload_->pid, "net");
  if (!kernel::is_alive(*workload_)) throw base::SysError("open", ESRCH, "the workload's network");
  return netns;
}

void ExitServing::look() {
  if (static_cast<int>(::if_nametoindex(place_.link.c_str())) != link_index_)
    return turn_.end("the workload's link has gone");
  std::optional<RelayNews> news;
  try {
    const auto netns = network();
    news = flows_->look(netns.get());
  } catch (const base::SysError& gone) {
    return turn_.end(std::string("the workload has gone: ") + gone.what());
  }
  record_.connections = news->connections;
  turn_.note(record_);
  const auto text = news_text(*news);
  (void)turn_.send(lanes_.back, transport::FrameType::kMessage, std::as_bytes(std::span(text)));
}

}  // namespace ferry::handover
