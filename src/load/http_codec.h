// SPDX-License-Identifier: Apache-2.0
//
// HTTP/1.1 for the engine: the same GET each time.
#pragma once

#include <utility>

#include "load/http.h"
#include "load/protocol.h"

namespace ferry::load {

class HttpCodec : public Codec {
 public:
  HttpCodec(std::string request, bool keep_body)
      : request_(std::move(request)), keep_body_(keep_body) {}

  std::string_view begin(uint64_t, bool) override {
    parser_.start(keep_body_);
    return request_;
  }
  AnswerState feed(std::string_view data) override { return parser_.feed(data); }
  AnswerState end_of_stream() override { return parser_.end_of_stream(); }
  const std::string& complaint() const override { return parser_.complaint(); }
  std::string_view body() const override { return parser_.body(); }
  std::optional<std::string> wrong() const override;
  bool keep_alive() const override { return parser_.keep_alive(); }
  size_t surplus() const override { return parser_.surplus(); }
  bool takes_number() const override { return true; }
  std::optional<uint64_t> number() const override;  // of "N\n"

 private:
  const std::string request_;
  const bool keep_body_;
  HttpParser parser_;
};

}  // namespace ferry::load
