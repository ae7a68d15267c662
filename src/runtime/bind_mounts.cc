// SPDX-License-Identifier: Apache-2.0
#include "runtime/bind_mounts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/clock.h"
#include "files/tree_print.h"
#include "kernel/mounts.h"

namespace ferry::runtime {

namespace fs = std::filesystem;
using process::Reasons;

namespace {

constexpr std::array kHostsOwn = {"/proc", "/sys", "/dev", "/run"};
constexpr std::array kUsualStorage = {"/var/lib/docker", "/var/lib/containers",
                                      "/var/lib/containerd", "/var/lib/ferry"};

// Without "..", "//" and a slash at the end.
base::Path cleaned(const base::Path& path) {
  auto clean = path.lexically_normal();
  return clean.has_filename() ? clean : clean.parent_path();
}

bool is_in(const base::Path& path, const base::Path& directory) {
  const auto [rest, ends] = std::ranges::mismatch(directory, path);
  (void)ends;
  return rest == directory.end();
}

std::vector<std::string> mounts_below(const base::Path& directory) {
  std::vector<std::string> places;
  for (const auto& mount : kernel::own_mounts()) {
    if (mount.point != directory && is_in(mount.point, directory))
      places.push_back(mount.point.string());
  }
  return places;
}

bool is_still_mounted(const BindMount& bind, pid_t root) {
  return std::ranges::all_of(bind.at, [&](const base::Path& at) {
    std::error_code unknown;
    const bool same =
        fs::equivalent(bind.path, fmt::format("/proc/{}/root{}", root, at.string()), unknown);
    return same || unknown;
  });
}

void look_at(BindMount& bind, pid_t root, Reasons& reasons) {
  bind.is_sent = true;
  bind.looked_at_ns = base::real_ns();
  std::error_code gone;
  const auto real = fs::canonical(bind.path, gone);
  const auto print = files::print_of(real);
  const auto sending = fmt::format("cannot send {}", bind.path.string());
  if (gone || !print) {
    reasons.push_back({sending, "it is not there any more, or cannot be read", ""});
    return;
  }
  if (!is_still_mounted(bind, root)) {
    reasons.push_back({sending,
                       "the container has what was there before something else took its name",
                       "restart the container"});
  }
  if (const auto others = mounts_below(real); !others.empty()) {
    reasons.push_back(
        {sending, fmt::format("other filesystems are mounted in it: {}", fmt::join(others, ", ")),
         "give both hosts the same storage there, or unmount them"});
  }
  bind.is_directory = print->is_directory;
  bind.bytes = print->bytes;
  bind.print = print->text;
}

std::string list_of(const std::vector<BindMount>& binds) {
  if (binds.empty()) return "it has none";
  std::vector<std::string> paths;
  for (const auto& bind : binds)
    paths.push_back(fmt::format("{} (at {})", bind.path.string(), bind.at.front().string()));
  return fmt::format("it has: {}", fmt::join(paths, ", "));
}

}  // namespace

std::string why_never_sent(const base::Path& path, const std::vector<base::Path>& storage) {
  std::error_code none;
  const auto real = fs::weakly_canonical(path, none);
  if (none || real == "/") return "it is the whole host";
  for (const base::Path own : kHostsOwn) {
    if (is_in(real, own)) return fmt::format("what is in {} is of each host its own", own.string());
  }
  std::vector<base::Path> theirs(kUsualStorage.begin(), kUsualStorage.end());
  theirs.insert(theirs.end(), storage.begin(), storage.end());
  for (const auto& one : theirs) {
    if (is_in(real, one)) return fmt::format("{} is an engine's own storage", one.string());
    if (is_in(one, real)) return fmt::format("an engine's own storage ({}) is in it", one.string());
  }
  const auto status = fs::status(real, none);
  if (fs::is_socket(status)) return "it is a socket: who listens there stays here";
  if (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status))
    return "it is neither a file nor a directory";
  return {};
}

BindChoice choose_binds(const std::vector<MountedTree>& mounted,
                        const std::vector<std::string>& wanted,
                        const std::vector<base::Path>& storage, pid_t root) {
  BindChoice choice;
  for (const auto& one : mounted) {
    const auto path = cleaned(one.here);
    auto known = std::ranges::find(choice.binds, path, &BindMount::path);
    if (known == choice.binds.end())
      known = choice.binds.insert(known, {path, {}, why_never_sent(path, storage)});
    known->at.push_back(cleaned(one.at));
  }
  for (const auto& name : wanted) {
    const auto known = std::ranges::find(choice.binds, cleaned(name), &BindMount::path);
    if (known == choice.binds.end()) {
      choice.reasons.push_back({fmt::format("{} is no bind mount of it", name),
                                list_of(choice.binds), "give --with-bind one of those"});
    } else if (!known->never_sent.empty()) {
      choice.reasons.push_back({fmt::format("{} is never sent", name), known->never_sent,
                                "leave --with-bind out for it, and have it on the target"});
    } else if (!known->is_sent) {
      look_at(*known, root, choice.reasons);
    }
  }
  return choice;
}

}  // namespace ferry::runtime
