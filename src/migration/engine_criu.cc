// SPDX-License-Identifier: Apache-2.0
#include "migration/engine_criu.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "base/program.h"
#include "criu/engine_call.h"

namespace ferry::migration {
namespace {

constexpr base::milliseconds kEngineCalls{30'000};  // 0.2 s is usual
constexpr const char* kEngineLog = "engine.log";

std::string words_in(const base::Path& log) {
  const std::string text = base::one_line(base::try_read_file(log).value_or(""));
  return text.empty() ? "it says nothing" : text;
}

criu::Session start(const std::string& call, const base::Argv& engine, const criu::ImageSet& images,
                    std::vector<std::string> environment, int output, int netns) {
  base::SpawnOptions options;
  options.new_session = true;  // a terminal's Ctrl-C is for us
  options.environment = {criu::path_with_shim()};
  options.stdout_fd = options.stderr_fd = output;
  criu::EngineCall waiting(call);
  const criu::RealCriu criu{criu::Installation::find().command({}), std::move(environment), netns};
  return waiting.start(engine, options, criu, base::mono_now() + kEngineCalls,
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
  const runtime::Oci engine(container.engine);
  return start(criu::dump_call(root), engine.checkpoint_command(container.id, images.directory().string(), images.directory() / kEngineLog), images,
               std::move(environment), -1, -1);
}

criu::Session start_restore_by_engine(const runtime::OciContainer& container, const criu::ImageSet& images,
                                      std::vector<std::string> environment, int netns) {
  const runtime::Oci engine(container.engine);
  const auto output = open_log_pipe(log_of(container));
  return start(criu::restore_call(container.id), engine.restore_command(container, images.directory().string(), images.directory() / kEngineLog), images,
               std::move(environment), output.get(), netns);
}

}  // namespace ferry::migration
