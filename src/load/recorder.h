// SPDX-License-Identifier: Apache-2.0
//
// Takes each request's end and keeps the sums: histogram, counts, timeline, samples. Costs no
// system call and, but for growth, no allocation.
#pragma once

#include <cstdint>
#include <string_view>

#include "load/result.h"

namespace ferry::load {

class Recorder {
 public:
  explicit Recorder(uint64_t expected_requests);

  void begin(int64_t start_ns);  // CLOCK_MONOTONIC; before anything else
  void due(int64_t due_ns, int64_t seen_ns);
  void sent() { ++result_.sent; }
  // `message` is kept for the first of each kind.
  void done(const Sample& sample, std::string_view message = {});

  const Result& result() const { return result_; }
  Result& result() { return result_; }

 private:
  Bucket& bucket(int64_t mono_ns);

  Result result_;
};

// CLOCK_REALTIME - CLOCK_MONOTONIC, to well below a microsecond.
int64_t real_offset_ns();

}  // namespace ferry::load
