// SPDX-License-Identifier: Apache-2.0
#include "bench/ssh_hosts.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/program.h"
#include "bench/clock_offset.h"
#include "criu/installation.h"

namespace ferry::bench {

namespace {

constexpr const char* kHere = "client";

}  // namespace

std::string host_of(const std::string& login) { return login.substr(login.find('@') + 1); }

SshHosts::SshHosts(const std::string& source, const std::string& target, Address address,
                   int wake_fd)
    : Hosts({host_of(source), host_of(target), kHere}, std::move(address), wake_fd),
      source_(source),
      target_(target) {
  check_host(roles().source);
  check_host(roles().target);
}

SshHosts::~SshHosts() {
  for (const auto& host : {roles().source, roles().target}) {
    base::Argv argv = ssh(host);
    argv.insert(argv.begin() + 1, {"-O", "exit"});
    try {
      base::run(argv);
    } catch (const std::exception&) {
      // It ends by itself a minute later.
    }
  }
}

void SshHosts::check_host(const std::string& host) const {
  const auto ended = run(host, {"ferry", "--version"});
  if (ended.status == 0 && ended.out.starts_with(FERRY_VERSION)) return;
  const bool other = ended.status == 0;
  throw base::Error(
      {fmt::format("cannot run experiments on {}", host),
       other ? fmt::format("its ferry is {}, this one {}", ended.out, FERRY_VERSION) : ended.err,
       "it must be reachable by ssh without a password, and have this ferry in its "
       "PATH",
       host,
       {}},
      base::Exit::kRefused);
}

std::string SshHosts::login(const std::string& host) const {
  return host == roles().source ? source_ : target_;
}

base::Argv SshHosts::ssh(const std::string& host) const {
  const auto path = fmt::format("ControlPath={}/{}", sockets_.path().string(),
                                host == roles().source ? "source" : "target");
  return {"ssh", "-o", "BatchMode=yes",     "-o",       "ControlMaster=auto", "-o",
          path,  "-o", "ControlPersist=60", login(host)};
}

base::Argv SshHosts::exec_argv(const std::string& host, const base::Argv& argv) const {
  if (host == kHere) {
    base::Argv own = argv;
    if (own[0] == "ferry") own[0] = "/proc/self/exe";
    return own;
  }
  base::Argv whole = ssh(host);
  std::string line;
  for (const auto& word : argv) line += base::shell_word(word) + " ";
  whole.push_back(line);
  return whole;
}

int64_t SshHosts::clock_ahead_ns(const std::string& host) const {
  if (host == kHere) return 0;
  return measure_clock_offset(exec_argv(host, clock_answerer())).ahead_ns;
}

// The one that came with ferry where it lies at the same place on both hosts, else their own.
base::Argv SshHosts::criu() const {
  const base::Argv ours = criu::Installation::find().command({});
  const auto both = [this](const base::Argv& argv) {
    return run(roles().source, argv).status == 0 && run(roles().target, argv).status == 0;
  };
  base::Argv asked = ours;
  asked.emplace_back("--version");
  if (both(asked)) return ours;
  if (both({"criu", "--version"})) return {"criu"};
  base::refuse("cannot do it by hand with CRIU", "the two hosts do not both have a criu in PATH",
               "install it there, or leave this baseline out");
}

std::vector<std::string> SshHosts::links() const {
  return {fmt::format("{} – {}: their own network", roles().source, roles().target)};
}

}  // namespace ferry::bench
