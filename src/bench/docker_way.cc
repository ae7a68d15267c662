// SPDX-License-Identifier: Apache-2.0
#include "bench/docker_way.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "bench/ferry_way.h"
#include "bench/hand_criu.h"

namespace ferry::bench {

namespace {

constexpr base::milliseconds kEngineLimit{120'000};  // takes a second when the machine is idle
constexpr int kFirstLineTries = 50;
constexpr base::milliseconds kFirstLineWait{100};
constexpr const char* kNetwork = "lan";
constexpr const char* kMac = "02:77:00:00:01:09";

// LOGIN, NAME, CHECKPOINT, then `docker create`'s arguments. Stamps as hand_criu.h reads them. What
// went wrong stands in CRIU's log (kCriuLog).
constexpr const char* kMove = R"sh(
  login=$1; name=$2; checkpoint=$3; shift 3
  there() { ssh -o BatchMode=yes "$login" "$@"; }
  stamp() { echo "$1 ${EPOCHREALTIME/./}"; }
  fail() { echo "$1"; exit 1; }
  errors="sed -n '/RLIMIT_NOFILE/d; s/.*Error ([^)]*): /CRIU says: /p' /var/log/criu.log | head -n 1"
  id=$(docker inspect -f '{{.Id}}' "$name") || fail "there is no such container"
  there rm -rf "/root/$checkpoint"
  stamp dump
  docker checkpoint create "$name" "$checkpoint" >/dev/null ||
    { eval "$errors"; fail "docker checkpoint create failed"; }
  stamp scp
  files=/var/lib/docker/containers/$id/checkpoints/$checkpoint
  scp -q -o BatchMode=yes -r "$files" "$login:/root/" || fail "scp failed"
  stamp create
  other=$(there "$(printf '%q ' docker create --name "$name" "$@")") || fail "docker create failed"
  there mv "/root/$checkpoint" "/var/lib/docker/containers/$other/checkpoints/" || fail "mv failed"
  stamp start
  there docker start --checkpoint "$checkpoint" "$name" >/dev/null ||
    { there "$errors"; fail "docker start --checkpoint failed"; }
  stamp done
  there docker logs --tail 1 "$name" >/dev/null || fail "docker logs failed"
  echo "bytes $(cat "$files"/* | wc -c)"
  echo "memory $(cat "$files"/pages-*.img | wc -c)"
)sh";

std::string last_line(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

std::vector<std::string> typed(const Leg& leg, const std::string& login,
                               const std::string& checkpoint) {
  return {
      fmt::format("{}: docker checkpoint create {} {}", leg.from, DockerWay::kName, checkpoint),
      fmt::format("{}: scp -r …/containers/ID/checkpoints/{} {}:", leg.from, checkpoint, login),
      fmt::format("{}: docker create --name {} … {}", leg.to, DockerWay::kName, DockerWay::kImage),
      fmt::format("{}: mv {} …/containers/ID/checkpoints/", leg.to, checkpoint),
      fmt::format("{}: docker start --checkpoint {} {}", leg.to, checkpoint, DockerWay::kName),
      fmt::format("{}: docker logs {}", leg.to, DockerWay::kName),
  };
}

}  // namespace

void make_docker_network(const Hosts& hosts, const std::string& host) {
  const auto slash = hosts.address().ip.rfind('.');
  const auto subnet =
      fmt::format("{}.0/{}", hosts.address().ip.substr(0, slash), hosts.address().prefix_length);
  hosts.check(host, {"docker", "network", "create", "-d", "macvlan", "--subnet", subnet, "-o",
                     "parent=br0", kNetwork});
}

base::Argv DockerWay::create_arguments() const {
  base::Argv argv{"-v", fmt::format("{0}:{0}", kInHost.string())};
  if (serves_) {
    argv.insert(argv.end(),
                {"--network", kNetwork, "--ip", hosts_.address().ip, "--mac-address", kMac});
  } else {
    argv.emplace_back("-it");
  }
  argv.emplace_back(kImage);
  argv.insert(argv.end(), command_.begin(), command_.end());
  return argv;
}

void DockerWay::start(const Workload& workload, const std::string& host) {
  for (const auto& each : {hosts_.roles().source, hosts_.roles().target}) workload.install(each);
  command_ = workload.command();
  serves_ = workload.serves();
  base::Argv argv{"docker", "run", "-d", "--name", kName};
  for (const auto& argument : create_arguments()) argv.push_back(argument);
  hosts_.check(host, argv, kEngineLimit);
  // It does not announce its address, and an earlier one has had it elsewhere: the client must ask
  // anew.
  hosts_.check(hosts_.roles().client, {"ip", "neigh", "flush", "all"});
  at_ = host;
}

std::string DockerWay::log_of(const std::string& host) const {
  std::string log = hosts_.check(host, {"docker", "logs", kName});
  std::erase(log, '\r');  // a terminal's
  return log;
}

// It may not have come that far yet.
std::string DockerWay::first_line_on(const std::string& host) const {
  for (int tries_left = kFirstLineTries; tries_left > 0; --tries_left) {
    const std::string log = log_of(host);
    if (const auto end = log.find('\n'); end != std::string::npos) return log.substr(0, end);
    hosts_.wait(kFirstLineWait);
  }
  return "";
}

std::string DockerWay::output() const { return history_ + log_of(at_); }

bool DockerWay::end() {
  bool ended = true;
  for (const auto& host : {hosts_.roles().source, hosts_.roles().target}) {
    const auto removed =
        hosts_.run(host, {"bash", "-c",
                          fmt::format("docker inspect {0} >/dev/null 2>&1 || exit 0; "
                                      "docker rm -f {0}; rm -rf /tmp/ctrd-checkpoint*",
                                      kName)});
    ended = removed.status == 0 && ended;
  }
  return ended;
}

MadeMove HandDocker::move(const Leg& leg) {
  const auto checkpoint = fmt::format("ckp{}", ++checkpoints_);
  base::Argv argv{"bash", "-c", kMove, "bash", hosts_.login(leg.to), kName, checkpoint};
  for (const auto& argument : create_arguments()) argv.push_back(argument);
  const int64_t started_ns = base::real_ns();
  const auto ended = hosts_.run(leg.from, argv, kMoveLimit);
  const int64_t ended_ns = base::real_ns();
  MadeMove made = made_by_hand(ended.out, started_ns, ended_ns, hosts_.clock_ahead_ns(leg.from));
  made.move.engine = "docker";
  made.move.mode = "checkpoint";
  made.move.via = "native";
  made.move.commands = typed(leg, hosts_.login(leg.to), checkpoint);
  made.move.steps = static_cast<int>(made.move.commands.size());
  if (!made.moved()) {
    made.move.failure = report::Failure{"the move by hand failed", complaint(ended.out, ended.err),
                                        "", leg.from, ""};
    return made;
  }
  // It starts a new log there; the old one goes with the stopped container, so that it can come
  // back under its name.
  const std::string here = log_of(leg.from);
  if (!serves_) {
    made.move.state_words = {
        fmt::format("docker logs on {} ends with \"{}\", on {} it begins with \"{}\"", leg.from,
                    last_line(here), leg.to, first_line_on(leg.to))};
  }
  history_ += here;
  hosts_.check(leg.from, {"docker", "rm", kName});
  at_ = leg.to;
  return made;
}

MadeMove FerryDocker::move(const Leg& leg) {
  MadeMove made = move_by_ferry(
      hosts_, leg,
      {"ferry", "move", std::string("docker:") + kName, hosts_.login(leg.to), "--mode", mode_},
      "docker", mode_);
  if (made.moved()) at_ = leg.to;
  return made;
}

}  // namespace ferry::bench
