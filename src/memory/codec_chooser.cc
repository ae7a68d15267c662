// SPDX-License-Identifier: Apache-2.0
#include "memory/codec_chooser.h"

#include <algorithm>

namespace ferry::memory {
namespace {

constexpr std::array kCandidates = {Compression::kNone, Compression::kLz4, Compression::kZstd};
// The first batches try all, then one in this many is a sample of another candidate: 3 % of the work at most.
constexpr uint64_t kFirstSamples = 6;
constexpr uint64_t kSampleEvery = 64;
// Old measurements fade: memory of another kind shows within a few samples.
constexpr double kFade = 0.8;

}  // namespace

Compression CodecChooser::next() {
  const std::lock_guard lock(mutex_);
  const uint64_t batch = batches_++;
  if (batch < kFirstSamples) return kCandidates[batch % kCandidates.size()];
  if (batch % kSampleEvery == 0) return kCandidates[batch / kSampleEvery % kCandidates.size()];
  return best_locked();
}

void CodecChooser::measured(Compression compression, uint64_t raw_bytes, uint64_t wire_bytes, double seconds) {
  const std::lock_guard lock(mutex_);
  Seen& seen = seen_[static_cast<size_t>(compression)];
  seen.raw = seen.raw * kFade + static_cast<double>(raw_bytes);
  seen.wire = seen.wire * kFade + static_cast<double>(wire_bytes);
  seen.seconds = seen.seconds * kFade + seconds;
}

void CodecChooser::link_rate(double bytes_per_second) {
  const std::lock_guard lock(mutex_);
  link_rate_ = bytes_per_second;
}

Compression CodecChooser::best() const {
  const std::lock_guard lock(mutex_);
  return best_locked();
}

Compression CodecChooser::best_locked() const {
  // Nothing is known of the link: it is taken for fast.
  if (link_rate_ <= 0) return Compression::kNone;
  Compression best = Compression::kNone;
  double best_rate = 0;
  for (const Compression candidate : kCandidates) {
    const Seen& seen = seen_[static_cast<size_t>(candidate)];
    if (seen.wire <= 0) continue;
    const double through_link = link_rate_ * seen.raw / seen.wire;
    const double through_cpu = seen.seconds > 0 ? seen.raw / seen.seconds * lanes_ : through_link;
    const double rate = std::min(through_link, through_cpu);
    // The cheaper one unless the other is clearly better: ratios are guesses, CPU time is the workload's.
    if (best_rate == 0 || rate > best_rate * 1.1) {
      best = candidate;
      best_rate = rate;
    }
  }
  return best;
}

}  // namespace ferry::memory
