// SPDX-License-Identifier: Apache-2.0
//
// Memory whose content can be proved. Every page holds its own number, the number of the write that
// made it, and words that follow from those two. Pages are written in an order that is known, so
// the whole content follows from how many writes there have been: a page that came from elsewhere,
// that is torn, or that is right but old (as if a round of a migration had been lost) is found.
//
// Not locked; memory_writer.cc does that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace ferry::workloads {

constexpr size_t kPageBytes = 4096;

class Pattern {
 public:
  // Fills `pages` (at least 1), the first pass over all of them. Later writes go to the first `hot`
  // of them. Throws SysError when there is not so much memory.
  Pattern(uint64_t pages, uint64_t hot);
  ~Pattern();
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  uint64_t pages() const { return pages_; }
  uint64_t writes() const { return writes_; }  // after the first pass
  void write_next();
  // What is wrong with a page, if anything.
  std::optional<std::string> wrong(uint64_t page) const;

  uint64_t* page_words(uint64_t page) { return words_ + page * (kPageBytes / sizeof *words_); }

 private:
  const uint64_t* page_words(uint64_t page) const {
    return words_ + page * (kPageBytes / sizeof *words_);
  }
  void fill(uint64_t page, uint64_t write);
  uint64_t last_write_of(uint64_t page) const;

  const uint64_t pages_, hot_;
  // Hot pages are written as step, 2 step, 3 step, … modulo hot: far from each other, each once in
  // a pass. inverse * step = 1 modulo hot says when a page's turn is.
  uint64_t step_ = 0, inverse_ = 0;
  uint64_t writes_ = 0;
  uint64_t* words_ = nullptr;
};

}  // namespace ferry::workloads
