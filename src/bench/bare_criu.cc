// SPDX-License-Identifier: Apache-2.0
#include "bench/bare_criu.h"

#include <sstream>

#include "base/error.h"

namespace ferry::bench {

namespace {

constexpr const char* kPort = "8081";  // in the host's own network, which has no workload

// A session of its own and no terminal, so that CRIU has nothing outside the tree to care for; the
// pid in a file, because the shell that started it ends. Returns when it listens.
constexpr const char* kStart = R"sh(
  mkdir -p /dev/shm/bare-criu && cd /dev/shm/bare-criu || exit 1
  setsid sh -c 'echo $$ > pid; exec "$@"' sh "$@" </dev/null >/dev/null 2>&1 &
  for i in $(seq 500); do
    (: </dev/tcp/127.0.0.1/$PORT) 2>/dev/null && exit 0
    sleep 0.02
  done
  echo "the program does not listen on port $PORT"
  exit 1
)sh";

// EPOCHREALTIME has microseconds. The dump kills the program, and the restore needs its pid again:
// in between we wait, unmeasured, until its parent has reaped it.
constexpr const char* kMeasure = R"sh(
  cd /dev/shm/bare-criu && rm -rf images && mkdir images || exit 1
  fail() { tail -n 5 "images/$1.log"; exit 1; }
  pid=$(cat pid)
  began=${EPOCHREALTIME/./}
  "$@" dump -t $pid -D images -o dump.log --tcp-established || fail dump
  dumped=${EPOCHREALTIME/./}
  while [ -e /proc/$pid ]; do sleep 0.001; done
  again=${EPOCHREALTIME/./}
  "$@" restore -d -D images -o restore.log --tcp-established || fail restore
  restored=${EPOCHREALTIME/./}
  [ -e /proc/$pid ] || { echo "the restored program is not there"; exit 1; }
  echo $((dumped - began)) $((restored - again))
)sh";

}  // namespace

BareCriu::BareCriu(const Hosts& hosts, std::string host, const Workload& workload)
    : hosts_(hosts), host_(std::move(host)), criu_(hosts.criu()) {
  workload.install(host_);
  base::Argv command = workload.command();
  command.back() = kPort;
  base::Argv argv{"env", std::string("PORT=") + kPort, "bash", "-c", kStart, "bash"};
  argv.insert(argv.end(), command.begin(), command.end());
  argv.emplace_back("127.0.0.1");
  hosts_.check(host_, argv);
  measure();
}

BareCriu::Times BareCriu::measure() const {
  base::Argv argv{"bash", "-c", kMeasure, "bash"};
  argv.insert(argv.end(), criu_.begin(), criu_.end());
  const std::string said = hosts_.check(host_, argv);
  std::istringstream in(said);
  double dump_us = 0, restore_us = 0;
  if (!(in >> dump_us >> restore_us)) {
    throw base::Error({"cannot measure CRIU by hand", "it says: " + said, "", host_, {}});
  }
  return {dump_us / 1000, restore_us / 1000};
}

}  // namespace ferry::bench
