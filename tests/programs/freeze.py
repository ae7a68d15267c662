#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stops a process for a time, and says for how long at least (longer if this program was kept waiting).

    freeze.py PID SECONDS      prints "FROM TO", CLOCK_REALTIME in ns
"""
import os
import signal
import sys
import time

SPIN_S = 0.002  # a sleep may end late; its last part is waited for awake

pid, seconds = int(sys.argv[1]), float(sys.argv[2])
os.kill(pid, signal.SIGSTOP)
begin = time.time_ns()
end = begin + int(seconds * 1e9)
time.sleep(seconds - SPIN_S)
while time.time_ns() < end:
    pass
end = time.time_ns()
os.kill(pid, signal.SIGCONT)
print(begin, end)
