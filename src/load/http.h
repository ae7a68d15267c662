// SPDX-License-Identifier: Apache-2.0
//
// The HTTP/1.1 that a load generator needs: one request, made once, and a parser for answers that
// come in any pieces. Pure: no sockets here. Whatever a service sends, the parser ends in kDone or
// kBad or wants more.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "load/protocol.h"
#include "load/target.h"

namespace ferry::load {

std::string http_request(const Target& target, bool keep_alive);

class HttpParser {
 public:
  using State = AnswerState;

  // Before each answer. The body is kept (up to 1 MiB) only for those who look at it.
  void start(bool keep_body);
  State feed(std::string_view data);
  // The peer has closed: the proper end of some answers, too early for the others.
  State end_of_stream();

  int status() const { return status_; }
  bool keep_alive() const { return keep_alive_; }
  std::string_view body() const { return body_; }
  // Bytes after the answer, which nobody had asked for.
  size_t surplus() const { return surplus_; }
  const std::string& complaint() const { return complaint_; }  // why kBad

 private:
  enum class Part {
    kHead,
    kSized,
    kChunkSize,
    kChunkData,
    kChunkEnd,
    kTrailers,
    kUntilClose,
    kEnd,
    kBroken
  };

  void step(std::string_view& data);
  void take_head(std::string_view& data);
  void take_chunk_size(std::string_view line);
  bool take_line(std::string_view& data, size_t limit);
  void take_body(std::string_view& data, Part then);
  void parse_head(std::string_view head);
  void parse_status(std::string_view line);
  void parse_header(std::string_view line);
  void choose_body();
  void broken(std::string why);
  State state() const;

  Part part_ = Part::kHead;
  std::string line_;  // a head or a line of which only the beginning has come
  std::string body_, complaint_;
  uint64_t left_ = 0;  // of the body or chunk
  uint64_t length_ = 0;
  size_t surplus_ = 0;
  int status_ = 0;
  bool keep_body_ = false, keep_alive_ = true, chunked_ = false, has_length_ = false,
       untouched_ = true;
};

}  // namespace ferry::load
