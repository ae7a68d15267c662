// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/units.h"
#include "transport/bootstrap.h"
#include "transport/bundle.h"
#include "transport/ready_line.h"
#include "transport/ssh_errors.h"
#include "transport/ssh_script.h"
#include "transport/ssh_session.h"

namespace ferry::transport {
namespace {

// SSH logs in within seconds; slow resolvers and PAM modules take their time.
constexpr base::milliseconds kReadyTimeout{30'000};
// A port that no firewall hides answers in a round trip.
constexpr base::milliseconds kDirectTimeout{2'000};
// After the end of its output ssh has its exit code soon.
constexpr base::milliseconds kExitPatience{2'000};

std::string receive_arguments(const ConnectOptions& options) {
  std::string arguments;
  if (options.ports)
    arguments += fmt::format("--port {}-{} ", options.ports->first, options.ports->last);
  if (options.faults.empty()) return arguments;
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("_.=:,@%*-").find(c) != std::string_view::npos;
  };
  if (!std::all_of(options.faults.begin(), options.faults.end(), plain)) {
    throw base::Error(
        {"cannot hand the faults to the target", "they hold unusual characters", "", {}, {}},
        base::Exit::kUsage);
  }
  return arguments + fmt::format("--faults \"{}\"", options.faults);
}

class Bootstrap {
 public:
  Bootstrap(const Destination& destination, const ConnectOptions& options, const Notices& notices)
      : destination_(destination),
        options_(options),
        notices_(notices),
        bundle_(find_bundle(options.bundle_directory)),
        ssh_(std::make_unique<SshSession>(
            destination, options.ssh_options,
            ssh_script(kProtocol, bundle_.id, receive_arguments(options)))),
        reader_(ssh_->output()) {}

  Peer run() {
    const ReadyLine line = wait_ready();
    auto channel = options_.tunnel ? nullptr : try_direct(line);
    const Way way = channel ? Way::kDirect : Way::kTunnel;
    if (!channel) channel = ssh_->take_channel(std::move(reader_).rest());
    base::log("{} is reached {}", destination_.host,
              way == Way::kDirect ? "directly" : "through ssh");
    return Peer(std::move(ssh_), Link(std::move(channel)), way, line.endpoint, line.key);
  }

 private:
  ReadyLine wait_ready() {
    bool copied = false;
    for (;;) {
      std::string line;
      const Said said = reader_.next(line, base::mono_now() + kReadyTimeout, options_.wake_fd);
      switch (said) {
        case Said::kReady:
          return checked(line);
        case Said::kCopy:
          if (copied)
            throw explain_script_failure(destination_, "FERRY-FAILED protocol", ssh_->errors());
          copied = true;
          copy(line);
          break;
        case Said::kFailed:
          throw explain_script_failure(destination_, line, ssh_->errors());
        case Said::kClosed: {
          const auto exit_code = ssh_->wait_exit(kExitPatience);
          throw explain_ssh_exit(destination_, exit_code, ssh_->errors());
        }
        case Said::kNothing:
        case Said::kTimeout:
        case Said::kWoken:
          throw explain_silence(destination_, said, ssh_->errors());
      }
    }
  }

  ReadyLine checked(const std::string& line) const {
    ReadyLine ready = parse_ready_line(line, destination_.host);
    if (ready.protocol == kProtocol) return ready;
    throw base::Error({fmt::format("ferry on {} speaks protocol {}, this one {}", destination_.host,
                                   ready.protocol, kProtocol),
                       "they are of different versions",
                       "install the same version on both hosts",
                       {},
                       {}});
  }

  void copy(std::string_view line) {
    const auto space = line.find(' ');
    const std::string_view path = space == line.npos ? "its cache" : line.substr(space + 1);
    notices_(fmt::format("{} has no ferry of this version: copying {} to {}", destination_.host,
                         base::format_bytes(bundle_.bytes), path));
    const std::string archive = pack_bundle(bundle_);
    // Not taken whole: the script has given up, and its next line says why.
    if (!ssh_->write(fmt::format("{}\n", archive.size()), options_.wake_fd) ||
        !ssh_->write(archive, options_.wake_fd)) {
      base::log("the copy was not taken whole");
    }
  }

  std::unique_ptr<Channel> try_direct(const ReadyLine& line) {
    const auto deadline = base::mono_now() + kDirectTimeout;
    std::string why;
    try {
      if (line.endpoint.address.empty()) {
        why = "its address is not known";
      } else {
        return tls_handshake(tcp_connect(line.endpoint, deadline), line.key, Role::kConnects,
                             deadline);
      }
    } catch (const base::Error& error) {
      why = error.what();
    } catch (const base::SysError& error) {
      why = error.what();
    }
    notices_(
        fmt::format("no direct connection to {} ({}): using the SSH connection, which is slower",
                    destination_.host, why));
    return nullptr;
  }

  const Destination& destination_;
  const ConnectOptions& options_;
  const Notices& notices_;
  Bundle bundle_;
  std::unique_ptr<SshSession> ssh_;
  ReadyReader reader_;
};

}  // namespace

Destination parse_destination(std::string_view text) {
  const auto at = text.rfind('@');
  Destination destination;
  if (at != text.npos) destination.user = text.substr(0, at);
  destination.host = text.substr(at == text.npos ? 0 : at + 1);
  const auto bad = [](std::string_view part) {
    return part.empty() || part.front() == '-' ||
           std::any_of(part.begin(), part.end(),
                       [](unsigned char c) { return c <= ' ' || c == 0x7f; });
  };
  if (bad(destination.host) || (at != text.npos && bad(destination.user))) {
    throw base::Error(
        {fmt::format("\"{}\" is not a host", text), "", "write HOST or USER@HOST", {}, {}},
        base::Exit::kUsage);
  }
  return destination;
}

Peer::Peer(std::unique_ptr<SshSession> session, Link to_target, Way how, Endpoint where,
           const Key& secret)
    : ssh(std::move(session)),
      link(std::move(to_target)),
      way(how),
      endpoint(std::move(where)),
      key(secret) {}
Peer::Peer(Peer&&) noexcept = default;
Peer::~Peer() = default;

std::string Peer::target_errors() const { return quote_errors(ssh->errors()); }

Peer connect(const Destination& destination, const ConnectOptions& options,
             const Notices& notices) {
  ::signal(SIGPIPE, SIG_IGN);  // a peer that has gone is a result, not a signal
  return Bootstrap(destination, options, notices).run();
}

}  // namespace ferry::transport
