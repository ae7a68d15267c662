// SPDX-License-Identifier: Apache-2.0
#include "runtime/network_hooks.h"

#include <fmt/format.h>
#include <sched.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/program.h"

namespace ferry::runtime {

using nlohmann::json;

namespace {

// A hook is told of a process, and looks for the namespaces of that.
base::Child start_stand_in(int netns) {
  base::SpawnOptions options;
  options.new_session = true;
  options.in_child = [netns] {
    if (::setns(netns, CLONE_NEWNET) < 0)
      throw base::SysError("setns", errno, "a container's network");
  };
  return base::spawn({"sleep", "infinity"}, options);
}

void run_hook(const json& hook, const std::string& state) {
  base::SpawnOptions options;
  options.program = hook.value("path", "");
  options.environment = hook.value("env", std::vector<std::string>{});
  auto argv = hook.value("args", base::Argv{});
  if (argv.empty()) argv = {options.program};
  const auto told = base::run(argv, state, options);
  if (told.status == 0) return;
  throw base::Error(
      {fmt::format("the container gets no network: its engine's hook {} failed", argv[0]),
       base::one_line(told.err.empty() ? told.out : told.err),
       "see what the log of the engine's daemon says",
       {},
       {}});
}

}  // namespace

void run_network_hooks(const OciContainer& container, int netns) {
  const auto configuration = read_configuration(container.bundle);
  const auto hooks = configuration.value("hooks", json::object());
  auto stand_in = start_stand_in(netns);
  const json state = {{"ociVersion", configuration.value("ociVersion", "1.0.2")},
                      {"id", container.id},
                      {"status", "creating"},
                      {"pid", stand_in.pid()},
                      {"bundle", container.bundle.string()}};
  for (const char* kind : {"prestart", "createRuntime"}) {
    for (const auto& hook : hooks.value(kind, json::array())) run_hook(hook, state.dump());
  }
}

}  // namespace ferry::runtime
