// SPDX-License-Identifier: Apache-2.0
//
// CRIU's failures as ferry's users meet them, by the words of CRIU 4.2. An earlier one wins: what names its cause stands before
// what it brings about. Most are found before the freeze (process/blockers, migration/requirements); here they come from what a
// workload or a host did after that.
#include "criu/doctor.h"

namespace ferry::criu {
namespace {

constexpr const char* kTryAgain = "try again: it is a matter of the moment";
constexpr const char* kSamePackages = "install the same packages on both hosts, or copy the file there (rsync -aR)";

constexpr Symptom kSymptoms[] = {
    // ---- dump: descriptors
    {R"(send_fds failed \(-22\))", "the workload has an io_uring open, which CRIU cannot take along",
     "run it without io_uring (many programs have a switch, as UV_USE_IO_URING=0 for node)"},
    {R"(Can't dump file (\d+) of that type \[\d+\] \(anon (?:anon_inode:)?\[?([^\])]+)\]?\))",
     "the workload has a kernel object ($2) open as fd $1, which CRIU cannot take along", "let it close that descriptor, or run it without that feature"},
    {R"(Can't dump file (\d+) of that type \[\d+\] \((?:chr|blk) (\d+:\d+)\))", "the workload has the device $2 open as fd $1: it belongs to this host",
     "run it without that device"},
    {R"(Can't dump file (\d+) of that type \[\d+\] \((\w+) ([^)]*)\))", "the workload has fd $1 open ($3), and CRIU does not know that kind of file",
     "let it close that descriptor"},
    {R"(Net namespace is required to dump tun link)", "the workload has a TUN/TAP device open: it belongs to this host's network", "run it without that device"},
    {R"(Unsupported proto 262 )", "the workload has a multipath TCP socket", "run it without MPTCP (programs in Go: GODEBUG=multipathtcp=0)"},
    {R"(Unsupported proto (\d+) for socket)", "the workload has a socket of the protocol $1, which CRIU does not know", "let it close that socket"},
    {R"(Unknown socket collected \(family (\d+)\))", "the workload has a socket of the address family $1, which CRIU does not know", "let it close that socket"},
    {R"(Can't dump corked dgram socket)", "a UDP socket held back data that was not sent yet (UDP_CORK)", kTryAgain, true},
    {R"(In-flight connection \(l\))", "a client had connected at that moment and was not accepted yet", kTryAgain, true},
    {R"(Connected TCP socket, consider using)", "it has open TCP connections on an address that stays here",
     "start it with an address of its own (ferry run --ip), or say --tcp close"},
    {R"(External socket is used|unix: Dangling connection|unix: .*(?:without peer|with unreachable peer)|FATAL: Peer \d+ unresolved)",
     "a unix socket of the workload is connected to a program that stays here", "let it close that connection; `ferry check` names the program"},
    {R"(netlink: .*(?:more than 32 groups|bound to groups but not))", "a netlink socket listens to more of the kernel's news than CRIU can note down",
     "let the workload close it"},
    {R"(netlink: The socket has data to read)", "a netlink socket had unread news of the kernel", kTryAgain, true},
    {R"(The packetized mode for pipes is not supported)", "the workload has a pipe in packet mode (O_DIRECT)", "use a socketpair of the type SOCK_SEQPACKET"},
    {R"(pidfd pid (\d+) is not a part of process tree)", "the workload holds a pidfd of process $1, which stays here", "let it close that pidfd"},
    {R"(Found dangling tty|ctty inheritance detected)", "the workload is tied to a terminal of this host", "start it without one: ferry run, or setsid CMD </dev/null"},
    // ---- dump: files and memory
    {R"(Can't lookup mount=\S+ for fd=(-?\d+) path=(\S+))", "$2 (fd $1) is on a mount that the workload itself does not see, or is a POSIX message queue",
     "let it close that descriptor, or start it with clean ones, as `ferry run` does"},
    {R"(Can't dump ghost file (\S+) of (\d+) size)", "the deleted file $1 is still open and holds $2 bytes: too much to go with the pause",
     "let the workload truncate or close it"},
    {R"(Can't create link remap for (\S+)\. Use)", "the open file $1 lives on, but that name is gone or means another file by now",
     "let the workload open it again (many do on SIGHUP)"},
    {R"(Unaccessible path opened)", "an open file's name means another file by now", "let the workload open its files again (many do on SIGHUP)"},
    {R"(Can't handle non-regular mapping on (\d+)'s map)", "process $1 has a device mapped into its memory", "run it without that device"},
    {R"(Unknown shit \d+ \((?:anon_inode:)?\[?([^\]) ]+))", "the workload has a kernel object ($1) mapped into its memory, which CRIU cannot take along",
     "run it without that feature"},
    {R"(doesn't live in IPC ns)", "the workload has SysV shared memory attached, which belongs to the whole host", "use POSIX shared memory, or MAP_SHARED"},
    {R"(PID (\d+) has uprobes vma)", "a tracing program has put probes into process $1", "end that program (perf, bpftrace, bcc)"},
    {R"(Unexpected rt vDSO area bounds|vdso: (ELF header magic mismatch|.*Not all VDSO symbols)|Can't get 1:\d+ opt: Operation not supported)", "this CRIU is too old for this kernel", "install a newer CRIU: tools/get-criu"},
    // ---- dump: tasks
    {R"(Unable to interrupt task: (\d+) \(Operation not permitted\))", "process $1 is traced by a debugger or strace", "detach it"},
    {R"(Zombies with threads are not supported)", "the first thread of a process has ended while others go on", "let main() wait for its threads"},
    {R"(zombie (\d+) \(comm (.*)\) found while seizing)", "$2 (pid $1) ended at that moment, or is stopped by a debugger", "detach the debugger; else try again"},
    {R"(Individually stopped threads not supported)", "some threads of a process are stopped, others are not", "send it SIGCONT"},
    {R"(Can't dump nested (\w+) namespace for (\d+))", "process $2 is in a $1 namespace of its own, its root process is not",
     "run it without unshare or a sandbox of its own (browsers: --no-sandbox)"},
    {R"(has unreachable sharing|Can't restore sub-task in NS)", "a process of the workload is in a namespace of its own, its root process is not",
     "run it without unshare or a sandbox of its own (browsers: --no-sandbox)"},
    {R"(has rseq but kernel lacks)", "the kernel is too old to tell of restartable sequences (before 5.13)",
     "boot a newer kernel, or start it with GLIBC_TUNABLES=glibc.pthread.rseq=0"},
    {R"(Unable to freeze cgroup)", "a task could not be frozen: it waits in the kernel, mostly for a disk or NFS", "see which with: ps -eo pid,stat,wchan,comm | grep ' D'"},
    // ---- restore
    {R"(Can't link \S*link_remap\.\d+ -> (\S+):)", "the open file /$1 lives on under a name that the workload does not know, and did not travel",
     "let the workload open it again"},
    {R"(Can't open file (\S+) on restore: No such file or directory)", "/$1 is not there, and the workload uses it", kSamePackages},
    {R"(Can't open file (\S+)(?: on restore)?: Permission denied)", "/$1 cannot be opened there", "check its permissions and those of its directories"},
    {R"(File (\S+) has bad size (\d+) \(expect (\d+)\))", "/$1 is another file there: $2 bytes, not $3", kSamePackages},
    {R"(File (\S+) has bad build-ID)", "/$1 is another file there", kSamePackages},
    {R"(File (\S+) has bad mode (\d+) \(expect (\d+)\))", "/$1 is of another kind or has other permissions there: mode $2, not $3",
     "make it the same there (stat, chmod)"},
    {R"(Can't open fake fifo \S+ \[(\S+)\]: No such file)", "the FIFO /$1 is not there, and the workload has it open", "make it there: mkfifo /$1"},
    {R"(Can't restore pipe size: Bad file descriptor)", "a FIFO that the workload has open is another kind of file there", "make it a FIFO there: rm, mkfifo"},
    {R"(unix: Can't bind id \S+ ino \d+ addr (\S+): No such file)", "the workload listens on the unix socket $1, and its directory is not there", "make it there: mkdir -p"},
    {R"(unix: Can't bind id \S+ ino \d+ addr (\S+): Address already in use)", "the workload listens on the unix socket $1, and that name is taken there",
     "remove it there, if nothing uses it any more"},
    {R"(fsnotify: .*Unable to open (\S+): No such file)", "$1 is not there, and the workload watches it (inotify)", "make it there"},
    {R"(Can't bind inet socket .*Address already in use)", "another program listens on the workload's port there", "end that program, or give the workload an address of its own (ferry run --ip)"},
    {R"(Can't bind inet socket .*Cannot assign requested address)", "the workload listens on an address that the host does not have",
     "let it listen on 0.0.0.0, or give it an address of its own (ferry run --ip)"},
    {R"(Unable to open \S+ with specified index (\d+))", "the pseudoterminal $1 is taken there, and the workload has one of that number", "end what has it there (ps -t pts/$1)"},
    {R"(Inconsistent sched params)", "the workload is scheduled by deadline, which CRIU does not keep", "chrt --other --pid 0 PID, before the move"},
    {R"(Can't fork for (\d+): File exists|Pid \d+ do not match expected (\d+))", "the pid $1$2 was taken when the workload came", kTryAgain},
    {R"(Can't get rlimit|rlimit: Can't setup rlimit|Can't restore rlimit)", "ferry may not read or set the limits of processes of other users",
     "run ferry with CAP_SYS_RESOURCE"},
    {R"(CPU .*(?:capabilities|instruction).* (?:do not match|not supported|mismatch)|cpu: .*(?:required|not supported))", "the CPU there lacks what the workload uses", "choose a host with the same CPU"},
    {R"(Unable to open an userfaultfd descriptor: Operation not permitted)",
     "the workload is in a user namespace of its own, in which that host's kernel lets nobody supply memory on demand",
     "sysctl vm.unprivileged_userfaultfd=1 there, or move it with --mode stop"},
    // ---- the host
    {R"((?:PAGEMAP_SCAN|/smaps on procfs): No data available)", "CRIU was not told, or asked in an unknown way, what memory ferry moves itself",
     "move it with --mode stop, and report it with the log"},
    {R"(No space left on device)", "there is no room left for CRIU's images", "free some, or enlarge it: mount -o remount,size=… /dev/shm"},
    {R"(Cannot allocate memory|Out of memory)", "there is not enough memory", "end something else, or choose a host with more memory"},
    {R"(Too many open files)", "CRIU ran out of descriptors", "raise the limit: ulimit -n, or LimitNOFILE= where sshd is started"},
};

}  // namespace

std::span<const Symptom> symptoms() { return kSymptoms; }

}  // namespace ferry::criu
