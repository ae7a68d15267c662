#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One try to move a workload whose CRIU is killed in the middle of the dump.

    kill_criu.py WHAT TARGET DELAY_US      prints the last line of CRIU's log

Runs `ferry move WHAT TARGET`, which stops when the workload is frozen; lets it go on, and kills its CRIU that much later.
Exits as the move does: with 0 the strike came too late.
"""
import glob
import os
import signal
import subprocess
import sys
import time


def criu_of(ferry):
    for entry in os.listdir("/proc"):
        try:
            line = open(f"/proc/{entry}/cmdline").read() if entry.isdigit() else ""
            if "criu: dump" in line and f"\nPPid:\t{ferry}\n" in open(f"/proc/{entry}/status").read():
                return int(entry)
        except OSError:
            pass
    sys.exit("ferry has no CRIU")


what, target, delay_us = sys.argv[1], sys.argv[2], int(sys.argv[3])
move = subprocess.Popen(["ferry", "move", "-q", what, target], env={**os.environ, "FERRY_FAULTS": "source.frozen=pause"})
status = os.waitpid(move.pid, os.WUNTRACED)[1]
if not os.WIFSTOPPED(status):
    sys.exit("the move ended before the dump")
criu = os.pidfd_open(criu_of(move.pid))
os.kill(move.pid, signal.SIGCONT)
strike = time.perf_counter() + delay_us / 1e6
while time.perf_counter() < strike:
    pass
try:
    signal.pidfd_send_signal(criu, signal.SIGKILL)
except ProcessLookupError:
    pass
status = os.waitpid(move.pid, 0)[1]
logs = sorted(glob.glob("/var/lib/ferry/logs/*dump.log"), key=os.path.getmtime)
print(open(logs[-1], errors="replace").read().splitlines()[-1:] if logs else "no log")
sys.exit(os.waitstatus_to_exitcode(status))
