// SPDX-License-Identifier: Apache-2.0
//
// A workload's open file arriving at the target: built beside its place as PATH.ferry-JOB, put there with one rename
// before the restore (CRIU opens it by path), and taken back should the move be given up. What was there before
// comes back then.
//
// A file of the target that differs is never overwritten, unless the workload (under this name) left it behind or
// what is there is just an earlier part of it, as of a log. A FIFO that is there already stays.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/fd.h"

struct XXH3_state_s;

namespace ferry::files {

struct Attributes {
  mode_t mode = 0644;
  uid_t uid = 0;
  gid_t gid = 0;
  int64_t mtime_ns = 0;
};

class Hasher {  // xxh3-64
 public:
  Hasher();
  void add(std::span<const std::byte> data);
  uint64_t digest() const;

 private:
  std::shared_ptr<XXH3_state_s> state_;
};

// Hash of the first `bytes` of a file; nothing when it has fewer.
std::optional<uint64_t> hash_prefix(const base::Path& path, uint64_t bytes);

class StagedFile {
 public:
  // Throws Error when its directory is not there.
  StagedFile(base::Path path, const std::string& job);
  StagedFile(StagedFile&&) = default;
  StagedFile& operator=(StagedFile&&) = delete;
  ~StagedFile();  // without keep(): everything as it was

  // A pass over the content begins; the first `kept_prefix` bytes of what came before still hold.
  void begin(uint64_t kept_prefix);
  void append(std::span<const std::byte> data);
  void become_fifo();  // instead of a regular file: what is in it does not come this way
  // Complete as `size` bytes: puts it in its place. `may_replace`: the workload's own file from an earlier stay.
  void install(uint64_t size, const Attributes& attributes, bool may_replace);
  void keep();  // the move has succeeded

  const base::Path& path() const { return path_; }

  uint64_t inode() const;  // of the new file, wherever it is

  // What a ferry that was killed left of it: everything as it was, or as with keep(). `inode`: of the new file; 0: it was
  // perhaps not even made. May be called again and again.
  static void take_back(const base::Path& path, const std::string& job, uint64_t inode);
  static void keep(const base::Path& path, const std::string& job);

 private:
  void refuse_overwriting(uint64_t size) const;
  base::Path path_, staged_, saved_;
  base::Fd fd_;
  bool fifo_ = false, installed_ = false, replaced_ = false, kept_ = false;
};

}  // namespace ferry::files
