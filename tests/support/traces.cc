// SPDX-License-Identifier: Apache-2.0
#include "support/traces.h"

namespace ferry::testing {
namespace {

// Processes of sshd, which come and go with each session, and this script itself are no traces, nor is the empty cgroup that
// all of ferry's are made in, nor its lock files (the lock is flock's), nor what CRIU remembers of the kernel and mount(8) of its mounts. Link-local addresses
// are made up anew with each port.
constexpr const char* kTraces = R"(
echo "# images";    ls -A /dev/shm
echo "# cgroups";   find /sys/fs/cgroup -mindepth 2 -type d ! -name ferry | sort
echo "# links";     ip -o link | awk -F': ' '{print $2}' | cut -d@ -f1 | sort
echo "# ports";     ip -o link show master br0 | awk -F': ' '{print $2}' | cut -d@ -f1 | sort
echo "# addresses"; ip -o addr | awk '$4 !~ /^fe80:/ {print $2, $4}' | sort
echo "# mounts";    awk '{print $5}' /proc/self/mountinfo | sort
echo "# namespaces"; for t in mnt net pid time; do
                       echo $t $(readlink /proc/[0-9]*/ns/$t | sort -u | wc -l); done
echo "# processes"; ps -eo ppid=,pid=,args= | awk -v self=$$ '$1 != self && $2 != self && !/sshd/ {$1 = $2 = ""; print}' |
                       sed 's/ --control .*//' | sort
echo "# workloads"; ls -A /var/lib/ferry/workloads 2>/dev/null
echo "# staged";    find /tmp /run /srv /var/lib/ferry -xdev -name '*.ferry-*' 2>/dev/null
echo "# run";       find /run -xdev ! -path '/run/sshd*' ! -path '/run/mount*' ! -name criu.kdat ! -path '/run/ferry*' | sort
echo "# firewall";  nft list ruleset 2>/dev/null; cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>/dev/null
true)";

}  // namespace

std::string traces_on(const Lab& lab, const std::string& host) { return lab.check(host, kTraces); }

}  // namespace ferry::testing
