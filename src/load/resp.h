// SPDX-License-Identifier: Apache-2.0
//
// The part of Redis's protocol (RESP2) that a load generator needs: commands, and a parser for
// their answers, which come in any pieces. Answers of the commands it sends are never arrays, so an
// array is as wrong as garbage. Pure: no sockets here.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "load/protocol.h"

namespace ferry::load {

// Appends the command as an array of bulk strings; allocates nothing if `out` has room.
void append_command(std::string& out, std::initializer_list<std::string_view> words);

class RespParser {
 public:
  enum class Kind { kNone, kSimple, kError, kInteger, kBulk, kNil };

  void start();  // before each answer
  // Takes the bytes of one answer and leaves the rest in `data`.
  AnswerState take(std::string_view& data);
  // The peer has closed.
  AnswerState end_of_stream();

  Kind kind() const { return kind_; }
  // Without what frames it: the text of a line, or the bulk string. Up to 1 MiB.
  std::string_view text() const { return text_; }
  std::optional<int64_t> integer() const;
  const std::string& complaint() const { return complaint_; }

 private:
  enum class Part { kType, kLine, kBulk, kBulkEnd, kEnd, kBroken };

  void take_type(char c);
  void take_line(std::string_view& data);
  void line_is_whole();
  void expect_bulk(size_t length);
  void take_bulk(std::string_view& data);
  void take_bulk_end(std::string_view& data);
  void broken(std::string why);
  AnswerState state() const;

  Part part_ = Part::kType;
  Kind kind_ = Kind::kNone;
  std::string text_, complaint_;
  size_t left_ = 0;  // of the bulk string, or of the line end after it
};

}  // namespace ferry::load
