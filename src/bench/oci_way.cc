// SPDX-License-Identifier: Apache-2.0
#include "bench/oci_way.h"

#include <fmt/format.h>

#include "base/error.h"
#include "bench/docker_scripts.h"
#include "bench/hand_criu_scripts.h"

namespace ferry::bench {

namespace {

constexpr const char* kBundle = "/srv/ferry-bench/bundle";
constexpr const char* kLog = "/dev/shm/by-hand/log";  // where a script has started it
constexpr base::milliseconds kRootFillLimit{180'000};     // 40 MB on a busy machine

// `bash -c SCRIPT bash BUNDLE ENGINE`.
const std::string kMakeBundle = fmt::format(R"sh(
  set -e
  rm -rf "$1" && mkdir -p "$1/rootfs" && cd "$1/rootfs"
  {}
  cd .. && "$2" spec
)sh",
                                            kFillPythonRoot);

// `python3 -c SCRIPT CONFIG NETWORK PROGRAMS WORD…`. The capabilities are docker's.
constexpr const char* kConfigureBundle = R"py(
import json, sys
path, network, programs, words = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
config = json.load(open(path))
config["process"].update(terminal=False, args=words)
names = ("AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP "
         "SETUID SYS_CHROOT")
config["process"]["capabilities"] = {kind: ["CAP_" + name for name in names.split()]
                                     for kind in ("bounding", "effective", "permitted")}
for space in config["linux"]["namespaces"]:
    if space["type"] == "network" and network: space["path"] = network
config["root"]["readonly"] = False
config["mounts"].append({"destination": programs, "type": "bind", "source": programs, "options": ["bind", "rw"]})
json.dump(config, open(path, "w"))
)py";

// ENGINE, BUNDLE, NAME, after the address. Its output goes on into the log for as long as it runs.
constexpr const char* kOciStart = R"sh(
  engine=$1; bundle=$2; name=$3
  ("$engine" run -d --bundle "$bundle" "$name" </dev/null 2>&1 | cat >$here/log) >/dev/null 2>&1 &
  for i in $(seq 500); do
    "$engine" state "$name" 2>/dev/null | grep -q '"status": "running"' && exit 0
    sleep 0.02
  done
  cat $here/log
  fail "$engine has not started it"
)sh";

// ENGINE, BUNDLE, NAME. Stamps as hand_criu.h reads them.
constexpr const char* kOciMove = R"sh(
  engine=$1; bundle=$2; name=$3
  cd / && rm -rf $here/images && mkdir -p $here/images $here/work || exit 1
  stamp prepare
  there "$prepare" bash "$address" || fail "cannot prepare the target"
  there "mkdir -p $here/images $here/work ${bundle%/*}" && rsync -a --delete -e 'ssh -o BatchMode=yes' "$bundle" "$login:${bundle%/*}/" ||
    fail "rsync failed"
  stamp dump
  detach
  "$engine" checkpoint --tcp-established --image-path $here/images --work-path $here/work "$name" >/dev/null 2>$here/said || {
    attach  # it runs on, and its clients are let in again
    errors $here/work/dump.log; fail "$engine checkpoint failed: $(tail -n 1 $here/said)"
  }
  stamp scp
  take_neighbours
  files=$here/images; [ -z "$address" ] || files="$files $here/neighbours"
  scp -q -o BatchMode=yes -r $files "$login:$here/" || fail "scp failed"
  stamp restore
  there "$there_too
    give_neighbours
    exec 8> >(exec setsid cat >>$here/log 2>/dev/null)
    $engine restore -d --tcp-established --image-path $here/images --work-path $here/work --bundle $bundle $name </dev/null >&8 2>&8 ||
      { errors $here/work/restore.log; fail '$engine restore failed'; }
    exec 8>&-
    attach" || exit 1
  stamp done
  echo "bytes $(cat $here/images/* | wc -c)"
  echo "memory $(cat $here/images/pages-*.img | wc -c)"
  [ -z "$address" ] || ip netns del $net
)sh";

// ENGINE, BUNDLE, NAME, besides what kHandEnd does.
constexpr const char* kOciEnd = R"sh(
  "$1" delete -f "$3" 2>/dev/null
  rm -rf "$2"
)sh";

std::vector<std::string> typed_for_oci(const std::string& engine, const Leg& leg,
                                       const std::string& login) {
  return {
      fmt::format("{}: ip netns add …; ip link add … (its address, not on the bridge yet)", leg.to),
      fmt::format("{}: rsync -a {} {}:", leg.from, kBundle, login),
      fmt::format("{}: ip link set … nomaster", leg.from),
      fmt::format("{}: {} checkpoint --tcp-established --image-path images {}", leg.from, engine,
                  OciWay::kName),
      fmt::format("{}: scp -r images {}:", leg.from, login),
      fmt::format("{}: {} restore -d --tcp-established --image-path images --bundle {} {}", leg.to,
                  engine, kBundle, OciWay::kName),
      fmt::format("{}: ip neigh replace …; ip link set … master br0; ip link set eth0 address …",
                  leg.to),
  };
}

}  // namespace

void OciWay::start(const Workload& workload, const std::string& host) {
  install(workload, host);
  hosts_.check(host, {"bash", "-c", kMakeBundle, "bash", kBundle, engine_}, kRootFillLimit);
  hosts_.check(host, script(std::string(kHandPrepare) + kHandAttach, {}));
  base::Argv configure{"python3",
                       "-c",
                       kConfigureBundle,
                       fmt::format("{}/config.json", kBundle),
                       serves_ ? fmt::format("/run/netns/{}", kHandNetwork) : "",
                       kInHost.string()};
  const base::Argv command = workload.command();
  configure.insert(configure.end(), command.begin(), command.end());
  hosts_.check(host, configure);
  hosts_.check(host, script(kOciStart, {engine_, kBundle, kName}));
}

std::string OciWay::ferrys_log() const {
  return fmt::format("/var/lib/ferry/containers/{}-{}.log", engine_, kName);
}

std::string OciWay::take_log(const std::string& host) {
  return hosts_.shell(host,
                      fmt::format("cat {0} {1} 2>/dev/null; rm -f {0} {1}", kLog, ferrys_log()));
}

void OciWay::has_moved(const Leg& leg) {
  history_ += take_log(leg.from);
  EngineWay::has_moved(leg);
}

std::string OciWay::output() const {
  return history_ +
         hosts_.shell(at_, fmt::format("cat {} {} 2>/dev/null; true", kLog, ferrys_log()));
}

bool OciWay::end() {
  bool ended = true;
  for (const auto& host : {hosts_.roles().source, hosts_.roles().target}) {
    ended = hosts_.run(host, script(std::string(kOciEnd) + kHandEnd, {engine_, kBundle, kName}))
                    .status == 0 &&
            ended;
    hosts_.shell(host, fmt::format("rm -f {}", ferrys_log()));
  }
  return ended;
}

MadeMove HandOci::move(const Leg& leg) {
  const std::string login = hosts_.login(leg.to);
  return by_hand(leg,
                 script(std::string(kHandTogether) + kOciMove,
                        {login, std::string(kHandCommon) + kHandPrepare, engine_, kBundle, kName}),
                 typed_for_oci(engine_, leg, login));
}

}  // namespace ferry::bench
