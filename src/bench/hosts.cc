// SPDX-License-Identifier: Apache-2.0
#include "bench/hosts.h"

#include <fmt/format.h>
#include <poll.h>

#include "base/error.h"

namespace ferry::bench {

base::Path own_directory() { return std::filesystem::read_symlink("/proc/self/exe").parent_path(); }

Command Hosts::start(const std::string& host, const base::Argv& argv) const {
  return Command(exec_argv(host, argv), wake_fd_);
}

base::Finished Hosts::run(const std::string& host, const base::Argv& argv, base::milliseconds limit,
                          std::string_view input) const {
  return start(host, argv).finish(limit, input);
}

std::string Hosts::check(const std::string& host, const base::Argv& argv, base::milliseconds limit,
                         std::string_view input) const {
  base::Finished ended = run(host, argv, limit, input);
  if (ended.status == 0) return std::move(ended.out);
  throw base::Error({fmt::format("{} failed (exit code {})", argv[0], ended.status),
                     ended.err.empty() ? ended.out : ended.err,
                     "",
                     host,
                     {}});
}

std::string Hosts::shell(const std::string& host, const std::string& script,
                         base::milliseconds limit) const {
  return check(host, {"bash", "-c", script}, limit);
}

void Hosts::put_file(const std::string& host, const base::Path& path,
                     std::string_view content) const {
  const auto script = R"sh(mkdir -p "$(dirname "$1")" && cat > "$1")sh";
  const auto ended = run(host, {"sh", "-c", script, "sh", path.string()}, kCommandLimit, content);
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
