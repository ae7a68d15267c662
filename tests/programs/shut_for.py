#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A web service that shuts its port for a time: a known number of requests must then be refused.

    shut_for.py PORT       prints "READY"; a number of seconds on stdin makes it refuse connections for so long,
                           then it prints "FROM TO" and "FROM TO" on one line: of a
                       time that contains it, and of one that it contains; CLOCK_REALTIME in ns

Each connection carries one request, answered with "ok".
"""
import select
import socket
import sys
import time


def listen(port):
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen(1024)
    return listener


def serve_one(listener):
    peer, _ = listener.accept()
    with peer:
        peer.settimeout(1)
        try:
            if peer.recv(4096):
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
                peer.recv(4096)  # the client closes first
        except OSError:
            pass


port = int(sys.argv[1])
listener = listen(port)
print("READY", flush=True)
while True:
    ready, _, _ = select.select([listener, sys.stdin], [], [])
    if listener in ready:
        serve_one(listener)
        continue
    line = sys.stdin.readline()
    if not line:
        break
    while select.select([listener], [], [], 0)[0]:  # those that are in already are no refusals
        serve_one(listener)
    begin = time.time_ns()
    listener.close()
    shut = time.time_ns()
    time.sleep(float(line))
    opening = time.time_ns()
    listener = listen(port)
    print(begin, time.time_ns(), shut, opening, flush=True)
