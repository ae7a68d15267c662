// SPDX-License-Identifier: Apache-2.0
#include "migration/conversation.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/fault.h"
#include "files/staged.h"

namespace ferry::migration {

using base::Error;
using base::Exit;
using transport::FrameType;
using transport::Io;

LinkLost::LinkLost(const std::string& peer, const std::string& reason)
    : Error({fmt::format("lost the connection to {}", peer), reason, "try again", {}, {}}) {}

Cancelled::Cancelled() : Error({"cancelled", "as asked", "", {}, {}}, Exit::kCancelled) {}

BrokenProtocol::BrokenProtocol(const std::string& why)
    : Error({"the peer does not keep to the protocol", why, "use the same version of ferry on both hosts", {}, {}}) {}

PeerFailure::PeerFailure(const wire::Failure& failure)
    : Error({failure.what(), failure.why(), failure.remedy(), failure.host(), failure.log()},
            static_cast<Exit>(failure.exit())),
      never_ran_(failure.never_ran()) {}

void Conversation::throw_if_cancelled() const {
  if (wake_fd_ >= 0 && base::wait_readable(wake_fd_, 0)) throw Cancelled();
}

namespace {

// Both sides take it into memory that they have already: fresh pages cost more than the copy, and this is in the pause.
constexpr uint64_t kFileChunk = 64 << 10;

constexpr base::milliseconds kLook{100};

void require_sent(Io result, const std::string& peer, const transport::Link& link) {
  if (result == Io::kDone) return;
  if (result == Io::kWoken) throw Cancelled();
  throw LinkLost(peer, result == Io::kTimeout ? "it takes no more data" : link.close_reason());
}

}  // namespace

void Conversation::send(const google::protobuf::Message& message) {
  require_sent(link_.send(FrameType::kMessage, message.SerializeAsString(), wake_fd_), peer_, link_);
}

void Conversation::send_data(std::span<const std::byte> data) {
  require_sent(link_.send(FrameType::kData, data, wake_fd_), peer_, link_);
}

const transport::Frame& Conversation::receive(base::milliseconds limit, const std::string& waiting_for,
                                              const std::function<void()>& look) {
  const auto deadline = base::mono_now() + limit;
  do {
    const auto until = look ? std::min(deadline, base::mono_now() + kLook) : deadline;
    switch (link_.recv(frame_, until, wake_fd_)) {
      case Io::kDone: return frame_;
      case Io::kWoken: throw Cancelled();
      case Io::kClosed: throw LinkLost(peer_, link_.close_reason());
      case Io::kTimeout: break;
    }
    if (look) look();
  } while (base::mono_now() < deadline);
  throw LinkLost(peer_, fmt::format("no answer for {:.1f} s while waiting for {}", limit.count() / 1000.0, waiting_for));
}

wire::ToSource Conversation::receive_from_target(base::milliseconds limit, const std::string& waiting_for,
                                                 const std::function<void()>& look) {
  wire::ToSource message;
  const auto& frame = receive(limit, waiting_for, look);
  if (frame.type != FrameType::kMessage || !message.ParseFromString(std::string(frame.text()))) {
    throw LinkLost(peer_, "it sent what is no message of this protocol");
  }
  if (message.has_failure()) throw PeerFailure(message.failure());
  return message;
}

void Conversation::throw_if_target_failed() {
  if (!link_.pending() && !base::wait_readable(link_.poll_fd(), 0)) return;
  // Readable may also be a TLS record that carries no data (a session ticket).
  switch (link_.recv(frame_, base::mono_now())) {
    case Io::kClosed: throw LinkLost(peer_, link_.close_reason());
    case Io::kDone: break;
    default: return;
  }
  wire::ToSource message;
  if (message.ParseFromString(std::string(frame_.text())) && message.has_failure()) throw PeerFailure(message.failure());
}

void send_start(Conversation& conversation, wire::FileStart start) {
  wire::ToTarget message;
  *message.mutable_file() = std::move(start);
  conversation.send(message);
}

void send_content(Conversation& conversation, std::span<const std::byte> content, const std::function<void(uint64_t bytes)>& sent) {
  while (!content.empty()) {
    const auto part = content.first(std::min<uint64_t>(content.size(), kFileChunk));
    conversation.send_data(part);
    sent(part.size());
    content = content.subspan(part.size());
  }
}

namespace {

void announce(Conversation& conversation, const struct stat& info, wire::FileStart start) {
  start.set_mode((info.st_mode & 07777) | (S_ISFIFO(info.st_mode) ? S_IFIFO : 0));
  start.set_uid(info.st_uid);
  start.set_gid(info.st_gid);
  start.set_mtime_ns(int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec);
  send_start(conversation, std::move(start));
}

// Not opened, which others would notice; what is in it is in CRIU's images.
SentFile announce_fifo(Conversation& conversation, const struct stat& info, wire::FileStart start) {
  start.set_size(0);
  announce(conversation, info, std::move(start));
  return {0, files::Hasher().digest()};
}

}  // namespace

SentFile send_file(Conversation& conversation, const std::string& local_path, wire::FileStart start,
                   const std::function<void(uint64_t bytes)>& sent) {
  struct stat info {};
  if (::stat(local_path.c_str(), &info) < 0) throw base::SysError("stat", errno, local_path);
  if (S_ISFIFO(info.st_mode)) return announce_fifo(conversation, info, std::move(start));
  const auto fd = base::open_file(local_path, O_RDONLY);
  if (::fstat(fd.get(), &info) < 0) throw base::SysError("fstat", errno, local_path);
  // A growing file is sent as long as it is now; what comes later is the next pass's business.
  const uint64_t size = static_cast<uint64_t>(info.st_size);
  uint64_t left = size - start.kept_prefix();
  if (::lseek(fd.get(), static_cast<off_t>(start.kept_prefix()), SEEK_SET) < 0) {
    throw base::SysError("lseek", errno, local_path);
  }
  start.set_size(size);
  announce(conversation, info, std::move(start));

  files::Hasher hasher;
  std::vector<std::byte> buffer(std::min<uint64_t>(left, kFileChunk));
  while (left > 0) {
    const auto part = std::span(buffer).first(std::min<uint64_t>(left, buffer.size()));
    // Cut short meanwhile: the rest goes as zeros, and the next pass sees that the hash does not hold.
    const size_t got = base::read_full(fd.get(), part);
    std::ranges::fill(part.subspan(got), std::byte{0});
    FAULT_POINT("source.chunk");
    conversation.send_data(part);
    hasher.add(part);
    sent(part.size());
    left -= part.size();
  }
  return {size, hasher.digest()};
}

wire::Failure to_failure(const std::exception& error, bool never_ran) {
  wire::Failure failure;
  if (const auto* known = dynamic_cast<const Error*>(&error)) {
    failure.set_what(known->explanation().what);
    failure.set_why(known->explanation().why);
    failure.set_remedy(known->explanation().remedy);
    failure.set_log(known->explanation().log);
  } else {
    failure.set_what(error.what());
  }
  failure.set_exit(static_cast<int>(exit_of(error)));
  failure.set_never_ran(never_ran);
  return failure;
}

Exit exit_of(const std::exception& error) {
  const auto* known = dynamic_cast<const Error*>(&error);
  return known ? known->exit() : Exit::kFailed;
}

}  // namespace ferry::migration
