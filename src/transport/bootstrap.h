// SPDX-License-Identifier: Apache-2.0
//
// How the two halves of a move find each other: the source starts `ferry receive` on the target
// over SSH (copying ferry there when it has none of our protocol), the target prints one line, and
// the source connects to the port in it; where that does not work, the SSH pipe carries everything.
//
//     source                                         target
//     ssh [user@]host sh -c SCRIPT  ──────────────►  finds a ferry whose protocol is ours, or asks
//     for a copy
//                                   ◄──────────────  FERRY-READY PROTOCOL PORT KEY ADDRESS
//     TCP + TLS 1.3 to ADDRESS:PORT ──────────────►  the first with the key wins …
//     or the first frame on stdin   ──────────────►  … or the pipe does
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/subprocess.h"
#include "transport/channel_tls.h"
#include "transport/link.h"
#include "transport/socket.h"

namespace ferry::transport {

// Of frames, bootstrap and messages together: one more with every change that an older peer would
// not understand. `ferry receive --show-protocol` prints it, alone on a line, and exits 0.
inline constexpr int kProtocol = 13;

enum class Way { kDirect, kTunnel };  // TLS over TCP; the SSH pipe

// ---- the source's half (bootstrap_source.cc) ----

struct Destination {
  std::string user;  // empty: as SSH decides
  std::string host;  // a name, an address or an alias of ssh_config

  std::string text() const { return user.empty() ? host : user + "@" + host; }
};

// "[user@]host". Throws Error (usage) on an empty part, white space, or a leading '-'.
Destination parse_destination(std::string_view text);

struct ConnectOptions {
  // Each goes to ssh as `-o VALUE`, or as it is when it starts with '-' ("-F/etc/other"). They come
  // first, so they win over ferry's own.
  std::vector<std::string> ssh_options;
  std::optional<PortRange> ports;  // where the target may listen; none: any free port
  bool tunnel = false;             // do not try to connect directly
  std::string faults;              // fault specification handed to the target
  int wake_fd = kNoWake;           // readable: give up (Error with Exit::kCancelled)
  // The directory that holds `ferry`, `libferry-criu.so` and `criu/`; empty: that of our own
  // program.
  base::Path bundle_directory;
};

// What the user must know but what is no error: "west has no ferry of this protocol: copying 25 MiB
// …".
using Notices = std::function<void(std::string_view)>;

class SshSession;  // the ssh child, ended with its owner

struct Peer {
  // Destroyed in reverse order: the link says goodbye before ssh, which may be carrying it, is
  // ended.
  std::unique_ptr<SshSession> ssh;
  Link link;
  Way way = Way::kDirect;
  Endpoint endpoint;  // with `key`: more lanes to the same target (Way::kDirect only)
  Key key{};

  Peer(std::unique_ptr<SshSession> session, Link to_target, Way how, Endpoint where,
       const Key& secret);
  Peer(Peer&&) noexcept;
  Peer& operator=(Peer&&) = delete;
  // The last lines that ssh and the target wrote to stderr, for an error message.
  std::string target_errors() const;
  ~Peer();
};

// The source speaks first: through the pipe, the target takes the first frame for "we go this way".
// Ignores SIGPIPE in this process. Throws Error; each cause has its own text and remedy: unknown
// name, refused, no route, permission denied, host key changed or unknown, no ssh program, broken
// remote shell, no space for the copy, a copy that does not run there, a line that disagrees with
// ours.
Peer connect(const Destination& destination, const ConnectOptions& options, const Notices& notices);

// ---- the target's half (bootstrap_target.cc) ----

struct AcceptOptions {
  std::optional<PortRange> ports;
  int stdin_fd = 0, stdout_fd = 1;
};

struct Accepted {
  Link link;
  Way way = Way::kDirect;
  Listener listener;  // still open, for more lanes with the same key
  Key key{};
  // Where it listens, for others that are to be reached in the same way.
  std::string address = {};
  std::optional<PortRange> ports = {};
};

// Binds, prints the line, waits for the source. From then on stray output of this process goes to
// stderr, and SIGHUP and SIGPIPE are ignored: losing the SSH session does not end the receiver.
// Throws Error: no free port in the range, stdin closed, nobody came within the bound.
Accepted accept_source(const AcceptOptions& options);

}  // namespace ferry::transport
