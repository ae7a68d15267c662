// SPDX-License-Identifier: Apache-2.0
//
// What is typed on the hosts to move a program with nothing but CRIU (hand_criu.h). All take
// IP/PREFIX first, "" for a program that serves nobody.
#pragma once

namespace ferry::bench {

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

// The program, after it: with high pids, which will be free on the other host, too; in a session of
// its own and without a terminal, so that CRIU has nothing outside the tree to care for.
constexpr const char* kHandStart = R"sh(
  [ -z "$address" ] || { ip link set $net master br0 && ip -n $net link set eth0 $mac; } ||
    fail "there is no bridge br0"
  cd / && echo 30000 > /proc/sys/kernel/ns_last_pid
  # No shell may stay above it, which would say in its log that it was killed.
  ${address:+nsenter --net=/run/netns/$net} setsid sh -c 'echo $$ > '$here/pid'; exec "$@"' \
    sh "$@" </dev/null >$here/log 2>&1 &
  for i in $(seq 100); do [ -s $here/pid ] && exit 0; sleep 0.02; done
  fail "the program has not started"
)sh";

// LOGIN of the target, its prepare script, CRIU's command line.
constexpr const char* kHandMove = R"sh(
  login=$1; prepare=$2; shift 2
  there() { ssh -o BatchMode=yes "$login" "$@"; }
  stamp() { echo "$1 ${EPOCHREALTIME/./}"; }
  # What went wrong stands in CRIU's log. (It may never raise its own limit, and can live with it.)
  errors() { grep -h Error "$1" | grep -v RLIMIT_NOFILE | head -n 3; }
  criu_failed() { errors "$here/images/$1.log"; fail "criu $1 failed"; }
  criu=$(printf '%q ' "$@")
  cd / && pid=$(cat $here/pid) && rm -rf $here/images && mkdir $here/images || exit 1

  stamp prepare
  there "$(printf '%q ' bash -c "$prepare" bash "$address")" || fail "cannot prepare the target"
  stamp dump
  [ -z "$address" ] || ip link set $net nomaster
  inside "$@" dump -t $pid -D $here/images -o dump.log --tcp-established --network-lock skip ||
    criu_failed dump
  stamp scp
  [ -z "$address" ] || ip -n $net neigh show dev eth0 | grep lladdr | sed 's/lladdr \(\S*\).*/lladdr \1 nud stale/' \
    > $here/neighbours
  scp -q -o BatchMode=yes -r $here/* "$login:$here/" || fail "scp failed"
  stamp restore
  there "
    $(declare -f errors)
    cd $here
    if [ -n '$address' ]; then
      while read -r line; do ip -n $net neigh replace \$line dev eth0; done < neighbours
      enter='nsenter --net=/run/netns/$net'
    fi
    \$enter $criu restore -d -D $here/images -o restore.log --tcp-established --network-lock skip ||
      { errors images/restore.log; echo 'criu restore failed'; exit 1; }
    if [ -n '$address' ]; then
      ip link set $net master br0 && ip -n $net link set eth0 $mac
    fi" || exit 1
  stamp done
  echo "bytes $(cat $here/images/* | wc -c)"
  echo "memory $(cat $here/images/pages-*.img | wc -c)"
  [ -z "$address" ] || ip netns del $net
  rm -rf $here
)sh";

constexpr const char* kHandEnd = R"sh(
  pid=$(cat $here/pid 2>/dev/null) && [ -e /proc/$pid ] && kill -9 -- -$pid
  [ -z "$address" ] || [ ! -e /run/netns/$net ] || ip netns del $net
  rm -rf $here
)sh";

}  // namespace ferry::bench
