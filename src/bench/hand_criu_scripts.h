// SPDX-License-Identifier: Apache-2.0
//
// What is typed on the hosts to move a program with nothing but CRIU (hand_criu.h). All take
// IP/PREFIX first, "" for a program that serves nobody.
#pragma once

namespace ferry::bench {

// Of the program's network namespace, and of its link on the host.
constexpr const char* kHandNetwork = "by-hand";

// In front of the others. One directory on a tmpfs has all there is: pid, log, images.
constexpr const char* kHandCommon = R"sh(
  here=/dev/shm/by-hand
  net=by-hand
  address=$1; shift
  inside() { if [ -n "$address" ]; then nsenter --net=/run/netns/$net "$@"; else "$@"; fi; }
  # Set again, it makes the kernel announce where the address is (arp_notify).
  mac="address 02:77:00:00:01:01"
  fail() { echo "$1"; exit 1; }
)sh";

// An address of its own behind a port that is not on the bridge yet; the same MAC on every host.
constexpr const char* kHandPrepare = R"sh(
  mkdir -p $here || fail "cannot make $here"
  if [ -n "$address" ]; then
    ip netns add $net && ip link add $net type veth peer name eth0 netns $net &&
      inside sh -c 'echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_notify' &&
      ip -n $net link set eth0 $mac &&
      ip -n $net addr add "$address" dev eth0 &&
      ip -n $net link set lo up && ip -n $net link set eth0 up && ip link set $net up ||
      fail "cannot make the network namespace"
  fi
)sh";

// Lets its clients in.
constexpr const char* kHandAttach = R"sh(
  [ -z "$address" ] || { ip link set $net master br0 && ip -n $net link set eth0 $mac; } ||
    fail "there is no bridge br0"
)sh";

// The program, after those: with high pids, which will be free on the other host, too; in a session of
// its own and without a terminal, so that CRIU has nothing outside the tree to care for; with SysV
// memory of its own, which CRIU takes along only so.
constexpr const char* kHandStart = R"sh(
  cd / && echo 30000 > /proc/sys/kernel/ns_last_pid
  # No shell may stay above it, which would say in its log that it was killed.
  ${address:+nsenter --net=/run/netns/$net} setsid unshare --ipc sh -c 'echo $$ > '$here/pid'; exec "$@"' \
    sh "$@" </dev/null >$here/log 2>&1 &
  for i in $(seq 100); do [ -s $here/pid ] && exit 0; sleep 0.02; done
  fail "the program has not started"
)sh";

// LOGIN of the target, its prepare script. What is said between the hosts, by whoever moves it.
constexpr const char* kHandTogether = R"sh(
  login=$1; prepare=$2; shift 2
  there() { ssh -o BatchMode=yes "$login" "$(printf '%q ' bash -c "$@")"; }
  stamp() { echo "$1 ${EPOCHREALTIME/./}"; }
  # What went wrong stands in CRIU's log; what comes after the first error is its echo. (It may never
  # raise its own limit, and can live with it.)
  errors() { sed -n '/RLIMIT_NOFILE/d; s/.*Error ([^)]*): /CRIU says: /p' "$1" | head -n 1; }
  take_neighbours() {
    [ -z "$address" ] || ip -n $net neigh show dev eth0 | grep lladdr |
      sed 's/lladdr \([^ ]*\).*/lladdr \1 nud stale/' > $here/neighbours
  }
  give_neighbours() {
    [ -z "$address" ] || while read -r line; do
      ip -n $net neigh replace $line dev eth0
    done < $here/neighbours
  }
  attach() { [ -z "$address" ] || { ip link set $net master br0; ip -n $net link set eth0 $mac; }; }
  detach() { [ -z "$address" ] || ip link set $net nomaster; }
  there_too="here=$here net=$net mac='$mac' address=$address
    $(declare -f inside fail errors give_neighbours attach)"
)sh";

// After it, CRIU's command line. In front of the two that follow.
constexpr const char* kHandBegin = R"sh(
  criu_failed() {
    errors "$here/images/$1.log"
    [ "$1" != dump ] || attach  # it runs on, and its clients are let in again
    fail "criu $1 failed"
  }
  criu=$(printf '%q ' "$@")
  dump_options="-D $here/images -o dump.log --tcp-established --network-lock skip"
  restore_options="-d -D $here/images -o restore.log --tcp-established"
  cd / && pid=$(cat $here/pid) && rm -rf $here/images && mkdir $here/images || exit 1
  clean_up() { [ -z "$address" ] || ip netns del $net; rm -rf $here; }

  stamp prepare
  there "$prepare" bash "$address" || fail "cannot prepare the target"
  stamp dump
  detach
)sh";

// Everything is dumped, copied, restored: the pause has all of it.
constexpr const char* kHandCopy = R"sh(
  inside "$@" dump -t $pid $dump_options || criu_failed dump
  stamp scp
  take_neighbours
  scp -q -o BatchMode=yes -r $here/* "$login:$here/" || fail "scp failed"
  stamp restore
  there "$there_too
    give_neighbours
    inside $criu restore $restore_options ||
      { errors $here/images/restore.log; fail 'criu restore failed'; }
    attach" || exit 1
  stamp done
  echo "bytes $(cat $here/images/* | wc -c)"
  echo "memory $(cat $here/images/pages-*.img | wc -c)"
  clean_up
)sh";

// CRIU's own post-copy: the dump stays to serve the pages, which the target pulls once it runs. It
// must serve them from the host's own network, so the program's is passed by name.
constexpr const char* kHandLazy = R"sh(
  [ -z "$address" ] || external="--external net[$(stat -L -c %i /run/netns/$net)]:$net"
  exec {ready}< <("$@" dump -t $pid $dump_options $external --lazy-pages --address 0.0.0.0 \
    --port 7007 --status-fd 5 5>&1 >/dev/null 2>&1)
  dump=$!
  trap 'kill $dump 2>/dev/null; errors $here/images/dump.log' EXIT
  [ "$(head -c 1 <&$ready | wc -c)" = 1 ] || criu_failed dump
  stamp scp
  take_neighbours
  scp -q -o BatchMode=yes -r $here/* "$login:$here/" || fail "scp failed"
  stamp restore
  there "$there_too
    cd $here/images
    give_neighbours
    setsid $criu lazy-pages -D $here/images -W $here/images -o lazy-pages.log --page-server \
      --address \${SSH_CONNECTION%% *} --port 7007 </dev/null >/dev/null 2>&1 &
    for i in \$(seq 1000); do [ -S lazy-pages.socket ] && break; sleep 0.002; done
    [ -z '$address' ] || { exec 9</run/netns/$net; inherit='--inherit-fd fd[9]:$net'; }
    $criu restore $restore_options -W $here/images --lazy-pages \$inherit ||
      { errors lazy-pages.log; errors restore.log; fail 'criu restore failed'; }
    attach" || exit 1
  stamp settle
  wait $dump || criu_failed dump
  trap - EXIT
  stamp done
  clean_up
)sh";

constexpr const char* kHandEnd = R"sh(
  pid=$(cat $here/pid 2>/dev/null) && [ -e /proc/$pid ] && kill -9 -- -$pid
  if [ -e /run/netns/$net ]; then
    ip netns pids $net | xargs -r kill -9
    ip netns del $net
  fi
  [ ! -e /sys/class/net/$net ] || ip link del $net || fail "its link stays"
  rm -rf $here
)sh";

}  // namespace ferry::bench
