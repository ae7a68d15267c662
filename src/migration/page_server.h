// SPDX-License-Identifier: Apache-2.0
//
// Post-copy, the source's half: answers what the target wants of the frozen tasks' memory, one
// thread per lane. It remembers nothing: what is still wanted is known to the target alone, so
// another server, of another ferry on new lanes, goes on where this one has ended.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernel/procfs.h"
#include "memory/codec_chooser.h"
#include "migration/page_encoder.h"
#include "transport/lanes.h"
#include "transport/pace.h"

namespace ferry::migration {

// Whose memory is meant by what the target calls a space.
using ServedSpaces = std::map<int32_t, kernel::ProcessId>;

class PageServer {
 public:
  // The tasks are frozen and stay so for as long as this object lives.
  PageServer(ServedSpaces spaces, std::vector<transport::Link> lanes, uint64_t bandwidth);
  ~PageServer();
  PageServer(const PageServer&) = delete;
  PageServer& operator=(const PageServer&) = delete;

  uint64_t bytes_sent() const { return bytes_sent_; }    // on the wire
  uint64_t bytes_served() const { return bytes_served_; }  // of memory
  // A lane has ended, or nobody has wanted anything for longer than a living target would wait.
  bool is_cut_off() const;
  std::string why_cut_off() const;

 private:
  void serve(transport::Link& lane, size_t worker);
  void answer(transport::Link& lane, size_t worker, const wire::WantPages& want);
  void send(transport::Link& lane, transport::FrameType type, std::span<const std::byte> payload);

  const ServedSpaces spaces_;
  transport::Pace pace_;
  memory::CodecChooser codecs_;
  std::vector<std::unique_ptr<PageEncoder>> encoders_;  // one per lane
  std::vector<transport::Link> lanes_;
  base::Fd stop_;  // readable: the lanes end
  std::atomic<uint64_t> bytes_sent_ = 0, bytes_served_ = 0;
  std::atomic<int> answering_ = 0;
  std::atomic<int64_t> last_want_ns_;
  mutable std::mutex mutex_;
  std::string why_;
  std::atomic<bool> ended_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace ferry::migration
