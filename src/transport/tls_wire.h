// SPDX-License-Identifier: Apache-2.0
//
// The socket below a TLS connection, as OpenSSL's BIO. Records are gathered and leave in large
// writes (one system call for several), without SIGPIPE; reads take whatever the socket has.
// (OpenSSL's own read-ahead moves all that is left in its buffer once per record, which cost a
// fifth of the time.)
#pragma once

#include <openssl/bio.h>

#include <cstddef>
#include <string>
#include <vector>

#include "base/fd.h"
#include "transport/channel.h"

namespace ferry::transport {

class TlsWire {
 public:
  // Points to this object, which must stay where it is and outlive the SSL that owns the BIO. Null:
  // no memory.
  BIO* make_bio();

  // Sends what OpenSSL has written. kMoved: all of it; kWantWrite; kClosed.
  [[nodiscard]] Step flush();
  bool has_input() const { return in_begin_ < in_end_; }
  // Notes why the connection is of no use any more; the first reason stays.
  void lose(std::string reason);

  base::Fd socket;
  std::string lost;

 private:
  static int bio_write(BIO* bio, const char* data, size_t size, size_t* written);
  static int bio_read(BIO* bio, char* data, size_t size, size_t* read);
  static BIO_METHOD* bio_method();
  bool refill();

  std::vector<std::byte> out_;  // encrypted, not sent yet; as long as one write of the channel
  size_t out_sent_ = 0;
  std::vector<std::byte> in_;  // received, not decrypted yet: in_[in_begin_, in_end_)
  size_t in_begin_ = 0, in_end_ = 0;
};

}  // namespace ferry::transport
