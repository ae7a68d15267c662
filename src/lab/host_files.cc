// SPDX-License-Identifier: Apache-2.0
#include "lab/host_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/subprocess.h"

namespace ferry::lab {

using base::Path;
using base::SysError;

namespace {

// Always a new file: an existing one may be a link of the machine's to somewhere else, or have the wrong mode.
void put(const Path& path, std::string_view text, mode_t mode = 0644) {
  std::filesystem::create_directories(path.parent_path());
  std::error_code gone;
  std::filesystem::remove(path, gone);
  const base::Fd fd = base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
  base::write_full(fd.get(), text);
  if (::fchmod(fd.get(), mode) < 0) throw SysError("fchmod", errno, path.string());
}

struct User {
  const char* name;
  uid_t id;
  const char* home;
  std::array<const char*, 2> directories;  // made, and owned by the user
};
// Those that servers in a layer run as; their packages would make them on installation.
constexpr std::array kUsers = {
    User{"sshd", 6022, "/run/sshd", {}},
    User{"www-data", 33, "/var/www", {}},
    User{"redis", 6379, "/var/lib/redis", {"/var/lib/redis", "/var/log/redis"}},
};

// Line by line, fields separated by colons: passwd(5), group(5).
struct Table {
  std::map<std::string, uid_t> names;
  std::set<uid_t> ids;
};

Table read_table(const std::string& text) {
  Table table;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string name, password, id;
    std::getline(fields, name, ':');
    std::getline(fields, password, ':');
    std::getline(fields, id, ':');
    if (id.empty() || id.find_first_not_of("0123456789") != std::string::npos) continue;
    table.names[name] = static_cast<uid_t>(std::stoul(id));
    table.ids.insert(table.names[name]);
  }
  return table;
}

std::string with_newline(std::string text) {
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text;
}

// Without PAM, sshd refuses an account whose password is locked with "!"; "*" means: no password fits.
void unlock_root() {
  auto shadow = base::try_read_file("/etc/shadow");
  if (!shadow) return;
  std::string changed;
  std::istringstream lines(*shadow);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("root:!")) {
      const auto rest = line.find(':', 5);
      line = "root:*" + (rest == std::string::npos ? std::string() : line.substr(rest));
    }
    changed += line + '\n';
  }
  put("/etc/shadow", changed, 0600);
}

bool is_program(const char* path) { return ::access(path, X_OK) == 0; }

constexpr const char* kHostKey = "/etc/ssh/ssh_host_ed25519_key";

std::string sshd_config() {
  return fmt::format(
      "Port 22\n"
      "HostKey {}\n"
      "PidFile /run/sshd.pid\n"
      "UsePAM no\n"
      "PermitRootLogin yes\n"
      "PubkeyAuthentication yes\n"
      "PasswordAuthentication no\n"
      "KbdInteractiveAuthentication no\n"
      "UseDNS no\n"
      "MaxStartups 200\n"
      "MaxSessions 200\n"
      "PrintMotd no\n"
      "AcceptEnv LANG LC_*\n"
      "SetEnv PATH={}\n"
      "Subsystem sftp internal-sftp\n",
      kHostKey, kHostSearchPath);
}

}  // namespace

void check_programs() {
  if (is_program("/usr/sbin/sshd") && is_program("/usr/bin/ssh-keygen")) return;
  base::refuse("cannot start the hosts of the lab",
               fmt::format("there is no {} on this machine or in a layer",
                           is_program("/usr/sbin/sshd") ? "/usr/bin/ssh-keygen" : "/usr/sbin/sshd"),
               "give a directory that has it: tools/get-layer DIR openssh-server openssh-client, then --layer DIR");
}

KeyPair make_key() {
  // In the host's own /tmp, a tmpfs.
  const Path path = fmt::format("/tmp/.key.{}", ::getpid());
  const auto made = base::run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ferry-lab", "-f", path.string()});
  if (made.status != 0) throw base::Error({"cannot make an ssh key", made.err, "", {}, {}});
  KeyPair pair{base::read_file(path), base::read_file(path.string() + ".pub")};
  std::filesystem::remove(path);
  std::filesystem::remove(path.string() + ".pub");
  return pair;
}

void write_names(const std::string& own_name, const std::vector<KnownHost>& hosts) {
  if (::sethostname(own_name.c_str(), own_name.size()) < 0) throw SysError("sethostname", errno, own_name);
  put("/etc/hostname", own_name + "\n");
  std::string text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";
  for (const auto& host : hosts) text += fmt::format("{} {}\n", host.address, host.name);
  put("/etc/hosts", text);
}

void add_users() {
  std::string passwd = with_newline(base::read_file("/etc/passwd"));
  std::string group = with_newline(base::read_file("/etc/group"));
  for (const auto& user : kUsers) {
    const Table users = read_table(passwd), groups = read_table(group);
    uid_t id = user.id;
    // The same machine below every host: each of them comes to the same number.
    while (users.ids.contains(id) || groups.ids.contains(id)) ++id;
    const auto known_group = groups.names.find(user.name);
    const gid_t gid = known_group == groups.names.end() ? id : known_group->second;
    if (known_group == groups.names.end()) group += fmt::format("{}:x:{}:\n", user.name, gid);
    if (users.names.contains(user.name)) continue;
    passwd += fmt::format("{}:x:{}:{}::{}:/usr/sbin/nologin\n", user.name, id, gid, user.home);
    for (const char* directory : user.directories) {
      if (directory == nullptr) continue;
      std::filesystem::create_directories(directory);
      if (::chown(directory, id, gid) < 0) throw SysError("chown", errno, directory);
    }
  }
  put("/etc/passwd", passwd);
  put("/etc/group", group);
  unlock_root();
}

void write_ssh(const KeyPair& host_key, const KeyPair& user_key, const std::vector<KnownHost>& hosts) {
  put(kHostKey, host_key.private_key, 0600);
  put(std::string(kHostKey) + ".pub", host_key.public_key);
  put("/etc/ssh/sshd_config", sshd_config());
  std::filesystem::create_directories("/run/sshd");

  const Path directory = "/root/.ssh";
  put(directory / "id_ed25519", user_key.private_key, 0600);
  put(directory / "id_ed25519.pub", user_key.public_key);
  put(directory / "authorized_keys", user_key.public_key, 0600);
  put(directory / "config", "Host *\n  StrictHostKeyChecking yes\n  UpdateHostKeys no\n", 0600);
  std::string known;
  for (const auto& host : hosts) known += fmt::format("{},{} {}", host.name, host.address, host.public_key);
  put(directory / "known_hosts", known, 0600);
}

void clear_home() {
  // The machine's own keys, settings and start-up scripts have no business in a host: they would make its shells slow,
  // and different from those that `ferry lab exec` starts.
  const Path home = "/root";
  for (const char* name : {".ssh", ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".profile", ".zshrc", ".zshenv"}) {
    std::filesystem::remove_all(home / name);
  }
  std::filesystem::create_directories(home / ".ssh");
  if (::chmod(home.c_str(), 0700) < 0 || ::chmod((home / ".ssh").c_str(), 0700) < 0) {
    throw SysError("chmod", errno, home.string());
  }
}

void link_ferry(const std::optional<Path>& executable) {
  const Path link = "/usr/local/bin/ferry";
  if (executable == link) return;
  std::filesystem::create_directories(link.parent_path());
  std::error_code gone;
  std::filesystem::remove(link, gone);
  if (executable) std::filesystem::create_symlink(*executable, link);
}

}  // namespace ferry::lab
