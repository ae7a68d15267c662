#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Several processes and threads that each go on counting, in files below a directory.

    family.py DIRECTORY CHILDREN THREADS

Every process writes "PID TICKS_OF_EACH_THREAD… STARTED" to DIRECTORY/PID, whole (a rename), about every 10 ms. STARTED
is a random number made at its start: the same one as long as it is the same process. The root reaps, so that
a child that died is missed.
"""
import contextlib
import os
import sys
import threading
import time

PERIOD_S = 0.01


def count(ticks, index):
    while True:
        ticks[index] += 1
        time.sleep(PERIOD_S)


def live(directory, threads):
    ticks = [0] * threads
    for index in range(1, threads):
        threading.Thread(target=count, args=(ticks, index), daemon=True).start()
    path, started = "%s/%d" % (directory, os.getpid()), os.urandom(8).hex()
    while True:
        ticks[0] += 1
        with open(path + ".new", "w") as out:
            out.write("%d %s %s\n" % (os.getpid(), " ".join(map(str, ticks)), started))
        with contextlib.suppress(FileNotFoundError):  # moved in between: the new file is the other host's
            os.rename(path + ".new", path)
        time.sleep(PERIOD_S)


def main():
    directory, children, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.makedirs(directory, exist_ok=True)
    for _ in range(children):
        if os.fork() == 0:
            live(directory, threads)
    live(directory, threads)


main()
