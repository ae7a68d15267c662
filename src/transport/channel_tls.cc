// SPDX-License-Identifier: Apache-2.0
#include "transport/channel_tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "transport/socket.h"
#include "transport/tls_wire.h"

namespace ferry::transport {
namespace {

// Plain bytes per gathered write: 4 records of 16 KiB. More falls out of the cache (measured on
// loopback).
constexpr size_t kGatherBytes = size_t{64} << 10;
constexpr std::string_view kIdentity = "ferry";  // the PSK's name; the key itself is used once

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Deleter<SSL_free>>;

// What OpenSSL has on its mind; empties its queue.
std::string openssl_reason(unsigned long code = ERR_get_error()) {
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return reason ? reason : fmt::format("error {:x}", code);
}

[[noreturn]] void fail(std::string why) {
  throw base::Error({"cannot secure the connection", std::move(why), "", {}, {}});
}

SSL_SESSION* psk_session(SSL* ssl) {
  const auto& key = *static_cast<const Key*>(SSL_get_app_data(ssl));
  const unsigned char aes_128_gcm_sha256[] = {0x13, 0x01};
  const SSL_CIPHER* cipher = SSL_CIPHER_find(ssl, aes_128_gcm_sha256);
  SSL_SESSION* session = SSL_SESSION_new();
  const bool good = cipher && session && SSL_SESSION_set_cipher(session, cipher) &&
                    SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) &&
                    SSL_SESSION_set1_master_key(
                        session, reinterpret_cast<const unsigned char*>(key.data()), key.size());
  if (good) return session;
  SSL_SESSION_free(session);
  return nullptr;
}

int use_psk(SSL* ssl, const EVP_MD* hash, const unsigned char** id, size_t* id_size,
            SSL_SESSION** session) {
  *session = nullptr;
  // A retry names the hash it wants; ours is SHA-256 and there is no other.
  if (hash && EVP_MD_get_type(hash) != NID_sha256) return 1;
  *session = psk_session(ssl);
  *id = reinterpret_cast<const unsigned char*>(kIdentity.data());
  *id_size = kIdentity.size();
  return *session != nullptr;
}

int find_psk(SSL* ssl, const unsigned char* id, size_t id_size, SSL_SESSION** session) {
  const bool ours = std::string_view(reinterpret_cast<const char*>(id), id_size) == kIdentity;
  *session = ours ? psk_session(ssl) : nullptr;
  return 1;
}

Context make_context(Role role) {
  Context context(SSL_CTX_new(role == Role::kConnects ? TLS_client_method() : TLS_server_method()));
  if (!context) fail(openssl_reason());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context.get(), "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256");
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  // Only the key authenticates: a peer without it could offer a certificate, and none would be
  // believed.
  if (role == Role::kConnects) SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_psk_use_session_callback(context.get(), use_psk);
  SSL_CTX_set_psk_find_session_callback(context.get(), find_psk);
  return context;
}

class TlsChannel final : public Channel {
 public:
  TlsChannel(std::unique_ptr<TlsWire> wire, Ssl ssl)
      : wire_(std::move(wire)), ssl_(std::move(ssl)) {}
  ~TlsChannel() override { close(); }

  Moved read_some(std::span<std::byte> into) override {
    if (!wire_->socket) return {Step::kClosed, 0};
    ERR_clear_error();
    size_t bytes = 0;
    if (SSL_read_ex(ssl_.get(), into.data(), into.size(), &bytes)) return {Step::kMoved, bytes};
    return {why_not(), 0};
  }

  Moved write_some(std::span<const std::byte> from) override {
    if (!wire_->socket) return {Step::kClosed, 0};
    if (const Step step = wire_->flush(); step != Step::kMoved) return {step, 0};
    ERR_clear_error();
    size_t bytes = 0;
    if (SSL_write_ex(ssl_.get(), from.data(), std::min(from.size(), kGatherBytes), &bytes)) {
      return {Step::kMoved, bytes};
    }
    return {why_not(), 0};
  }

  Step flush() override { return wire_->socket ? wire_->flush() : Step::kClosed; }

  int read_fd() const override { return wire_->socket.get(); }
  int write_fd() const override { return wire_->socket.get(); }
  bool pending() const override {
    return wire_->socket && (wire_->has_input() || SSL_has_pending(ssl_.get()) == 1);
  }

  void close() override {
    if (!wire_->socket) return;
    if (wire_->lost.empty()) {
      ERR_clear_error();
      SSL_shutdown(ssl_.get());
      if (wire_->flush() == Step::kMoved) ::shutdown(wire_->socket.get(), SHUT_WR);
    }
    wire_->socket.reset();
  }
  const std::string& close_reason() const override { return wire_->lost; }

 private:
  Step why_not() {
    const int error = SSL_get_error(ssl_.get(), 0);
    if (error == SSL_ERROR_WANT_READ) return Step::kWantRead;
    if (error == SSL_ERROR_WANT_WRITE) return Step::kWantWrite;
    if (error == SSL_ERROR_ZERO_RETURN) wire_->lose("closed by the peer");
    if (!wire_->lost.empty()) return Step::kClosed;
    const std::string reason = openssl_reason();
    wire_->lose(reason);
    throw base::Error({"the encrypted connection is damaged", "TLS: " + reason, "", {}, {}});
  }

  std::unique_ptr<TlsWire> wire_;
  Ssl ssl_;  // its BIO points into *wire_: destroyed first
};

}  // namespace

Key random_key() {
  Key key;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), kKeyBytes) != 1)
    fail(openssl_reason());
  return key;
}

std::string to_hex(const Key& key) {
  std::string text;
  for (const std::byte b : key) text += fmt::format("{:02x}", std::to_integer<unsigned>(b));
  return text;
}

bool from_hex(std::string_view text, Key& key) {
  if (text.size() != 2 * kKeyBytes) return false;
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  for (size_t i = 0; i < kKeyBytes; ++i) {
    const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    key[i] = static_cast<std::byte>(high * 16 + low);
  }
  return true;
}

struct TlsHandshake::State {
  Key key{};
  std::unique_ptr<TlsWire> wire = std::make_unique<TlsWire>();
  Context context;
  Ssl ssl;
};

TlsHandshake::TlsHandshake(base::Fd socket, const Key& key, Role role)
    : state_(std::make_unique<State>()) {
  tune_socket(socket.get());
  state_->wire->socket = std::move(socket);
  state_->key = key;
  state_->context = make_context(role);
  state_->ssl.reset(SSL_new(state_->context.get()));
  BIO* bio = state_->wire->make_bio();
  if (!state_->ssl || !bio) fail(openssl_reason());
  SSL_set_bio(state_->ssl.get(), bio, bio);
  SSL_set_app_data(state_->ssl.get(), &state_->key);
  role == Role::kConnects ? SSL_set_connect_state(state_->ssl.get())
                          : SSL_set_accept_state(state_->ssl.get());
}

TlsHandshake::TlsHandshake(TlsHandshake&&) noexcept = default;
TlsHandshake& TlsHandshake::operator=(TlsHandshake&&) noexcept = default;
TlsHandshake::~TlsHandshake() = default;

int TlsHandshake::fd() const { return state_->wire->socket.get(); }

Step TlsHandshake::step() {
  TlsWire& wire = *state_->wire;
  ERR_clear_error();
  const int done = SSL_do_handshake(state_->ssl.get());
  const int error = SSL_get_error(state_->ssl.get(), done);
  const unsigned long code = ERR_peek_error();
  const Step flushed = wire.flush();  // also an alert: the peer should know why
  if (done == 1 || error == SSL_ERROR_WANT_WRITE) return flushed;
  if (flushed == Step::kWantWrite) return flushed;
  if (error == SSL_ERROR_WANT_READ) return flushed == Step::kClosed ? flushed : Step::kWantRead;
  switch (ERR_GET_REASON(code)) {
    case SSL_R_BINDER_DOES_NOT_VERIFY:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      fail(fmt::format("the other side does not have this move's key (TLS: {})",
                       openssl_reason(code)));
    default:
      if (!wire.lost.empty()) return Step::kClosed;
      fail("TLS: " + openssl_reason(code));
  }
}

std::unique_ptr<Channel> TlsHandshake::channel() {
  SSL_set_app_data(state_->ssl.get(), nullptr);  // the key was for the handshake
  return std::make_unique<TlsChannel>(std::move(state_->wire), std::move(state_->ssl));
}

std::unique_ptr<Channel> tls_handshake(base::Fd socket, const Key& key, Role role,
                                       base::MonoTime deadline) {
  TlsHandshake handshake(std::move(socket), key, role);
  for (;;) {
    const Step step = handshake.step();
    if (step == Step::kMoved) return handshake.channel();
    if (step == Step::kClosed) fail("the other side hung up during the TLS handshake");
    pollfd entry{handshake.fd(), static_cast<short>(step == Step::kWantRead ? POLLIN : POLLOUT), 0};
    const int ready = ::poll(&entry, 1, base::ms_until(deadline));
    if (ready < 0 && errno != EINTR) throw base::SysError("poll", errno, "");
    if (base::mono_now() >= deadline) fail("the TLS handshake was not answered in time");
  }
}

}  // namespace ferry::transport
