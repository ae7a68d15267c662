// SPDX-License-Identifier: Apache-2.0
//
// The messages of wire.proto over a link, with what both halves need: sending, waiting for an answer, and turning the peer's
// Failure into an Error here.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "migration/wire.pb.h"
#include "transport/link.h"

namespace ferry::migration {

// Thrown when the peer or the way to it has gone: the caller decides what that means in its state.
class LinkLost : public base::Error {
 public:
  LinkLost(const std::string& peer, const std::string& reason);
};
// Thrown when the wake descriptor fired.
class Cancelled : public base::Error {
 public:
  Cancelled();
};
// The peer sent what cannot come here.
class BrokenProtocol : public base::Error {
 public:
  explicit BrokenProtocol(const std::string& why);
};
// The peer's own words.
class PeerFailure : public base::Error {
 public:
  explicit PeerFailure(const wire::Failure& failure);
  bool never_ran() const { return never_ran_; }

 private:
  bool never_ran_;
};

class Conversation {
 public:
  Conversation(transport::Link& link, std::string peer, int wake_fd)
      : link_(link), peer_(std::move(peer)), wake_fd_(wake_fd) {}

  void stop_watching() { wake_fd_ = transport::kNoWake; }  // Ctrl-C comes too late from here on
  void watch(int wake_fd) { wake_fd_ = wake_fd; }
  int wake_fd() const { return wake_fd_; }
  void throw_if_cancelled() const;

  void send(const google::protobuf::Message& message);
  void send_data(std::span<const std::byte> data);
  // Waits for one frame; throws LinkLost, Cancelled, or Error on a timeout ("west did not …").
  const transport::Frame& receive(base::milliseconds limit, const std::string& waiting_for,
                                  const std::function<void()>& look = {});
  // `look`, called several times a second meanwhile, may throw what ends the wait.
  wire::ToSource receive_from_target(base::milliseconds limit, const std::string& waiting_for,
                                     const std::function<void()>& look = {});

  // The target speaks unasked only to say that it cannot go on; then sending more is of no use.
  void throw_if_target_failed();

  transport::Link& link() { return link_; }
  const std::string& peer() const { return peer_; }

 private:
  transport::Link& link_;
  std::string peer_;
  int wake_fd_;
  transport::Frame frame_;
};

// Sends a file: FileStart (filled in by the caller but for what stat says), then its bytes from kept_prefix on. The file may be
// written meanwhile: what counts as sent is what the result says.
struct SentFile {
  uint64_t size = 0;
  uint64_t hash = 0;  // xxh3 of what was sent (after the kept prefix), as files::hash_prefix computes it
};
SentFile send_file(Conversation& conversation, const std::string& local_path, wire::FileStart start,
                   const std::function<void(uint64_t bytes)>& sent);

// Of what is no file here: the announcement, and then so many bytes as that has said.
void send_start(Conversation& conversation, wire::FileStart start);
void send_content(Conversation& conversation, std::span<const std::byte> content, const std::function<void(uint64_t bytes)>& sent);

wire::Failure to_failure(const std::exception& error, bool never_ran);
base::Exit exit_of(const std::exception& error);

}  // namespace ferry::migration
