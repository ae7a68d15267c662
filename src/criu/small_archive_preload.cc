// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "criu/small_archive.h"

namespace ferry::criu {
namespace {

constexpr size_t kBlock = 512;
constexpr size_t kMost = 128 * 1024;  // of an archive; more is better compressed, by tar

struct UstarHeader {
  char name[100], mode[8], owner[8], group[8], size[12], changed[12], sum[8], type, link[100];
  char magic[8], owner_name[32], group_name[32], major[8], minor[8], prefix[155], rest[12];
};
static_assert(sizeof(UstarHeader) == kBlock);

enum Type : char {
  kFile = '0',
  kSymlink = '2',
  kCharacters = '3',
  kBlocks = '4',
  kDirectory = '5',
  kFifo = '6',
};

char archive[kMost];
size_t filled = 0;

template <size_t N>
bool put_number(char (&field)[N], uint64_t value) {
  if (value >> (3 * (N - 1)) != 0) return false;
  snprintf(field, N, "%0*llo", static_cast<int>(N - 1), static_cast<unsigned long long>(value));
  return true;
}

template <size_t N>
uint64_t number_in(const char (&field)[N]) {
  char text[N + 1] = {};
  memcpy(text, field, N);
  return strtoull(text, nullptr, 8);
}

unsigned sum_of(const UstarHeader& header) {
  UstarHeader blank = header;
  memset(blank.sum, ' ', sizeof blank.sum);
  unsigned sum = 0;
  for (size_t i = 0; i < sizeof blank; ++i)
    sum += reinterpret_cast<const unsigned char*>(&blank)[i];
  return sum;
}

char type_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return kFile;
    case S_IFLNK:
      return kSymlink;
    case S_IFCHR:
      return kCharacters;
    case S_IFBLK:
      return kBlocks;
    case S_IFDIR:
      return kDirectory;
    case S_IFIFO:
      return kFifo;
    default:
      return 0;
  }
}

mode_t mode_of(char type) {
  switch (type) {
    case kFile:
      return S_IFREG;
    case kCharacters:
      return S_IFCHR;
    case kBlocks:
      return S_IFBLK;
    case kFifo:
      return S_IFIFO;
    default:
      return 0;
  }
}

// --- making

bool add_contents(int directory, const char* name, size_t bytes) {
  const int file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t got = read(file, archive + filled, bytes);
  close(file);
  if (got != static_cast<ssize_t>(bytes)) return false;
  filled += (bytes + kBlock - 1) / kBlock * kBlock;  // the rest is zero
  return true;
}

// `path`: within the archive.
bool add_entry(int directory, const char* name, const char* path, const struct stat& is) {
  UstarHeader header = {};
  header.type = type_of(is.st_mode);
  const bool is_directory = header.type == kDirectory;
  const size_t bytes = header.type == kFile ? static_cast<size_t>(is.st_size) : 0;
  const int length =
      snprintf(header.name, sizeof header.name, "%s%s", path, is_directory ? "/" : "");
  const bool fits = length < static_cast<int>(sizeof header.name) && bytes <= kMost &&
                    filled + kBlock + bytes + 3 * kBlock <= kMost;
  if (header.type == 0 || !fits || (!is_directory && is.st_nlink != 1)) return false;
  if (header.type == kSymlink) {
    const ssize_t link = readlinkat(directory, name, header.link, sizeof header.link);
    if (link < 0 || link >= static_cast<ssize_t>(sizeof header.link)) return false;
  }
  const bool said =
      put_number(header.mode, is.st_mode & 07777) && put_number(header.owner, is.st_uid) &&
      put_number(header.group, is.st_gid) && put_number(header.size, bytes) &&
      put_number(header.changed, static_cast<uint64_t>(is.st_mtime)) &&
      put_number(header.major, major(is.st_rdev)) && put_number(header.minor, minor(is.st_rdev));
  if (!said) return false;
  memcpy(header.magic, "ustar\00000", sizeof header.magic);
  snprintf(header.sum, sizeof header.sum, "%06o", sum_of(header));
  memcpy(archive + filled, &header, kBlock);
  filled += kBlock;
  return header.type != kFile || add_contents(directory, name, bytes);
}

bool add_tree(int directory, const char* path, dev_t device);

bool add_one(int directory, const char* name, const char* path, dev_t device) {
  struct stat is;
  if (fstatat(directory, name, &is, AT_SYMLINK_NOFOLLOW) != 0) return false;
  if (!add_entry(directory, name, path, is)) return false;
  if (!S_ISDIR(is.st_mode) || is.st_dev != device) return true;
  const int below = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (below < 0) return false;
  const bool all = add_tree(below, path, device);
  close(below);
  return all;
}

bool add_tree(int directory, const char* path, dev_t device) {
  const int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* list = again < 0 ? nullptr : fdopendir(again);
  if (list == nullptr) return false;
  bool all = true;
  while (const dirent* entry = all ? readdir(list) : nullptr) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    char below[sizeof UstarHeader::name];
    const int length = snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
    all =
        length < static_cast<int>(sizeof below) && add_one(directory, entry->d_name, below, device);
  }
  closedir(list);
  return all;
}

// --- as a .gz

struct GzipHead {
  // Of RFC 1952: no name, no time, made on Unix. FCOMMENT says who made it.
  unsigned char fixed[10] = {0x1f, 0x8b, 8, 0x10, 0, 0, 0, 0, 0, 3};
  char comment[6] = "ferry";
};

// A block that is stored, as RFC 1951 has it.
struct [[gnu::packed]] StoredBlock {
  uint8_t is_last;
  uint16_t bytes, complement;
};
constexpr size_t kMostInBlock = 0xffff;

struct GzipTail {
  uint32_t sum, bytes;
};

uint32_t crc32_of(const char* data, size_t bytes) {
  uint32_t table[256];
  for (uint32_t i = 0; i < 256; ++i) {
    table[i] = i;
    for (int bit = 0; bit < 8; ++bit)
      table[i] = (table[i] >> 1) ^ (0xedb88320u & (0 - (table[i] & 1)));
  }
  uint32_t sum = ~0u;
  for (size_t i = 0; i < bytes; ++i) {
    sum = (sum >> 8) ^ table[(sum ^ static_cast<unsigned char>(data[i])) & 0xff];
  }
  return ~sum;
}

bool write_all(int to, const void* data, size_t bytes) {
  for (const char* at = static_cast<const char*>(data); bytes > 0;) {
    const ssize_t written = write(to, at, bytes);
    if (written <= 0) return false;
    at += written;
    bytes -= static_cast<size_t>(written);
  }
  return true;
}

bool read_all(int from, void* data, size_t bytes) {
  for (char* at = static_cast<char*>(data); bytes > 0;) {
    const ssize_t got = read(from, at, bytes);
    if (got <= 0) return false;
    at += got;
    bytes -= static_cast<size_t>(got);
  }
  return true;
}

bool write_gzip(int to) {
  const GzipHead head;
  if (!write_all(to, &head, sizeof head)) return false;
  for (size_t at = 0; at < filled;) {
    const size_t bytes = filled - at < kMostInBlock ? filled - at : kMostInBlock;
    const auto length = static_cast<uint16_t>(bytes);
    const StoredBlock block = {at + bytes == filled, length, static_cast<uint16_t>(~length)};
    if (!write_all(to, &block, sizeof block) || !write_all(to, archive + at, bytes)) return false;
    at += bytes;
  }
  const GzipTail tail = {crc32_of(archive, filled), static_cast<uint32_t>(filled)};
  return write_all(to, &tail, sizeof tail);
}

bool read_gzip(int from) {
  const GzipHead ours;
  GzipHead head;
  if (!read_all(from, &head, sizeof head) || memcmp(&head, &ours, sizeof head) != 0) return false;
  filled = 0;
  for (StoredBlock block = {}; block.is_last == 0; filled += block.bytes) {
    if (!read_all(from, &block, sizeof block)) return false;
    if (block.is_last > 1 || static_cast<uint16_t>(~block.complement) != block.bytes) return false;
    if (filled + block.bytes > kMost || !read_all(from, archive + filled, block.bytes))
      return false;
  }
  GzipTail tail;
  return read_all(from, &tail, sizeof tail) && tail.bytes == filled &&
         tail.sum == crc32_of(archive, filled);
}

// --- unpacking

struct Entry {
  const UstarHeader* header;
  const char* contents;
  size_t bytes;
};

// The entry at `at`, which goes on to the next; false at the end of the archive, and of one that is
// none.
bool next_entry(size_t& at, Entry& entry) {
  if (at + kBlock > filled) return false;
  entry.header = reinterpret_cast<const UstarHeader*>(archive + at);
  if (entry.header->name[0] == 0 || number_in(entry.header->sum) != sum_of(*entry.header))
    return false;
  entry.contents = archive + at + kBlock;
  entry.bytes = number_in(entry.header->size);
  at += kBlock + (entry.bytes + kBlock - 1) / kBlock * kBlock;
  return at <= filled;
}

bool make_file(int root, const Entry& entry) {
  const int file =
      openat(root, entry.header->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const bool all = write_all(file, entry.contents, entry.bytes);
  return close(file) == 0 && all;
}

bool make_what_it_is(int root, const Entry& entry) {
  const UstarHeader& header = *entry.header;
  switch (header.type) {
    case kFile:
      return make_file(root, entry);
    case kSymlink:
      return symlinkat(header.link, root, header.name) == 0;
    case kDirectory: {
      struct stat is;
      return mkdirat(root, header.name, 0700) == 0 ||
             (fstatat(root, header.name, &is, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(is.st_mode));
    }
    default: {
      const dev_t device = makedev(number_in(header.major), number_in(header.minor));
      return mode_of(header.type) != 0 &&
             mknodat(root, header.name, mode_of(header.type) | 0600, device) == 0;
    }
  }
}

bool give_mode_and_owner(int root, const UstarHeader& header) {
  const auto owner = static_cast<uid_t>(number_in(header.owner));
  const auto group = static_cast<gid_t>(number_in(header.group));
  if (fchownat(root, header.name, owner, group, AT_SYMLINK_NOFOLLOW) != 0) return false;
  return header.type == kSymlink ||
         fchmodat(root, header.name, static_cast<mode_t>(number_in(header.mode)), 0) == 0;
}

bool give_time(int root, const UstarHeader& header) {
  const timespec changed = {static_cast<time_t>(number_in(header.changed)), 0};
  const timespec times[2] = {changed, changed};
  return utimensat(root, header.name, times, AT_SYMLINK_NOFOLLOW) == 0;
}

bool unpack(int root) {
  Entry entry;
  for (size_t at = 0; next_entry(at, entry);) {
    if (!make_what_it_is(root, entry) || !give_mode_and_owner(root, *entry.header)) return false;
  }
  // What is made in a directory changes its time.
  for (size_t at = 0; next_entry(at, entry);) {
    if (!give_time(root, *entry.header)) return false;
  }
  return true;
}

}  // namespace

bool write_small_archive(int from, int to) {
  struct stat is;
  if (fstat(from, &is) != 0) return false;
  if (!add_one(from, ".", ".", is.st_dev)) return false;
  filled += 2 * kBlock;  // the end: two blocks of zeros
  return write_gzip(to);
}

bool unpack_small_archive(int from, const char* into) {
  const off_t start = lseek(from, 0, SEEK_CUR);
  if (start < 0) return false;
  const int root = open(into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root >= 0 && read_gzip(from) && unpack(root)) return true;
  lseek(from, start, SEEK_SET);
  return false;
}

}  // namespace ferry::criu
