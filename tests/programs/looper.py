#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts up from 0000, a line at a time, flushing each: a number skipped or said twice shows.

    looper.py [PERIOD_MS]        (1000)        prints "%04d -> %s" % (count, id)
"""
import os
import sys
import time

period_s = int(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 1
identity = os.urandom(4).hex()
count = 0
while True:
    print("%04d -> %s" % (count, identity), flush=True)
    count += 1
    time.sleep(period_s)
