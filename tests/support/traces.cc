// SPDX-License-Identifier: Apache-2.0
#include "support/traces.h"

namespace ferry::testing {
namespace {

// No traces are: processes of sshd, which come and go with each session, and this script's own (one that begins or ends has no
// command line: [bash]); the empty cgroup that all of ferry's are made in; its lock files (the lock is flock's); what CRIU remembers
// of the kernel and mount(8) of its mounts. Link-local addresses are made up anew with each port. Of neighbours and of the bridges'
// tables only what does not age: the rest comes and goes by itself. IPv6's table "local" follows from the addresses, a second late
// (DAD). It is asked for hundreds of times: few processes, and one sort. (nf_tables: the hosts have no nft.)
constexpr const char* kTraces = R"({
find /dev/shm -mindepth 1 -maxdepth 1 -printf 'image %f\n'
find /sys/fs/cgroup -mindepth 2 -type d ! -name ferry -printf 'cgroup %p\n'
find /var/lib/ferry/workloads -mindepth 1 -maxdepth 1 -printf 'workload %f\n' 2>/dev/null
find /tmp /run /srv /var/lib/ferry -xdev -name '*.ferry-*' -printf 'staged %p\n' 2>/dev/null
find /run -xdev ! -path '/run/sshd*' ! -path '/run/mount*' ! -name criu.kdat ! -path '/run/ferry*' -printf 'run %p\n'
readlink /proc/[0-9]*/ns/{mnt,net,pid,time} | sort -u | awk -F: '{++count[$1]} END {for (kind in count) print "namespaces", kind, count[kind]}'
ps -eo ppid=,pid=,args= | awk -v self=$$ '$1 != self && $2 != self && !/sshd/ && !/\[(awk|bash|ps|sort|sed)\]$/ {$1 = $2 = ""; sub(/ --control .*/, ""); print "process", $0}'
ip -o link | awk -F': ' '{sub(/@.*/, "", $2); print "link", $2; if (/ master br0 /) print "port", $2}'
ip -o addr | awk '$4 !~ /^fe80:/ {print "address", $2, $4}'
{ ip -4 -o route show table all; ip -6 -o route show table all | grep -Ev 'fe80:|ff00:| table local '; } | awk '{print "route", $0}'
{ ip neigh show nud permanent; ip neigh show proxy; } | awk '{print "neighbour", $0}'
bridge fdb show | awk '/ master / && / (static|sticky)/ {print "led to", $3}'
awk '{print "mount", $5}' /proc/self/mountinfo
cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>/dev/null
} | sort
python3 )" FERRY_BINARY_DIR "/programs/nft_tables.py";

}  // namespace

std::string traces_on(const Lab& lab, const std::string& host) { return lab.check(host, kTraces); }

}  // namespace ferry::testing
