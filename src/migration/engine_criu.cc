// SPDX-License-Identifier: Apache-2.0
#include "migration/engine_criu.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <functional>

#include "base/program.h"
#include "criu/engine_call.h"
#include "kernel/cgroup_tree.h"
#include "runtime/docker.h"
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

// What runs the hooks of an OCI runtime at the restore, those that give a container its network among them.
constexpr const char* kHooksRun = "setup-namespaces";

criu::Session start(criu::EngineCall& waiting, const base::Argv& engine, const criu::ImageSet& images, criu::RealCriu criu, int output) {
  criu.argv = criu::Installation::find().command({});
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
  criu::EngineCall waiting(criu::dump_call(root));
  return start(waiting, engine->checkpoint_command(container, images.directory().string(), images.directory() / kEngineLog), images,
               {{}, std::move(environment)}, -1);
}

criu::Session start_restore_by_engine(const runtime::OciContainer& container, const criu::ImageSet& images,
                                      std::vector<std::string> environment, int netns) {
  const auto engine = runtime::oci_engine(container.engine);
  engine->prepare_restore(container, images.directory());
  // An engine that keeps definitions has streams for it; what it says itself is for us.
  const bool keeps_more = runtime::defining_engine(container.engine) != nullptr;
  const auto output = keeps_more ? images.open_log(kEngineLog) : open_log_pipe(log_of(container));
  criu::EngineCall waiting(criu::restore_call(container.id), engine->has_daemon() ? criu::Caller::kDaemon : criu::Caller::kDescendant);
  criu::RealCriu criu{{}, std::move(environment), netns};
  if (netns >= 0) criu.untold = kHooksRun;  // they have run (runtime/network_hooks.h), or there are none
  auto session = start(waiting, engine->restore_command(container, images.directory().string(), images.directory() / kEngineLog),
                       images, std::move(criu), output.get());
  // What CRIU restores comes to be where it is itself: it manages no cgroups for us (criu::restore_request).
  if (const auto cgroup = session.cgroup_to_enter(); !cgroup.empty()) kernel::enter_cgroup(session.process().pid, cgroup);
  return session;
}

void export_definition(const runtime::OciContainer& container, pid_t root, bool keeps_address, const criu::ImageSet& images) {
  const runtime::Podman podman;
  const auto archive = images.directory() / kEngineArchive;
  const int status =
      stand_in(criu::dump_call(root), podman.export_command(container, archive), images, true, [&] { podman.make_look_whole(container); });
  podman.tidy_after_export(container);
  if (status == 0 && !keeps_address && podman.gives_network(container)) podman.forget_addresses(archive);
  if (status == 0) return;
  throw base::Error({fmt::format("podman does not give out the definition of {}", container.text()),
                     words_in(images.directory() / kEngineLog),
                     "see whether `podman container checkpoint --leave-running --export FILE` works",
                     {},
                     {}});
}

namespace {

// The call of CRIU is podman's last step; when that fails, what it has made stays.
void import_definition(const runtime::OciContainer& container, bool is_removed_at_end, const criu::ImageSet& images) {
  const runtime::Podman podman;
  const auto archive = images.directory() / kEngineArchive;
  const auto command = podman.import_command(archive, is_removed_at_end);
  if (is_removed_at_end) {
    podman.make_import_stop(archive);
    const auto output = images.open_log(kEngineLog);
    (void)base::spawn(command, engine_options(output.get())).wait();
  } else {
    (void)stand_in(criu::restore_call(container.id), command, images, false, [] {});
  }
  std::filesystem::remove(archive);
  podman.tidy_after_import(container);
  if (podman.is_made(container.id)) return;
  throw base::Error({fmt::format("podman does not make {} here", container.text()), words_in(images.directory() / kEngineLog), "", {}, {}});
}

}  // namespace

runtime::OciContainer define_container(const runtime::OciContainer& wanted, const wire::EngineContainer& told, const criu::ImageSet& images) {
  if (wanted.engine == "docker") return runtime::Docker().define(wanted, told.configuration(), {told.image_id(), told.image_name()});
  runtime::Podman().make_networks(wanted, told.configuration());
  runtime::Podman().make_volumes(wanted, told.configuration(), {told.image_id(), told.image_name()});
  const auto configuration = nlohmann::json::parse(told.configuration(), nullptr, false);
  import_definition(wanted, configuration.is_object() && runtime::is_removed_at_end(configuration), images);
  return wanted;
}

}  // namespace ferry::migration
