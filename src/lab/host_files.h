// SPDX-License-Identifier: Apache-2.0
//
// What makes a tree a particular host: names, users, keys, the sshd's and ssh's settings, the way to ferry. All of it
// is written inside the host, after it has its own root.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"

namespace ferry::lab {

// For sshd's sessions and for `ferry lab exec`.
inline constexpr const char* kHostSearchPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct KnownHost {
  std::string name, address;
  std::string public_key;  // "ssh-ed25519 AAAA…" of its sshd
};

struct KeyPair {
  std::string private_key, public_key;
};

// Throws Error that says what is missing when the host's tree has no sshd or no ssh-keygen.
void check_programs();
KeyPair make_key();  // with ssh-keygen

void write_names(const std::string& own_name, const std::vector<KnownHost>& hosts);
void add_users();
void clear_home();  // before write_ssh
// One user key for all hosts: root of each may log in to every other one.
void write_ssh(const KeyPair& host_key, const KeyPair& user_key, const std::vector<KnownHost>& hosts);
// As /usr/local/bin/ferry; nothing: there shall be none, also if the machine has one there.
void link_ferry(const std::optional<base::Path>& executable);

}  // namespace ferry::lab
