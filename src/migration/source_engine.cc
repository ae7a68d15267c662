// SPDX-License-Identifier: Apache-2.0
//
// What a container's move has besides its files (source_files.cc): its engine there needs notes, or
// its image and its definition first; its log goes on there.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "base/program.h"
#include "base/program_words.h"
#include "handover/relay_registry.h"
#include "migration/engine_criu.h"
#include "migration/requirements.h"
#include "migration/source_move.h"
#include "runtime/engine_environment.h"
#include "transport/ssh_session.h"

namespace ferry::migration {

namespace {

constexpr base::milliseconds kEngineDefines{60'000}, kEngineStarts{40'000};
constexpr auto kImagePoll = base::milliseconds(5);
constexpr base::milliseconds kLogIsWritten{100};  // at once, unless the disk or the CPU is busy
constexpr auto kLogPoll = base::milliseconds(1);

// Through a pipe: what one program writes the other reads.
void run_both(const base::Argv& writer, const base::Argv& reader, const std::string& failed,
              const std::function<void()>& meanwhile) {
  const base::ProgramWords words;
  base::FdPair pipe = base::make_pipe();
  auto writes = base::spawn(writer, {-1, pipe.second.get(), words.fd()});
  auto reads = base::spawn(reader, {pipe.first.get(), words.fd(), words.fd()});
  pipe = {};
  std::optional<int> written, read;
  while (!written || !read) {
    if (!written) written = writes.try_wait();
    if (!read) read = reads.try_wait();
    meanwhile();
    std::this_thread::sleep_for(kImagePoll);
  }
  if (base::exit_code(*written) == 0 && base::exit_code(*read) == 0) return;
  throw base::Error({failed, base::one_line(words.text()), "both hosts need room for it", {}, {}});
}

bool is_fifo(const std::string& path) {
  std::error_code none;
  return std::filesystem::is_fifo(path, none);
}

// What it has said lies in pipes for a moment, until its supervisor has written it down, or given it
// to its engine's daemon through a FIFO.
bool has_unwritten_output(pid_t root, pid_t supervisor) {
  const auto own = kernel::open_files(root);
  for (const auto& file : kernel::open_files(supervisor)) {
    const bool is_shared =
        file.target.starts_with("pipe:") &&
        std::ranges::any_of(own, [&](const auto& one) { return one.target == file.target; });
    if (!is_shared && !is_fifo(file.target)) continue;
    const auto pipe = base::try_open_file(fmt::format("/proc/{}/fd/{}", supervisor, file.fd),
                                          O_RDONLY | O_NONBLOCK);
    int bytes = 0;
    if (pipe && ::ioctl(pipe->get(), FIONREAD, &bytes) == 0 && bytes > 0) return true;
  }
  return kernel::task_state(supervisor).value_or('S') != 'S';  // in the middle of it
}

uint64_t size_of(const base::Path& file) {
  std::error_code none;
  const auto size = std::filesystem::file_size(file, none);
  return none ? 0 : size;
}

// Whoever has read the last of it takes a moment to write it.
void wait_for_log(pid_t root, pid_t supervisor, const base::Path& log) {
  const auto deadline = base::mono_now() + kLogIsWritten;
  uint64_t before = size_of(log);
  while (base::mono_now() < deadline) {
    const bool is_whole = !has_unwritten_output(root, supervisor);
    std::this_thread::sleep_for(kLogPoll);
    const auto now = size_of(log);
    if (is_whole && now == before) return;
    before = now;
  }
}

}  // namespace

// The container is made there while it runs here: what its engine has against it is heard in time.
void SourceMove::define_there() {
  const auto& container = *subject_.workload.container;
  const auto meanwhile = [this] { talk_->throw_if_cancelled(); };
  if (needs_image_) {
    const auto image = engine_->image_of(container);
    observer_.notice(fmt::format("{} has no image {}: sending it", report_.target, image.name));
    const auto load = fmt::format("{}{}", runtime::shell_words_of(options_.target_engine_environment),
                                  fmt::join(engine_->load_image_command(), " "));
    run_both(engine_->save_image_command(image),
             transport::ssh_argv(transport::parse_destination(options_.destination),
                                 options_.ssh_options, load),
             fmt::format("cannot send the image {} to {}", image.name, report_.target), meanwhile);
  }
  if (shared_memory_) shared_memory_->look_for_content();
  if (container.engine == "podman") {
    end_relay_to_here();  // podman publishes the ports already when it makes it
    export_definition(container, subject_.workload.root.pid, subject_.workload.identity.has_value(),
                      *images_);  // and what is in its /dev/shm now
    send_image(kEngineArchive);
    std::filesystem::remove(images_->directory() / kEngineArchive);
  }
  wire::ToTarget message;
  message.mutable_engine_define();
  talk_->send(message);
  const auto answer =
      talk_->receive_from_target(kEngineDefines, "its engine's word on the container");
  if (!answer.has_engine_defined()) throw BrokenProtocol("it did not answer \"defined\"");
  const auto& defined = answer.engine_defined();
  root_files_->go_to(defined.root());
  if (shared_memory_) shared_memory_->go_to(defined.shared_memory());
  for (size_t i = 0; i < engine_files_.volumes.size(); ++i) {
    const auto there = std::ranges::find(defined.volumes(), trees_[i].place().string(), &wire::VolumePlace::at);
    if (there == defined.volumes().end()) throw BrokenProtocol("a volume has no place there");
    trees_[i].go_to(there->path());
  }
  log_sent_ = defined.log_bytes();
  send_log();
}

// What its log has that the target's has not.
void SourceMove::send_log() {
  const auto& log = engine_files_.log;
  if (log.empty() || size_of(log) <= log_sent_) return;  // or it was begun anew
  wire::FileStart start;
  start.set_kind(wire::FileStart::IMAGE);
  start.set_path(kLogTail);
  start.set_kept_prefix(log_sent_);
  log_sent_ = send_file(*talk_, log.string(), std::move(start), [](uint64_t) {}).size;
}

void SourceMove::send_last_of_log() {
  if (engine_files_.log.empty()) return;
  wait_for_log(subject_.workload.root.pid, subject_.workload.container->supervisor.pid,
               engine_files_.log);
  send_log();
}

// That of an earlier move keeps the ports there, which the container is to have; a way home gives
// them away by itself.
void SourceMove::end_relay_to_here() const {
  if (!home_) (void)handover::stop_relay(report_.name, handover::RelayEnd::kExit);
}

// Its engine takes some time until it calls CRIU, which is none of the pause; and it holds the
// container's lock there from then on, which is why it is not started earlier. True: it was started
// now.
bool SourceMove::start_engine_there() {
  if (!engine_ || engine_waits_) return false;
  engine_->forbid_restarts(*subject_.workload.container);
  end_relay_to_here();
  wire::ToTarget message;
  message.mutable_engine_start();
  talk_->send(message);
  const auto answer = talk_->receive_from_target(kEngineStarts, "its engine's call of CRIU");
  if (!answer.has_engine_waits()) throw BrokenProtocol("it did not answer \"waits\"");
  engine_waits_ = true;
  if (entrance_) open_relay(answer.engine_waits().relay());
  if (const auto& root = answer.engine_waits().root(); !root.empty())
    root_files_->go_on(engine_files_.root, root);
  return true;
}

// The processes of a relay stand ready before the freeze.
void SourceMove::open_relay(const wire::RelayExit& exit) {
  handover::Relay::Peer peer{{peer_->endpoint.address, static_cast<uint16_t>(exit.port())}, {}, report_.target};
  if (exit.key().size() != peer.key.size()) throw BrokenProtocol("a relay without a key");
  std::memcpy(peer.key.data(), exit.key().data(), peer.key.size());
  relay_.emplace(*entrance_, peer, kernel::IpAddr::parse(exit.address()),
                 handover::RelayPolicy{.keep = options_.relaying == Relaying::kKeep});
}

// What its engine reads before it calls CRIU: the engine there is started while the container is
// dumped here.
void SourceMove::send_engine_notes() {
  if (subject_.workload.container->engine == "podman") return;  // they are part of its archive
  send_image(runtime::kEngineNotes);
}

void SourceMove::send_image(const std::string& name) {
  image_sender_->send(images_->directory() / name, [](uint64_t) {});
}

}  // namespace ferry::migration
