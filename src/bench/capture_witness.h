// SPDX-License-Identifier: Apache-2.0
//
// A witness of what a move does to connections that is neither ferry nor its load generator: tcpdump(8) on the client's host, and
// what tshark(1) finds in its capture. Programs that only see their sockets hear nothing of a segment that was sent twice.
//
// Whoever waits longer than 200 ms for an acknowledgement sends again, and in a pause nobody acknowledges: that is no fault. Nor is it one after
// 5 ms, when the last of several segments was not acknowledged because the CPU was busy: a tail loss probe (RFC 8985, 7), of which there are some each second
// without any move. It is one when the first of the two was lost. Whether it was, its receiver tells: to what he has had already he answers
// with a D-SACK (RFC 2883).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/hosts.h"
#include "report/experiment.h"

namespace ferry::bench {

struct Window;

struct OddSegment {
  int64_t at_ns = 0;  // the client's CLOCK_REALTIME
  bool reset = false, repeated = false;
  bool had_already = false;  // its sender has had what came last
  bool operator==(const OddSegment&) const = default;
};

class CaptureWitness {
 public:
  explicit CaptureWitness(const Hosts& hosts);
  // Ends it and looks into it, which takes some seconds for each minute. Throws Error, also when the capture has holes.
  std::vector<OddSegment> finish();

 private:
  const Hosts& hosts_;
  Command command_;
};

// Of tshark's fields, with tabs between them: seconds since 1970, and as "1" or more what it is.
std::vector<OddSegment> parse_odd_segments(std::string_view output);

// Those between the start of a move and well after its end. Explained is what is sent again though it had come.
void add_capture_view(report::Move& move, const std::vector<OddSegment>& segments, const Window& window);

}  // namespace ferry::bench
