// SPDX-License-Identifier: Apache-2.0
#include "transport/tls_wire.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ferry::transport {
namespace {

constexpr size_t kReadAheadBytes = size_t{256}
                                   << 10;  // 16 records; what a fast link has ready at once

TlsWire& wire_of(BIO* bio) { return *static_cast<TlsWire*>(BIO_get_data(bio)); }

long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

}  // namespace

void TlsWire::lose(std::string reason) {
  if (lost.empty()) lost = std::move(reason);
}

Step TlsWire::flush() {
  while (out_sent_ < out_.size()) {
    const ssize_t put =
        ::send(socket.get(), out_.data() + out_sent_, out_.size() - out_sent_, MSG_NOSIGNAL);
    if (put >= 0) {
      out_sent_ += static_cast<size_t>(put);
    } else if (errno == EAGAIN) {
      return Step::kWantWrite;
    } else if (errno != EINTR) {
      lose(errno == EPIPE ? "closed by the peer" : std::strerror(errno));
      return Step::kClosed;
    }
  }
  out_.clear();
  out_sent_ = 0;
  return Step::kMoved;
}

// False when nothing is there (yet, or ever: then `lost` says why).
bool TlsWire::refill() {
  if (in_.empty()) in_.resize(kReadAheadBytes);
  ssize_t got;
  do {
    got = ::recv(socket.get(), in_.data(), in_.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got == 0) lose("closed by the peer");
  if (got < 0 && errno != EAGAIN) lose(std::strerror(errno));
  in_begin_ = 0;
  in_end_ = got > 0 ? static_cast<size_t>(got) : 0;
  return has_input();
}

int TlsWire::bio_write(BIO* bio, const char* data, size_t size, size_t* written) {
  auto& out = wire_of(bio).out_;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  out.insert(out.end(), bytes, bytes + size);
  *written = size;
  return 1;
}

int TlsWire::bio_read(BIO* bio, char* data, size_t size, size_t* read) {
  TlsWire& wire = wire_of(bio);
  BIO_clear_retry_flags(bio);
  if (!wire.has_input() && !wire.refill()) {
    if (wire.lost.empty()) BIO_set_retry_read(bio);
    return 0;
  }
  *read = std::min(size, wire.in_end_ - wire.in_begin_);
  std::memcpy(data, wire.in_.data() + wire.in_begin_, *read);
  wire.in_begin_ += *read;
  return 1;
}

BIO_METHOD* TlsWire::bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ferry");
    BIO_meth_set_write_ex(made, bio_write);
    BIO_meth_set_read_ex(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

BIO* TlsWire::make_bio() {
  BIO* bio = BIO_new(bio_method());
  if (!bio) return nullptr;
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace ferry::transport
