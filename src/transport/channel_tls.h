// SPDX-License-Identifier: Apache-2.0
//
// TLS 1.3 over a connected socket, authenticated by a one-time key that both sides know (an
// external PSK with ephemeral Diffie-Hellman: a key that leaks later opens nothing). No
// certificates, no sessions, no tickets.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/fd.h"
#include "transport/channel.h"

namespace ferry::transport {

inline constexpr size_t kKeyBytes =
    32;  // as long as the hash of the handshake: no weaker than what follows
using Key = std::array<std::byte, kKeyBytes>;

Key random_key();
std::string to_hex(const Key& key);
// False when `text` is not exactly 64 hex digits.
[[nodiscard]] bool from_hex(std::string_view text, Key& key);

enum class Role { kConnects, kAccepts };

// A handshake in progress, for whoever waits for several at once. Owns the socket.
class TlsHandshake {
 public:
  TlsHandshake(base::Fd socket, const Key& key, Role role);
  TlsHandshake(TlsHandshake&&) noexcept;
  TlsHandshake& operator=(TlsHandshake&&) noexcept;
  ~TlsHandshake();

  int fd() const;
  // kMoved: done, take channel(). kWantRead, kWantWrite: again when fd() is ready. kClosed: the
  // peer hung up. Throws Error when the peer does not have our key or does not speak TLS 1.3.
  [[nodiscard]] Step step();
  std::unique_ptr<Channel> channel();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The whole handshake. Throws Error: the peer has another key, closed, or did not finish until
// `deadline`.
std::unique_ptr<Channel> tls_handshake(base::Fd socket, const Key& key, Role role,
                                       base::MonoTime deadline);

}  // namespace ferry::transport
