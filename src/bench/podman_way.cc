// SPDX-License-Identifier: Apache-2.0
#include "bench/podman_way.h"

#include <fmt/format.h>

#include "base/error.h"
#include "bench/docker_scripts.h"
#include "bench/hand_criu_scripts.h"

namespace ferry::bench {

namespace {

constexpr const char* kPodmanImage = "localhost/ferry-bench:1";
constexpr base::milliseconds kPodmanLimit{180'000};  // an image of 40 MB on a busy machine

// Its own file system: an overlay cannot have its upper directory on another overlay, as the host's
// root is one.
constexpr const char* kGivePodmanStorage = R"sh(
  mkdir -p /var/lib/containers
  mountpoint -q /var/lib/containers || mount -t tmpfs podman /var/lib/containers
)sh";

// `bash -c SCRIPT bash IMAGE`.
const std::string kMakePodmanImage = fmt::format(R"sh(
  cd "$(mktemp -d)"
  {}
  tar -cf - . | podman import --quiet - "$1"
)sh",
                                                 kFillPythonRoot);

// NAME, after the address. Stamps as hand_criu.h reads them.
constexpr const char* kPodmanMove = R"sh(
  name=$1; archive=$here/$name.tar
  cd / && mkdir -p $here || exit 1
  stamp prepare
  there "$prepare" bash "$address" || fail "cannot prepare the target"
  stamp dump
  detach
  podman container checkpoint --tcp-established --compress none --export $archive "$name" >/dev/null 2>$here/said || {
    attach  # it runs on, and its clients are let in again
    fail "podman container checkpoint failed: $(tail -n 1 $here/said)"
  }
  stamp scp
  take_neighbours
  files=$archive; [ -z "$address" ] || files="$files $here/neighbours"
  scp -q -o BatchMode=yes $files "$login:$here/" || fail "scp failed"
  stamp restore
  there "$there_too
    give_neighbours
    podman container restore --tcp-established --import $archive >/dev/null || fail 'podman container restore failed'
    attach" || exit 1
  stamp done
  echo "bytes $(stat -c %s $archive)"
  rm -f $archive
  podman rm -f -t 0 "$name" >/dev/null
  [ -z "$address" ] || ip netns del $net
)sh";

std::vector<std::string> typed_for_podman(const Leg& leg, const std::string& login) {
  return {
      fmt::format("{}: ip netns add …; ip link add … (its address, not on the bridge yet)", leg.to),
      fmt::format("{}: ip link set … nomaster", leg.from),
      fmt::format(
          "{}: podman container checkpoint --tcp-established --compress none --export {}.tar {}",
          leg.from, PodmanWay::kName, PodmanWay::kName),
      fmt::format("{}: scp {}.tar {}:", leg.from, PodmanWay::kName, login),
      fmt::format("{}: podman container restore --tcp-established --import {}.tar", leg.to,
                  PodmanWay::kName),
      fmt::format("{}: ip neigh replace …; ip link set … master br0; ip link set eth0 address …",
                  leg.to),
      fmt::format("{}: podman rm {}", leg.from, PodmanWay::kName),
  };
}

}  // namespace

const char* const kPodmanEnd = R"sh(
  podman rm -f -t 0 -i "$1" >/dev/null 2>&1
)sh";

void make_podman_image(const Hosts& hosts) {
  const auto& [source, target, client] = hosts.roles();
  for (const auto& host : {source, target}) hosts.shell(host, kGivePodmanStorage);
  hosts.check(source, {"bash", "-c", kMakePodmanImage, "bash", kPodmanImage}, kPodmanLimit);
  hosts.shell(
      source,
      fmt::format("podman save -q {} | ssh {} podman load -q", kPodmanImage, hosts.login(target)),
      kPodmanLimit);
}

base::Argv PodmanWay::make_network(const Workload&, const std::string& host) const {
  hosts_.check(host, script(std::string(kHandPrepare) + kHandAttach, {}));
  return {"--network", serves_ ? fmt::format("ns:/run/netns/{}", kHandNetwork) : "none"};
}

std::string PodmanWay::end_script() const { return std::string(kPodmanEnd) + kHandEnd; }

void PodmanWay::start(const Workload& workload, const std::string& host) {
  install(workload, host);
  base::Argv run{"podman", "run", "-d",
                 "--name", kName, "--runtime",
                 "runc",   "-v",  fmt::format("{0}:{0}", kInHost.string())};
  for (auto& word : make_network(workload, host)) run.push_back(std::move(word));
  run.emplace_back(kPodmanImage);
  for (const auto& word : workload.command()) run.push_back(word);
  hosts_.check(host, run, kPodmanLimit);
}

std::string PodmanWay::output() const {
  return hosts_.shell(at_, fmt::format("podman logs {} 2>&1", kName));
}

bool PodmanWay::end() {
  bool ended = true;
  for (const auto& host : {hosts_.roles().source, hosts_.roles().target}) {
    ended = hosts_.run(host, script(end_script(), {kName})).status == 0 && ended;
  }
  return ended;
}

MadeMove HandPodman::move(const Leg& leg) {
  const std::string login = hosts_.login(leg.to);
  return by_hand(leg,
                 script(std::string(kHandTogether) + kPodmanMove,
                        {login, std::string(kHandCommon) + kHandPrepare, kName}),
                 typed_for_podman(leg, login));
}

}  // namespace ferry::bench
