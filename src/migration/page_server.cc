// SPDX-License-Identifier: Apache-2.0
#include "migration/page_server.h"

#include <fmt/format.h>
#include <sys/eventfd.h>

#include <cerrno>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

namespace ferry::migration {

using transport::FrameType;
using transport::Io;

namespace {

// As long as pages are missing the target wants some all the time.
constexpr int64_t kSilenceNs = 10'000'000'000;
// For an answer to leave: the target takes it as soon as it comes.
constexpr base::milliseconds kStall{10'000};

memory::PageSet ranges_of(const wire::WantPages& want) {
  auto pages = memory::PageSet::decode(std::as_bytes(std::span(want.ranges())));
  if (pages.empty() || pages.bytes() > memory::kMaxBatchBytes) {
    throw BrokenProtocol("an impossible number of pages is wanted");
  }
  return pages;
}

}  // namespace

PageServer::PageServer(ServedSpaces spaces, std::vector<transport::Link> lanes, uint64_t bandwidth)
    : spaces_(std::move(spaces)),
      pace_(bandwidth),
      codecs_(static_cast<unsigned>(lanes.size())),
      lanes_(std::move(lanes)),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      last_want_ns_(base::mono_ns()) {
  if (!stop_) throw base::SysError("eventfd", errno, "the lanes");
  for (size_t i = 0; i < lanes_.size(); ++i) {
    encoders_.push_back(std::make_unique<PageEncoder>(codecs_));
  }
  for (size_t i = 0; i < lanes_.size(); ++i) {
    threads_.emplace_back([this, i] { serve(lanes_[i], i); });
  }
}

PageServer::~PageServer() {
  const uint64_t one = 1;
  base::write_full(stop_.get(), std::as_bytes(std::span(&one, 1)));
  for (auto& thread : threads_) thread.join();
}

bool PageServer::is_cut_off() const {
  return ended_ || (answering_ == 0 && base::mono_ns() - last_want_ns_ > kSilenceNs);
}

std::string PageServer::why_cut_off() const {
  const std::lock_guard lock(mutex_);
  return why_.empty() ? "it has not asked for anything for a while" : why_;
}

void PageServer::serve(transport::Link& lane, size_t worker) {
  std::string why;
  try {
    transport::Frame frame;
    for (;;) {
      const Io received = lane.recv(frame, transport::kNoDeadline, stop_.get());
      if (received == Io::kWoken) return;
      if (received != Io::kDone) throw LinkLost("the target", lane.close_reason());
      wire::ToSource message;
      if (!message.ParseFromString(std::string(frame.text())) || !message.has_want_pages()) {
        throw BrokenProtocol("what came on a lane wants no pages");
      }
      last_want_ns_ = base::mono_ns();
      ++answering_;
      answer(lane, worker, message.want_pages());
      --answering_;
      last_want_ns_ = base::mono_ns();
    }
  } catch (const std::exception& failure) {
    why = failure.what();
  }
  base::log("a lane: {}", why);
  {
    const std::lock_guard lock(mutex_);
    if (why_.empty()) why_ = why;
    ended_ = true;
  }
  lane.close();  // last: who sees it closed finds why
}

// What is left out of the answer is zero: so all of it must have been read.
void PageServer::answer(transport::Link& lane, size_t worker, const wire::WantPages& want) {
  FAULT_POINT("source.serving");
  const auto space = spaces_.find(want.pid());
  if (space == spaces_.end()) throw BrokenProtocol("pages of an unknown process are wanted");
  const auto pages = ranges_of(want);
  PagePiece piece;
  piece.pid = space->second.pid;
  piece.space = space->first;
  piece.ranges = pages.ranges();
  const uint64_t read = encoders_[worker]->encode(piece, [&](std::span<const std::byte> payload) {
    if (!want.waited_for()) pace_.wait(payload.size());
    send(lane, FrameType::kPages, payload);
  });
  if (read != pages.bytes() || !kernel::is_alive(space->second)) {
    throw base::Error({fmt::format("cannot read the memory of process {}", space->second.pid),
                       "its frozen copy has gone", "", {}, {}});
  }
  bytes_served_ += read;
  wire::ToTarget end;
  end.mutable_pages_sent()->set_bytes(read);
  const std::string bytes = end.SerializeAsString();
  send(lane, FrameType::kMessage, std::as_bytes(std::span(bytes)));
}

void PageServer::send(transport::Link& lane, FrameType type, std::span<const std::byte> payload) {
  const Io sent = lane.send(type, payload, stop_.get(), kStall);
  if (sent == Io::kWoken) throw Cancelled();
  if (sent != Io::kDone) throw LinkLost("the target", "it takes no more data");
  bytes_sent_ += payload.size() + transport::kHeaderBytes;
}

}  // namespace ferry::migration
