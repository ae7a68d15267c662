#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A web service that can tell whether moving it lost anything.

    web_counter.py PORT [ADDRESS]        (PORT 0: any free one; ADDRESS "::": both families; prints "READY PORT" once)

    GET /next    adds one to the counter and answers with it: a client that sees a number twice, or a gap it
                 cannot explain, has seen the service lose or repeat its work
    GET /value   the counter as it is
    GET /clock   "CLOCK_MONOTONIC CLOCK_BOOTTIME worst_step backwards": all in ns but the last, which counts how
                 often CLOCK_MONOTONIC went back. The clock is read about every millisecond, so worst_step is
                 the longest time that this process did not run, as far as it can know itself
    GET /id      its pid and a random number made at start: still the same process after a move?

HTTP/1.1 with keep-alive and pipelining. One thread, and nothing open but its sockets and their epoll, so that
CRIU has nothing else to carry.
"""
import os
import select
import socket
import sys
import time

TICK_S = 0.001
MAX_REQUEST = 16384  # bytes of one request's head; more is not a client of ours
MAX_READ = 65536
IN, OUT = select.EPOLLIN, select.EPOLLOUT


class Clock:
    """Watches CLOCK_MONOTONIC from one tick to the next."""

    def __init__(self):
        self.last = time.monotonic_ns()
        self.worst_step = 0
        self.backwards = 0

    def tick(self):
        now = time.monotonic_ns()
        step = now - self.last
        if step > self.worst_step:
            self.worst_step = step
        elif step < 0:
            self.backwards += 1
        self.last = now


class Service:
    def __init__(self):
        self.counter = 0
        self.clock = Clock()
        self.identity = os.urandom(8).hex()

    def answer(self, method, path):
        """The status line's end and the body."""
        if method != b"GET":
            return b"405 Method Not Allowed", b"only GET\n"
        if path == b"/next":
            self.counter += 1
            return b"200 OK", b"%d\n" % self.counter
        if path == b"/value":
            return b"200 OK", b"%d\n" % self.counter
        if path == b"/clock":
            boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            clock = self.clock
            return b"200 OK", b"%d %d %d %d\n" % (
                time.monotonic_ns(), boot, clock.worst_step, clock.backwards)
        if path == b"/id":
            return b"200 OK", b"%d %s\n" % (os.getpid(), self.identity.encode())
        return b"404 Not Found", b"no such page\n"


class Connection:
    """One client: bytes that have come but are no whole request yet, and bytes that could not be sent yet."""

    def __init__(self, sock):
        self.sock = sock
        self.waiting = b""
        self.unsent = b""
        self.closing = False  # once `unsent` is out

    def read(self, service):
        """Answers every whole request. False when the connection is over."""
        data = self.sock.recv(MAX_READ)
        if not data:
            return False
        if self.waiting:
            data = self.waiting + data
        answers = []
        while data and not self.closing:
            head, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                break
            answers.append(self.answer(service, head))
            data = rest
        self.waiting = data
        if len(data) > MAX_REQUEST:
            return False
        return self.write(b"".join(answers))

    def answer(self, service, head):
        line = head.split(b"\r\n", 1)[0].split(b" ")
        if len(line) != 3:
            self.closing = True
            return b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        status, body = service.answer(line[0], line[1])
        headers = head.lower()
        if line[2] == b"HTTP/1.0" or b"\r\nconnection: close" in headers or line[0] != b"GET":
            self.closing = True
        end = b"\r\nConnection: close\r\n\r\n" if self.closing else b"\r\n\r\n"
        return b"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d%s%s" % (
            status, len(body), end, body)

    def write(self, data):
        """Sends what the socket takes and keeps the rest. False when the connection is over."""
        self.unsent += data
        if self.unsent:
            try:
                self.unsent = self.unsent[self.sock.send(self.unsent):]
            except BlockingIOError:
                pass
        return bool(self.unsent) or not self.closing


def accept_all(listener, epoll, connections):
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:  # none left, or the client has gone already
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections[sock.fileno()] = Connection(sock)
        epoll.register(sock.fileno(), IN)


def serve(listener):
    service = Service()
    connections = {}
    epoll = select.epoll()
    epoll.register(listener.fileno(), IN)
    while True:
        events = epoll.poll(TICK_S)
        service.clock.tick()
        for fd, event in events:
            if fd == listener.fileno():
                accept_all(listener, epoll, connections)
                continue
            connection = connections[fd]
            had_unsent = bool(connection.unsent)
            try:
                if event & OUT:
                    alive = connection.write(b"")
                else:
                    alive = connection.read(service)
            except BlockingIOError:
                continue
            except OSError:
                alive = False
            if not alive:
                epoll.unregister(fd)
                connection.sock.close()
                del connections[fd]
            elif bool(connection.unsent) != had_unsent:
                # Nothing more is read from a client that does not take its answers.
                epoll.modify(fd, OUT if connection.unsent else IN)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: web_counter.py PORT [ADDRESS]")
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # whatever a careless parent left open
    address = sys.argv[2] if len(sys.argv) == 3 else "0.0.0.0"
    # "::" takes both families; a link-local address needs its link: fe80::1%eth0.
    where = socket.getaddrinfo(address, int(sys.argv[1]), type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0]
    listener = socket.socket(where[0], socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(where[4])
    listener.listen(1024)
    listener.setblocking(False)
    print("READY", listener.getsockname()[1], flush=True)
    serve(listener)


if __name__ == "__main__":
    main()
