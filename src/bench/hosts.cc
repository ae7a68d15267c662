// SPDX-License-Identifier: Apache-2.0
#include "bench/hosts.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

namespace ferry::bench {

namespace {

lab::LabSpec completed(lab::LabSpec spec) {
  spec.name = fmt::format("bench-{}", ::getpid());
  if (spec.layers.empty()) spec.layers = default_layers();
  for (auto& layer : spec.layers) layer = std::filesystem::absolute(layer);
  std::error_code none;
  spec.working_directory = std::filesystem::current_path(none);
  return spec;
}

}  // namespace

base::Path own_directory() { return std::filesystem::read_symlink("/proc/self/exe").parent_path(); }

std::vector<base::Path> default_layers() {
  const base::Path beside = own_directory() / "layer";
  if (std::filesystem::is_directory(beside)) return {beside};
  return {};
}

Hosts::Hosts(lab::LabSpec spec, int wake_fd)
    : spec_(completed(std::move(spec))),
      wake_fd_(wake_fd),
      started_(lab::start_lab(spec_, false)) {}

Hosts::~Hosts() {
  // The supervisor takes the hosts down by itself; killing it would leave that to the next lab.
  started_.lifeline.reset();
  try {
    if (base::exit_code(started_.supervisor.wait()) != 0) base::log("the lab has not ended well");
  } catch (const std::exception& failure) {
    base::log("ending the lab: {}", failure.what());
  }
}

// Our own program by /proc/self/exe: also when the file has been replaced meanwhile.
base::Argv Hosts::exec_argv(const std::string& host, const base::Argv& argv) const {
  base::Argv whole{"/proc/self/exe", "lab", "exec", "--name", spec_.name, host, "--"};
  whole.insert(whole.end(), argv.begin(), argv.end());
  return whole;
}

Command Hosts::start(const std::string& host, const base::Argv& argv) const {
  return Command(exec_argv(host, argv), wake_fd_);
}

base::Finished Hosts::run(const std::string& host, const base::Argv& argv,
                          base::milliseconds limit) const {
  return start(host, argv).finish(limit);
}

std::string Hosts::check(const std::string& host, const base::Argv& argv,
                         base::milliseconds limit) const {
  base::Finished ended = run(host, argv, limit);
  if (ended.status == 0) return std::move(ended.out);
  throw base::Error({fmt::format("{} failed (exit code {})", argv[0], ended.status),
                     ended.err.empty() ? ended.out : ended.err,
                     "",
                     host,
                     {}});
}

void Hosts::put_file(const std::string& host, const base::Path& path,
                     std::string_view content) const {
  const auto script = R"sh(mkdir -p "$(dirname "$1")" && cat > "$1")sh";
  const auto ended = base::run(exec_argv(host, {"sh", "-c", script, "sh", path.string()}), content);
  if (ended.status == 0) return;
  throw base::Error({fmt::format("cannot write {}", path.string()), ended.err, "", host, {}});
}

void Hosts::wait(base::milliseconds duration) const {
  const auto deadline = base::mono_now() + duration;
  pollfd wake{wake_fd_, POLLIN, 0};
  while (base::mono_now() < deadline) {
    if (::poll(&wake, 1, base::ms_until(deadline)) > 0) throw_interrupted();
  }
}

}  // namespace ferry::bench
