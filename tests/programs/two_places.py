#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes to files in two directories, and counts: READY, then 1, 2, 3, … each 20 ms.

    two_places.py DIRECTORY BYTES DIRECTORY BYTES

In each: "table" of that size, into which the numbers go by a mapping; "log", a line for each number; "segment-N", another one for each
hundred. A number is said when it is everywhere.
"""
import mmap
import os
import sys
import time


class Place:
    def __init__(self, path, size):
        self.path = path
        table = os.open(f"{path}/table", os.O_RDWR | os.O_CREAT, 0o644)
        os.write(table, os.urandom(size))
        self.table = mmap.mmap(table, size)
        self.log = open(f"{path}/log", "a", buffering=1)
        self.segment = None

    def put(self, number):
        self.table[0:8] = number.to_bytes(8, "little")
        self.log.write(f"{number}\n")
        if number % 100 == 1:
            self.segment = open(f"{self.path}/segment-{number // 100}", "w", buffering=1)
        self.segment.write(f"{number}\n")
        if os.path.getsize(self.log.name) != self.log.tell():
            raise RuntimeError("its log is another file now")


places = [Place(sys.argv[i], int(sys.argv[i + 1])) for i in (1, 3)]
print("READY", flush=True)
number = 0
while True:
    number += 1
    for place in places:
        place.put(number)
    print(number, flush=True)
    time.sleep(0.02)
