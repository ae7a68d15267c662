// SPDX-License-Identifier: Apache-2.0
//
// The large pieces of a container on the wire: its image, its checkpoint's files, what it has written into its own filesystem, its
// log. Each is a ContainerPart, its bytes, and an end.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/subprocess.h"
#include "migration/conversation.h"

namespace ferry::migration {

using PartKind = wire::ContainerPart::Kind;
using SentBytes = std::function<void(uint64_t bytes)>;

// What a command prints, as one part; throws Error with its words when it fails.
void send_output(Conversation& talk, PartKind kind, const base::Argv& argv, const SentBytes& sent);
// A file from `from` on; returns up to where it was sent.
uint64_t send_content(Conversation& talk, PartKind kind, const base::Path& file, uint64_t from, const SentBytes& sent);

// The target's end of one part at a time: into a file, or into a command's input.
class PartSink {
 public:
  static PartSink into_file(const base::Path& file, mode_t mode, bool append);
  static PartSink into_command(const base::Argv& argv);

  void take(std::span<const std::byte> data);
  void finish();  // throws Error with the command's words when it failed

 private:
  PartSink() = default;
  std::string what_;
  base::Fd file_, words_;
  std::optional<base::Child> child_;
};

}  // namespace ferry::migration
