// SPDX-License-Identifier: Apache-2.0
#include "files/fingerprint.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "files/staged.h"

namespace ferry::files {
namespace {

constexpr uint64_t kEdge = 128 * 1024;  // of the beginning and of the end
constexpr uint64_t kPiece = 4096;       // between them
constexpr uint64_t kPieces = 32;
constexpr size_t kMaxHeaders = 64;         // programs have about a dozen
constexpr uint64_t kMaxNotes = 64 * 1024;  // build-id, ABI and properties: some hundred bytes

size_t read_at(int fd, uint64_t offset, void* buffer, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(fd, static_cast<char*>(buffer) + done, size - done, static_cast<off_t>(offset + done));
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

std::optional<std::string> build_id_in(const std::vector<char>& notes) {
  constexpr auto padded = [](size_t size) { return (size + 3) & ~size_t{3}; };
  for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= notes.size();) {
    Elf64_Nhdr note;
    std::memcpy(&note, notes.data() + at, sizeof note);
    const size_t name = at + sizeof note, content = name + padded(note.n_namesz);
    if (content + note.n_descsz > notes.size()) return std::nullopt;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(notes.data() + name, "GNU", 4) == 0) {
      std::string hex;
      for (size_t i = 0; i < note.n_descsz; ++i) hex += fmt::format("{:02x}", static_cast<unsigned char>(notes[content + i]));
      return hex;
    }
    at = content + padded(note.n_descsz);
  }
  return std::nullopt;
}

uint64_t sample_hash(int fd, uint64_t size) {
  Hasher hasher;
  std::vector<std::byte> buffer(kEdge);
  const auto add = [&](uint64_t offset, uint64_t length) {
    hasher.add(std::span(buffer).first(read_at(fd, offset, buffer.data(), length)));
  };
  add(0, kEdge);
  if (size > 2 * kEdge) {
    const uint64_t stride = (size - 2 * kEdge) / kPieces;
    for (uint64_t i = 0; i < kPieces; ++i) add(kEdge + i * stride, std::min(kPiece, stride));
  }
  if (size > kEdge) add(std::max(kEdge, size - kEdge), kEdge);
  return hasher.digest();
}

}  // namespace

std::optional<std::string> build_id_of(int fd) {
  Elf64_Ehdr header;
  if (read_at(fd, 0, &header, sizeof header) < sizeof header || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr)) {
    return std::nullopt;
  }
  std::vector<Elf64_Phdr> segments(std::min<size_t>(header.e_phnum, kMaxHeaders));
  const size_t bytes = segments.size() * sizeof(Elf64_Phdr);
  if (read_at(fd, header.e_phoff, segments.data(), bytes) < bytes) return std::nullopt;
  for (const auto& segment : segments) {
    if (segment.p_type != PT_NOTE || segment.p_filesz > kMaxNotes) continue;
    std::vector<char> notes(segment.p_filesz);
    notes.resize(read_at(fd, segment.p_offset, notes.data(), notes.size()));
    if (auto id = build_id_in(notes)) return id;
  }
  return std::nullopt;
}

std::optional<Fingerprint> fingerprint_of(const base::Path& path) {
  // Non-blocking: a FIFO in the place of a file must not stop us.
  const auto fd = base::try_open_file(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  struct stat info {};
  if (!fd || ::fstat(fd->get(), &info) < 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  Fingerprint found{static_cast<uint64_t>(info.st_size), build_id_of(fd->get()).value_or(""), 0};
  if (found.build_id.empty()) found.sample_hash = sample_hash(fd->get(), found.size);
  return found;
}

}  // namespace ferry::files
