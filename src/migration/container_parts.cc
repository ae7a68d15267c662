// SPDX-License-Identifier: Apache-2.0
#include "migration/container_parts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace ferry::migration {

namespace {

constexpr size_t kChunk = 256 << 10;        // bytes: small enough that a Ctrl-C is seen soon
constexpr size_t kMostWords = 4 << 10;      // bytes of what a command says on stderr that are passed on
static_assert(kChunk <= transport::kMaxPayloadBytes);

void begin(Conversation& talk, PartKind kind, const std::string& path, mode_t mode) {
  wire::ToTarget message;
  auto& part = *message.mutable_container_part();
  part.set_kind(kind);
  part.set_path(path);
  part.set_mode(mode & 07777);
  talk.send(message);
}

void end(Conversation& talk) {
  wire::ToTarget message;
  message.mutable_container_part_end();
  talk.send(message);
}

// All that comes out of `fd`; the number of bytes.
uint64_t pump(Conversation& talk, int fd, const SentBytes& sent) {
  std::vector<std::byte> buffer(kChunk);
  uint64_t total = 0;
  for (;;) {
    talk.throw_if_cancelled();
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw base::SysError("read", errno, "what is to be sent");
    if (got == 0) return total;
    talk.send_data(std::span(buffer).first(static_cast<size_t>(got)));
    total += static_cast<uint64_t>(got);
    sent(static_cast<uint64_t>(got));
    talk.throw_if_target_failed();
  }
}

// A file without a name, so that a command may say as much as it likes.
base::Fd make_words() {
  return base::Fd(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

std::string read_words(const base::Fd& words) {
  std::string text(kMostWords, '\0');
  const ssize_t got = words ? ::pread(words.get(), text.data(), text.size(), 0) : 0;
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return text;
}

void require_success(base::Child& child, const std::string& what, const base::Fd& words) {
  const int status = base::exit_code(child.wait());
  if (status != 0) throw base::Error({fmt::format("`{}` failed ({})", what, status), read_words(words), "", {}, {}});
}

}  // namespace

void send_output(Conversation& talk, PartKind kind, const base::Argv& argv, const SentBytes& sent) {
  base::FdPair pipe = base::make_pipe();
  const auto words = make_words();
  base::SpawnOptions options;
  options.stdout_fd = pipe.second.get();
  options.stderr_fd = words.get();
  options.new_session = true;  // a terminal's Ctrl-C is for us
  base::Child child = base::spawn(argv, options);
  pipe.second.reset();
  begin(talk, kind, "", 0);
  pump(talk, pipe.first.get(), sent);
  require_success(child, fmt::format("{}", fmt::join(argv, " ")), words);
  end(talk);
}

uint64_t send_content(Conversation& talk, PartKind kind, const base::Path& file, uint64_t from, const SentBytes& sent) {
  const auto fd = base::open_file(file, O_RDONLY);
  struct stat info {};
  if (::fstat(fd.get(), &info) < 0) throw base::SysError("fstat", errno, file.string());
  if (::lseek(fd.get(), static_cast<off_t>(from), SEEK_SET) < 0) throw base::SysError("lseek", errno, file.string());
  begin(talk, kind, file.filename().string(), info.st_mode);
  const uint64_t bytes = pump(talk, fd.get(), sent);
  end(talk);
  return from + bytes;
}

PartSink PartSink::into_file(const base::Path& file, mode_t mode, bool append) {
  PartSink sink;
  sink.what_ = file.string();
  const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | (append ? O_APPEND : O_EXCL);
  sink.file_ = base::open_file(file, flags, mode & 07777);
  return sink;
}

PartSink PartSink::into_command(const base::Argv& argv) {
  PartSink sink;
  sink.what_ = fmt::format("{}", fmt::join(argv, " "));
  base::FdPair pipe = base::make_pipe();
  sink.words_ = make_words();
  base::SpawnOptions options;
  options.stdin_fd = pipe.first.get();
  options.stderr_fd = sink.words_.get();
  sink.child_ = base::spawn(argv, options);
  sink.file_ = std::move(pipe.second);
  return sink;
}

void PartSink::take(std::span<const std::byte> data) {
  try {
    base::write_full(file_.get(), data);
  } catch (const base::SysError& failure) {
    if (!child_ || failure.number() != EPIPE) throw;
    file_.reset();
    require_success(*child_, what_, words_);
    throw;
  }
}

void PartSink::finish() {
  file_.reset();
  if (child_) require_success(*child_, what_, words_);
  child_.reset();
}

}  // namespace ferry::migration
