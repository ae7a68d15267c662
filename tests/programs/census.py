#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A workload that can be counted: whatever is done to it, its log tells how many of it have run.

    census.py LOG [ADDRESS PORT]

About every 2 ms it appends a line to LOG, which it holds open:

    NUMBER NONCE HEARD BEATS          or     FAIL what is wrong with itself

NUMBER is one more than in the line before. NONCE is eight fresh random bytes of the kernel's: two copies of this process have
the same memory, but never write the same line, so two logs of which neither is a prefix of the other are two copies that ran.
HEARD counts the requests answered, BEATS a second thread's rounds.

At ADDRESS:PORT each connection says "1", "2", … a line each, and is answered with the same number, after that was logged; out of
order is answered "BAD". "bye" has it close the connection.
"""
import os
import select
import socket
import sys
import threading
import time

TICK_S = 0.002
PAGE = 4096
PAGES = 64         # of memory that it checks, one page a tick
TAIL = 256         # bytes; no line is longer
FEW = 8            # ticks between two looks at the log's last line


class Memory:
    """Pages that hold what was last written to them: their number and how often they were written."""

    def __init__(self):
        self.pages = bytearray(PAGE * PAGES)
        self.rounds = [0] * PAGES
        for page in range(PAGES):
            self.write(page)

    def pattern(self, page):
        return (b"%06d:%09d " % (page, self.rounds[page])).ljust(32, b".") * (PAGE // 32)

    def write(self, page):
        self.rounds[page] += 1
        self.pages[page * PAGE:(page + 1) * PAGE] = self.pattern(page)

    def is_right(self, page):
        return self.pages[page * PAGE:(page + 1) * PAGE] == self.pattern(page)


class Census:
    def __init__(self, log):
        self.log = os.open(log, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self.memory = Memory()
        self.number = 0
        self.heard = 0
        self.beats = 0
        self.last = b""
        threading.Thread(target=self.beat, daemon=True).start()

    def beat(self):
        while True:
            self.beats += 1
            time.sleep(TICK_S)

    def write(self, line):
        os.write(self.log, line)
        self.last = line

    def tick(self):
        page = self.number % PAGES
        if not self.memory.is_right(page):
            self.write(b"FAIL page %d is not what was written there\n" % page)
        self.memory.write(page)
        if self.number % FEW == 0 and not self.tail().endswith(self.last):
            self.write(b"FAIL the log does not end with line %d\n" % self.number)
        self.number += 1
        self.write(b"%d %s %d %d\n" % (self.number, os.urandom(8).hex().encode(), self.heard, self.beats))

    def tail(self):
        size = os.fstat(self.log).st_size
        return os.pread(self.log, TAIL, max(0, size - TAIL))


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.said = 0
        self.unread = b""

    def serve(self, census):
        """False when the connection is over."""
        data = self.sock.recv(65536)
        if not data:
            return False
        *lines, self.unread = (self.unread + data).split(b"\n")
        for line in lines:
            if line == b"bye":
                return False
            if line != b"%d" % (self.said + 1):
                self.sock.sendall(b"BAD %s after %d\n" % (line[:40], self.said))
                return False
            self.said += 1
            census.heard += 1
            census.tick()
            self.sock.sendall(b"%d\n" % self.said)
        return True


def main():
    if len(sys.argv) not in (2, 4):
        sys.exit("usage: census.py LOG [ADDRESS PORT]")
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # whatever a careless parent left open
    census = Census(sys.argv[1])
    listener = None
    connections = {}
    poll = select.poll()
    if len(sys.argv) == 4:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((sys.argv[2], int(sys.argv[3])))
        listener.listen(16)
        poll.register(listener, select.POLLIN)
    while True:
        for fd, _ in poll.poll(TICK_S * 1000):
            if listener and fd == listener.fileno():
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[sock.fileno()] = Connection(sock)
                poll.register(sock, select.POLLIN)
                continue
            try:
                alive = connections[fd].serve(census)
            except OSError as error:
                print("a connection has ended:", error, file=sys.stderr, flush=True)
                alive = False
            if not alive:
                poll.unregister(fd)
                connections.pop(fd).sock.close()
        census.tick()


if __name__ == "__main__":
    main()
