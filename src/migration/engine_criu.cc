// SPDX-License-Identifier: Apache-2.0
#include "migration/engine_criu.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <functional>

#include "base/program.h"
#include "criu/engine_call.h"
#include "runtime/podman.h"

namespace ferry::migration {
namespace {

constexpr base::milliseconds kEngineCalls{30'000};  // 0.2 s is usual
constexpr const char* kEngineLog = "engine.log";

std::string words_in(const base::Path& log) {
  const std::string text = base::one_line(base::try_read_file(log).value_or(""));
  return text.empty() ? "it says nothing" : text;
}

base::SpawnOptions engine_options(int output) {
  base::SpawnOptions options;
  options.new_session = true;  // a terminal's Ctrl-C is for us
  options.environment = {criu::path_with_shim()};
  options.stdout_fd = options.stderr_fd = output;
  return options;
}

criu::Session start(const std::string& call, const base::Argv& engine, const criu::ImageSet& images, std::vector<std::string> environment,
                    int output, int netns) {
  criu::EngineCall waiting(call);
  const criu::RealCriu criu{criu::Installation::find().command({}), std::move(environment), netns};
  return waiting.start(engine, engine_options(output), criu, base::mono_now() + kEngineCalls,
                       [&] { return words_in(images.directory() / kEngineLog); });
}

// What it answers the engine in CRIU's place is no more than `success`.
int stand_in(const std::string& call, const base::Argv& engine, const criu::ImageSet& images, bool success,
             const std::function<void()>& act) {
  criu::EngineCall waiting(call);
  const auto output = images.open_log(kEngineLog);
  return waiting.stand_in(engine, engine_options(output.get()), success, act, base::mono_now() + kEngineCalls,
                          [&] { return words_in(images.directory() / kEngineLog); });
}

// A pipe, since CRIU cannot dump a file that lies outside of the container. Its reader lives as long as somebody writes.
base::Fd open_log_pipe(const base::Path& log) {
  std::filesystem::create_directories(log.parent_path());
  const auto file = base::open_file(log, O_WRONLY | O_CREAT | O_APPEND, 0640);
  base::FdPair pipe = base::make_pipe();
  base::SpawnOptions options{pipe.first.get(), file.get(), -1};
  options.new_session = true;
  base::spawn({"cat"}, options).release();
  return std::move(pipe.second);
}

}  // namespace

base::Path log_of(const runtime::OciContainer& container) {
  return base::Path("/var/lib/ferry/containers") / fmt::format("{}-{}.log", container.engine, container.id);
}

criu::Session start_dump_by_engine(const runtime::OciContainer& container, pid_t root, const criu::ImageSet& images,
                                   std::vector<std::string> environment) {
  const auto engine = runtime::oci_engine(container.engine);
  return start(criu::dump_call(root), engine->checkpoint_command(container, images.directory().string(), images.directory() / kEngineLog),
               images, std::move(environment), -1, -1);
}

criu::Session start_restore_by_engine(const runtime::OciContainer& container, const criu::ImageSet& images,
                                      std::vector<std::string> environment, int netns) {
  const auto engine = runtime::oci_engine(container.engine);
  // podman's supervisor has streams for it; what podman itself says is for us.
  const auto output = container.engine == "podman" ? images.open_log(kEngineLog) : open_log_pipe(log_of(container));
  return start(criu::restore_call(container.id),
               engine->restore_command(container, images.directory().string(), images.directory() / kEngineLog), images,
               std::move(environment), output.get(), netns);
}

void export_definition(const runtime::OciContainer& container, pid_t root, const criu::ImageSet& images) {
  const runtime::Podman podman;
  const auto archive = images.directory() / kEngineArchive;
  const int status =
      stand_in(criu::dump_call(root), podman.export_command(container, archive), images, true, [&] { podman.make_look_whole(container); });
  podman.tidy_after_export(container);
  if (status == 0) return;
  throw base::Error({fmt::format("podman does not give out the definition of {}", container.text()),
                     words_in(images.directory() / kEngineLog),
                     "see whether `podman container checkpoint --leave-running --export FILE` works",
                     {},
                     {}});
}

// The call of CRIU is podman's last step; when that fails, what it has made stays.
void import_definition(const runtime::OciContainer& container, const criu::ImageSet& images) {
  const runtime::Podman podman;
  (void)stand_in(criu::restore_call(container.id), podman.import_command(images.directory() / kEngineArchive), images, false, [] {});
  if (podman.is_made(container.id)) return;
  throw base::Error({fmt::format("podman does not make {} here", container.text()), words_in(images.directory() / kEngineLog), "", {}, {}});
}

}  // namespace ferry::migration
