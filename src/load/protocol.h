// SPDX-License-Identifier: Apache-2.0
//
// What a protocol is to the engine: the bytes of a request, when its answer is whole, and whether
// it is right. A Codec belongs to one connection and carries one request at a time; it knows no
// sockets, so whatever a service sends in whatever pieces can be tried without one. After the first
// few requests it allocates nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "load/target.h"

namespace ferry::load {

enum class AnswerState { kMore, kDone, kBad };

class Codec {
 public:
  virtual ~Codec() = default;

  // Begins the request of that number; with what a connection needs first, if nothing has been sent
  // on it yet. The bytes are good until the next call.
  virtual std::string_view begin(uint64_t number, bool first_on_connection) = 0;
  virtual AnswerState feed(std::string_view data) = 0;
  // The peer has closed: the proper end of some answers, too early for the others.
  virtual AnswerState end_of_stream() = 0;
  virtual const std::string& complaint() const = 0;  // why kBad

  // Of an answer that is whole:
  virtual std::string_view body() const = 0;
  virtual std::optional<std::string> wrong() const = 0;  // what the service got wrong, if anything
  virtual bool keep_alive() const = 0;
  virtual size_t surplus() const = 0;  // bytes after it, which nobody had asked for

  // For the counter's proof (counter.h): whether this request takes a number, known from `begin`
  // on, and which it got.
  virtual bool takes_number() const = 0;
  virtual std::optional<uint64_t> number() const = 0;
};

struct CodecOptions {
  bool keep_alive = true;
  bool keep_body = false;  // somebody will look at it
  bool counter = false;    // some requests must take numbers
};

// One for each of `count` connections. Throws Error (usage) when the target asks for what its
// protocol does not have.
std::vector<std::unique_ptr<Codec>> make_codecs(const Target& target, const CodecOptions& options,
                                                size_t count);

}  // namespace ferry::load
