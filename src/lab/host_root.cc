// SPDX-License-Identifier: Apache-2.0
#include "lab/host_root.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/subprocess.h"

namespace ferry::lab {

using base::Path;
using base::SysError;

namespace {

void mount(const char* source, const Path& where, const char* type, unsigned long flags,
           const std::string& data = {}) {
  if (::mount(source, where.c_str(), type, flags, data.empty() ? nullptr : data.c_str()) < 0) {
    throw SysError("mount", errno, fmt::format("{} ({})", where.string(), type ? type : "bind"));
  }
}

void mount_new(const char* type, const Path& where, unsigned long flags, const std::string& data = {}) {
  std::filesystem::create_directories(where);
  mount(type, where, type, flags, data);
}

// Copied rather than given to the overlay as lower directories: the kernel refuses a lower directory (ELOOP) that lies
// below another one, as every directory lies below the machine's root. It takes them in an overlay of their own, but CRIU then
// finds programs mapped from a mount that no namespace has. Read from a cold disk, a whole userland takes 15 s.
void copy_layers(const std::vector<Path>& layers, const Path& upper) {
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    const auto copied = base::run({"cp", "-a", "--", (*layer / ".").string(), upper.string()});
    if (copied.status != 0) {
      throw base::Error({fmt::format("cannot copy layer {}", layer->string()), copied.err, "", {}, {}});
    }
  }
}

Path mount_overlay(const RootPlan& plan) {
  mount("tmpfs", plan.scratch, "tmpfs", 0, "mode=755");
  const Path upper = plan.scratch / "upper", work = plan.scratch / "work", root = plan.scratch / "root";
  for (const auto& directory : {upper, work, root}) std::filesystem::create_directory(directory);
  copy_layers(plan.layers, upper);
  mount("overlay", root, "overlay", 0,
        fmt::format("lowerdir=/,upperdir={},workdir={}", upper.string(), work.string()));
  return root;
}

struct Device {
  const char* name;
  mode_t mode;
  bool needed;
};
// The usual ones, and those that ferry, CRIU and container engines work with. The machine's own devtmpfs is not bound
// in: a node made in a host would appear on the machine.
constexpr std::array kDevices = {
    Device{"null", 0666, true},    Device{"zero", 0666, true},    Device{"full", 0666, true},
    Device{"random", 0666, true},  Device{"urandom", 0666, true}, Device{"tty", 0666, true},
    Device{"kmsg", 0600, false},   Device{"net/tun", 0666, false}, Device{"fuse", 0666, false},
    Device{"userfaultfd", 0600, false},
};

void fill_dev(const Path& dev) {
  mount_new("tmpfs", dev, MS_NOSUID, "mode=755");
  std::filesystem::create_directory(dev / "net");
  for (const auto& device : kDevices) {
    struct stat machine {};
    const Path node = dev / device.name;
    const bool made = ::stat((Path("/dev") / device.name).c_str(), &machine) == 0 &&
                      ::mknod(node.c_str(), S_IFCHR | device.mode, machine.st_rdev) == 0;
    if (made) ::chmod(node.c_str(), device.mode);  // whatever the umask
    if (!made && device.needed) throw SysError("mknod", errno, node.string());
  }
  mount_new("devpts", dev / "pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
  mount_new("tmpfs", dev / "shm", MS_NOSUID | MS_NODEV, "mode=1777");
  mount_new("mqueue", dev / "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  std::filesystem::create_symlink("pts/ptmx", dev / "ptmx");
  std::filesystem::create_symlink("/proc/self/fd", dev / "fd");
  std::filesystem::create_symlink("/proc/self/fd/0", dev / "stdin");
  std::filesystem::create_symlink("/proc/self/fd/1", dev / "stdout");
  std::filesystem::create_symlink("/proc/self/fd/2", dev / "stderr");
}

void make_directory(const Path& path, mode_t mode) {
  std::filesystem::create_directories(path);
  if (::chmod(path.c_str(), mode) < 0) throw SysError("chmod", errno, path.string());
}

// /run must be a tmpfs: CRIU keeps its probe of the kernel there, and only there.
void fill_run_and_tmp(const Path& root) {
  mount_new("tmpfs", root / "run", MS_NOSUID | MS_NODEV, "mode=755");
  make_directory(root / "run/lock", 01777);
  make_directory(root / "run/netns", 0755);
  mount_new("tmpfs", root / "tmp", MS_NOSUID | MS_NODEV, "mode=1777");
  const Path var_run = root / "var/run";
  if (!std::filesystem::is_symlink(var_run)) {
    std::filesystem::create_directories(var_run);
    mount((root / "run").c_str(), var_run, nullptr, MS_BIND | MS_REC);
  }
}

bool is_below(const Path& path, const Path& directory) {
  const Path relative = path.lexically_relative(directory);
  return !relative.empty() && *relative.begin() != "..";
}

// True when the host would not see `path` of the machine: on another filesystem, or under one of the host's own mounts.
bool is_hidden(const Path& path) {
  struct stat at_path {}, at_root {};
  if (::stat(path.c_str(), &at_path) < 0 || ::stat("/", &at_root) < 0) return false;
  if (at_path.st_dev != at_root.st_dev) return true;
  const auto fresh = {"/run", "/tmp", "/dev"};
  return std::any_of(fresh.begin(), fresh.end(), [&](const char* top) { return is_below(path, top); });
}

void bind_visible(const std::vector<Path>& paths, const Path& root) {
  for (const auto& path : paths) {
    // A directory that every host has anyway is not worth covering the host's own.
    const auto common = {"/", "/run", "/tmp", "/dev", "/dev/shm", "/proc", "/sys"};
    if (!is_hidden(path) || std::find(common.begin(), common.end(), path) != common.end()) continue;
    const Path inside = root / path.relative_path();
    std::error_code missing;
    if (std::filesystem::equivalent(path, inside, missing)) continue;  // given twice, or below one that was given
    if (std::filesystem::is_directory(path)) {
      std::filesystem::create_directories(inside);
    } else {
      std::filesystem::create_directories(inside.parent_path());
      base::open_file(inside, O_WRONLY | O_CREAT, 0755);
    }
    mount(path.c_str(), inside, nullptr, MS_BIND);
  }
}

void pivot_into(const Path& root) {
  if (::chdir(root.c_str()) < 0) throw SysError("chdir", errno, root.string());
  // pivot_root(2), "pivot_root(".", ".")": the old root ends up stacked on the new one and is taken off there.
  if (::syscall(SYS_pivot_root, ".", ".") < 0) throw SysError("pivot_root", errno, root.string());
  if (::umount2(".", MNT_DETACH) < 0) throw SysError("umount2", errno, "the machine's root");
  if (::chdir("/") < 0) throw SysError("chdir", errno, "/");
}

}  // namespace

void enter_new_root(const RootPlan& plan) {
  // Nothing that is mounted from here on may reach the machine.
  mount("none", "/", nullptr, MS_REC | MS_PRIVATE);
  const Path root = mount_overlay(plan);
  mount_new("proc", root / "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  mount_new("sysfs", root / "sys", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  mount_hierarchies(plan.hierarchies, root);
  fill_dev(root / "dev");
  fill_run_and_tmp(root);
  bind_visible(plan.visible, root);
  pivot_into(root);
  // As systemd does at boot; container engines and CRIU expect it.
  mount("none", "/", nullptr, MS_REC | MS_SHARED);
}

}  // namespace ferry::lab
