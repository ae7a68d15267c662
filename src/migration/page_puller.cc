// SPDX-License-Identifier: Apache-2.0
#include "migration/page_puller.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "migration/conversation.h"

namespace ferry::migration {

using memory::AddressRange;
using memory::PageSet;
using transport::FrameType;
using transport::Io;

namespace {

// A fault brings what is around it: programs touch neighbours next, and a round trip costs more.
constexpr uint64_t kWindowBytes = 128 << 10;
constexpr int kFaultsAtOnce = 16;  // each with its window: what a later fault has to wait for
// Of the rest: large enough to compress well, and so many on their way that a long link is full.
constexpr uint64_t kPullBytes = 512 << 10;
constexpr size_t kPiecesAhead = 4;
constexpr int kLookMs = 200;  // whether the workload still lives
constexpr base::milliseconds kIdle{5};
// Longer than the source takes to read a piece and send it within any bandwidth of use; a link
// that is cut is told by the kernel (transport/socket.h).
constexpr base::milliseconds kAnswer{30'000};
constexpr base::milliseconds kEarlierEnds{10'000};

void add(int eventfd) {
  const uint64_t one = 1;
  (void)!::write(eventfd, &one, sizeof one);
}

}  // namespace

// Questions on one lane, answered in their order.
class PagePuller::Lane {
 public:
  Lane(PagePuller& puller, transport::Link& link) : puller_(puller), link_(link) {}

  void want(Piece piece, bool waited_for) {
    if (piece.ranges.empty()) return;
    wire::ToSource message;
    auto& want = *message.mutable_want_pages();
    want.set_pid(piece.pid);
    want.set_waited_for(waited_for);
    PageSet pages;
    for (const AddressRange& range : piece.ranges) pages.insert(range);
    const auto bytes = pages.encode();
    want.set_ranges(bytes.data(), bytes.size());
    check(link_.send(FrameType::kMessage, message.SerializeAsString(), puller_.stop_.get()));
    wanted_.push_back(std::move(piece));
  }

  size_t under_way() const { return wanted_.size(); }

  void take_answer() {
    const Piece piece = std::move(wanted_.front());
    wanted_.pop_front();
    PageSet filled;
    for (;;) {
      check(link_.recv(frame_, base::mono_now() + kAnswer, puller_.stop_.get()));
      if (frame_.type != FrameType::kPages) break;
      puller_.put(piece, decoder_.decode(frame_.payload), filled);
    }
    wire::ToTarget end;
    if (!end.ParseFromString(std::string(frame_.text())) || !end.has_pages_sent() ||
        end.pages_sent().bytes() != piece.bytes()) {
      throw BrokenProtocol("pages that were wanted have not come");
    }
    puller_.finish(piece, filled);
  }

  int fd() const { return link_.poll_fd(); }

 private:
  void check(Io io) const {
    if (io == Io::kDone) return;
    if (io == Io::kWoken) throw Cancelled();
    throw LinkLost("the source", io == Io::kTimeout ? "it does not answer" : link_.close_reason());
  }

  PagePuller& puller_;
  transport::Link& link_;
  transport::Frame frame_;
  memory::Decoder decoder_;
  std::deque<Piece> wanted_;
};

PagePuller::PagePuller(memory::PullAccess access, std::vector<transport::Link> lanes)
    : access_(std::move(access)),
      settling_(access_.state.get()),
      far_(access_.far.get()),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      lanes_(std::move(lanes)) {
  if (!stop_) throw base::SysError("eventfd", errno, "the lanes");
  take_over();
  for (size_t i = 0; i < lanes_.size(); ++i) {
    threads_.emplace_back([this, i] { run(lanes_[i], i == 0); });
  }
}

PagePuller::~PagePuller() {
  add(stop_.get());
  for (auto& thread : threads_) thread.join();
  far_.set_puller({});
}

// Through a file description of our own: the others' are shared with those who fill.
void PagePuller::take_over() {
  lock_ = base::open_file(fmt::format("/proc/self/fd/{}", access_.far.get()), O_RDWR);
  const auto deadline = base::mono_now() + kEarlierEnds;
  while (::flock(lock_.get(), LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) throw base::SysError("flock", errno, "");
    if (base::mono_now() > deadline) {
      base::refuse("cannot fetch the rest of the memory", "another ferry here does not give way");
    }
    // Its connection is of no use: the source would not have made this one.
    if (const auto earlier = far_.puller(); kernel::is_alive(earlier)) {
      kernel::signal_process(earlier, SIGKILL);
    }
    std::this_thread::sleep_for(kIdle);
  }
  far_.set_puller(kernel::find_process(::getpid()).value_or(kernel::ProcessId{}));
  far_.forget_asked();
  add(access_.placed.get());  // whoever waits asks again
}

std::string PagePuller::why_cut_off() const {
  const std::lock_guard lock(mutex_);
  return why_;
}

void PagePuller::run(transport::Link& link, bool for_faults) {
  try {
    Lane lane(*this, link);
    for_faults ? pull_faults(lane) : pull_rest(lane);
  } catch (const Cancelled&) {
  } catch (const std::exception& failure) {
    base::log("a lane: {}", failure.what());
    end(State::kCutOff, failure.what());
  }
}

void PagePuller::end(State state, const std::string& why) {
  auto pulling = State::kPulling;
  {
    const std::lock_guard lock(mutex_);
    if (!state_.compare_exchange_strong(pulling, state)) return;
    why_ = why;
  }
  add(stop_.get());
}

bool PagePuller::is_over() {
  if (settling_->outcome != memory::Outcome::kOpen) end(State::kOver);
  if (far_.bytes_left() == 0) end(State::kArrived);
  return state_ != State::kPulling;
}

void PagePuller::pull_faults(Lane& lane) {
  while (!is_over()) {
    pollfd entries[] = {{access_.asked.get(), POLLIN, 0},
                        {stop_.get(), POLLIN, 0},
                        {lane.fd(), POLLIN, 0}};
    (void)::poll(entries, 3, kLookMs);
    if (entries[1].revents != 0) return;
    if (entries[2].revents != 0) throw LinkLost("the source", "it has closed the connection");
    uint64_t count = 0;
    if (entries[0].revents != 0) (void)!::read(access_.asked.get(), &count, sizeof count);
    std::vector<Piece> asked;
    do {
      asked.clear();
      while (asked.size() < kFaultsAtOnce) {
        auto page = far_.next_asked();
        if (!page) break;
        lane.want(*page, true);
        asked.push_back(std::move(*page));
      }
      for (const Piece& page : asked) {
        lane.want(far_.near(page.slot, page.ranges.front().start, kWindowBytes), true);
      }
      while (lane.under_way() > 0) lane.take_answer();
    } while (!asked.empty());
  }
}

void PagePuller::pull_rest(Lane& lane) {
  while (!is_over()) {
    while (lane.under_way() < kPiecesAhead) {
      auto piece = next_of_rest();
      if (!piece) break;
      lane.want(std::move(*piece), false);
    }
    if (lane.under_way() == 0) {
      // What others have asked for is on its way.
      if (base::wait_readable(stop_.get(), static_cast<int>(kIdle.count()))) return;
      continue;
    }
    lane.take_answer();
    FAULT_POINT("target.pulling");
    const std::lock_guard lock(mutex_);
    --pieces_under_way_;
  }
}

std::optional<memory::FarPages::Piece> PagePuller::next_of_rest() {
  const std::lock_guard lock(mutex_);
  auto piece = far_.next_far(at_, kPullBytes);
  if (!piece && pieces_under_way_ == 0) {
    at_ = 0;
    piece = far_.next_far(at_, kPullBytes);
  }
  if (piece) ++pieces_under_way_;
  return piece;
}

void PagePuller::put(const Piece& piece, const memory::Decoded& batch, PageSet& filled) {
  PageSet wanted;
  for (const AddressRange& range : piece.ranges) wanted.insert(range);
  memory::StoredSpace stored(access_.store.get(), piece.slot);
  auto data = batch.data;
  const std::lock_guard lock(mutex_);
  for (const memory::Run& run : batch.runs) {
    if (batch.space != piece.pid || !wanted.covers(run.range)) {
      throw BrokenProtocol("pages have come that nobody wanted");
    }
    if (run.zero) continue;
    filled.insert(run.range);
    for (AddressRange left = run.range; left.start < left.end;) {
      const auto part = far_.look(piece.slot, left);
      const auto bytes = data.first(part.range.bytes());
      if (part.far) stored.put(part.range.start, bytes);
      data = data.subspan(bytes.size());
      left.start = part.range.end;
    }
  }
}

// What has not come is zero; the store may hold what it was before.
void PagePuller::finish(const Piece& piece, const PageSet& filled) {
  PageSet zero;
  for (const AddressRange& range : piece.ranges) zero.insert(range);
  zero.erase(filled);
  memory::StoredSpace stored(access_.store.get(), piece.slot);
  {
    const std::lock_guard lock(mutex_);
    for (const AddressRange& range : zero) {
      for (AddressRange left = range; left.start < left.end;) {
        const auto part = far_.look(piece.slot, left);
        if (part.far) stored.drop(part.range);
        left.start = part.range.end;
      }
    }
    for (const AddressRange& range : piece.ranges) far_.clear(piece.slot, range);
    settling_->far_left = far_.bytes_left();
  }
  add(access_.placed.get());
}

}  // namespace ferry::migration
