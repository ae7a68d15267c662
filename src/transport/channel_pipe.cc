// SPDX-License-Identifier: Apache-2.0
#include "transport/channel_pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace ferry::transport {
namespace {

void make_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    throw base::SysError("fcntl", errno, "O_NONBLOCK");
  }
}

// 64 KiB, the default, is a switch of tasks per 64 KiB. Sockets (sshd may use them) do not take it:
// no harm.
constexpr int kPipeBytes = 1 << 20;

class PipeChannel final : public Channel {
 public:
  PipeChannel(base::Fd in, base::Fd out, std::string early)
      : in_(std::move(in)), out_(std::move(out)), early_(std::move(early)) {
    make_nonblocking(in_.get());
    make_nonblocking(out_.get());
    (void)::fcntl(out_.get(), F_SETPIPE_SZ, kPipeBytes);
  }
  ~PipeChannel() override { close(); }

  Moved read_some(std::span<std::byte> into) override {
    if (pending()) {
      const size_t bytes = std::min(into.size(), early_.size() - early_taken_);
      std::memcpy(into.data(), early_.data() + early_taken_, bytes);
      early_taken_ += bytes;
      return {Step::kMoved, bytes};
    }
    ssize_t got;
    do {
      got = ::read(in_.get(), into.data(), into.size());
    } while (got < 0 && errno == EINTR);
    if (got > 0) return {Step::kMoved, static_cast<size_t>(got)};
    if (got < 0 && errno == EAGAIN) return {Step::kWantRead, 0};
    return lost(got == 0 ? "closed by the peer" : std::strerror(errno));
  }

  Moved write_some(std::span<const std::byte> from) override {
    ssize_t put;
    do {
      put = ::write(out_.get(), from.data(), from.size());
    } while (put < 0 && errno == EINTR);
    if (put >= 0) return {Step::kMoved, static_cast<size_t>(put)};
    if (errno == EAGAIN) return {Step::kWantWrite, 0};
    return lost(errno == EPIPE ? "closed by the peer" : std::strerror(errno));
  }

  Step flush() override { return Step::kMoved; }

  int read_fd() const override { return in_.get(); }
  int write_fd() const override { return out_.get(); }
  bool pending() const override { return early_taken_ < early_.size(); }
  void close() override {
    in_.reset();
    out_.reset();
  }
  const std::string& close_reason() const override { return close_reason_; }

 private:
  Moved lost(std::string reason) {
    close_reason_ = std::move(reason);
    return {Step::kClosed, 0};
  }

  base::Fd in_, out_;
  std::string early_;
  size_t early_taken_ = 0;
  std::string close_reason_;
};

}  // namespace

std::unique_ptr<Channel> make_pipe_channel(base::Fd in, base::Fd out, std::string early) {
  return std::make_unique<PipeChannel>(std::move(in), std::move(out), std::move(early));
}

}  // namespace ferry::transport
