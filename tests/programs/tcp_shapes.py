#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Connections in every shape that a move may find them in, with every byte checked at both ends.

    tcp_shapes.py serve PORT [ADDRESS]       the workload; prints READY
    tcp_shapes.py drive ADDRESS PORT SHAPE   its client: brings connections into the shape, prints READY, waits for a line
                                             of input (the move is over), checks that everything goes on, and prints
                                             PASS and what it has measured, or FAIL and why

Of a connection the first line is an order to the server (serve_* below). One thread, nothing open but sockets and
their epoll.
"""
import asyncio
import json
import random
import socket
import struct
import sys
import time

LARGE = 16 << 20     # more than the queues of both ends hold
SOME = 3 << 20
FULL_S = 0.3         # a queue that has taken nothing for so long is full
LITTLE = 50_000      # less than the client's first window: all of it arrives, read or not
LIMIT_S = 60
BLOCK = random.Random(1).randbytes(1_000_003)  # no multiple of anything: a shift does not go unnoticed
CONNECTIONS = 1000

loop = None
go = None            # set: who does not read begins to
listening = datagram_socket = None
results = {}         # by name: what the server has found


def pattern(size, seed):
    return random.Random(seed).randbytes(size)


class Stream:
    """Reads and writes as asked, and nothing ahead: what is not asked for stays in the kernel's queues."""

    def __init__(self, sock):
        sock.setblocking(False)
        self.sock = sock
        self.ahead = b""

    async def line(self):
        while b"\n" not in self.ahead:
            got = await loop.sock_recv(self.sock, 1)
            if not got:
                return None
            self.ahead += got
        line, self.ahead = self.ahead.split(b"\n", 1)
        return line.decode()

    async def exactly(self, size):
        data = bytearray()
        while len(data) < size:
            got = await loop.sock_recv(self.sock, min(size - len(data), 1 << 18))
            if not got:
                break
            data += got
        return bytes(data)

    async def rest(self):
        data = bytearray()
        while got := await loop.sock_recv(self.sock, 1 << 18):
            data += got
        return bytes(data)

    async def send(self, data):
        await loop.sock_sendall(self.sock, data)

    async def send_line(self, text):
        await self.send(text.encode() + b"\n")

    def end(self):
        self.sock.shutdown(socket.SHUT_WR)


def difference(got, expected):
    if got == expected:
        return "OK"
    at = next((i for i, (a, b) in enumerate(zip(got, expected)) if a != b), min(len(got), len(expected)))
    return f"{len(got)} bytes instead of {len(expected)}, wrong from byte {at} on"


# ---- the server: one coroutine for each connection ----


async def serve_echo(stream):
    while data := await loop.sock_recv(stream.sock, 1 << 18):
        await stream.send(data)


async def serve_both(stream, size, seed):
    """Sends at once and reads only when it is told to: both queues of both ends get full."""
    sending = loop.create_task(stream.send(pattern(int(size), int(seed))))
    await go.wait()
    found = difference(await stream.exactly(int(size)), pattern(int(size), int(seed) + 1))
    await sending
    await stream.send_line(found)


async def serve_take(stream, size, seed):
    """The client has ended its half, with data that is not read yet."""
    await go.wait()
    found = difference(await stream.rest(), pattern(int(size), int(seed)))
    await stream.send(pattern(int(size), int(seed) + 1))
    await stream.send_line(found)


async def serve_give(stream, name, size, seed):
    """Ends its own half at once, and reads on."""
    await stream.send(pattern(int(size), int(seed)))
    stream.end()
    results[name] = difference(await stream.rest(), pattern(int(size), int(seed) + 1))


async def serve_down(stream):
    """As much as the client takes, until it says something."""
    said = loop.create_task(stream.line())
    while not said.done():
        await stream.send(BLOCK)
        await asyncio.sleep(0)
    stream.end()


async def serve_options(stream):
    set_options(stream.sock, LINGER)
    while True:
        found = {"own": options_of(stream.sock) | read_options(stream.sock, LINGER),
                 "listening": read_options(listening, options_for(listening) | OF_LISTENING),
                 "datagrams": read_options(datagram_socket, OF_DATAGRAMS)}
        await stream.send_line(json.dumps(found))
        if await stream.line() is None:
            return


async def serve_go(stream):
    go.set()
    await stream.send_line("gone")


async def serve_result(stream, name):
    for _ in range(LIMIT_S * 100):
        if name in results:
            break
        await asyncio.sleep(0.01)
    await stream.send_line(results.pop(name, "nothing"))


async def serve_connection(sock):
    stream = Stream(sock)
    try:
        words = (await stream.line() or "").split()
        if words:
            await globals()["serve_" + words[0]](stream, *words[1:])
    except ConnectionError as error:
        print("a connection:", error, flush=True)
    finally:
        sock.close()


async def echo_datagrams(sock):
    while True:
        data, sender = await loop.sock_recvfrom(sock, 2000)
        await loop.sock_sendto(sock, data, sender)


TCP, IP, ANY = socket.IPPROTO_TCP, socket.IPPROTO_IP, socket.SOL_SOCKET
IP_MTU_DISCOVER, IP_RECVERR, IP_RECVTOS = 10, 11, 13  # linux/in.h; Python has no names for them
# Of a connection; those that are accepted inherit them.
OPTIONS = {
    "nodelay": (TCP, socket.TCP_NODELAY, [1]),
    "keepalive": (ANY, socket.SO_KEEPALIVE, [1]),
    "keepidle": (TCP, socket.TCP_KEEPIDLE, [123]),
    "keepintvl": (TCP, socket.TCP_KEEPINTVL, [45]),
    "keepcnt": (TCP, socket.TCP_KEEPCNT, [6]),
    "oobinline": (ANY, socket.SO_OOBINLINE, [1]),
    # What follows CRIU forgets.
    "linger2": (TCP, socket.TCP_LINGER2, [11]),
    "user_timeout": (TCP, socket.TCP_USER_TIMEOUT, [54321]),
    "notsent_lowat": (TCP, socket.TCP_NOTSENT_LOWAT, [1 << 29]),  # less would keep the queues short
    "syncnt": (TCP, socket.TCP_SYNCNT, [3]),
    "recverr": (IP, IP_RECVERR, [1]),
}
OF_IPV4 = {"tos": (IP, socket.IP_TOS, [0x10]), "mtu_discover": (IP, IP_MTU_DISCOVER, [0])}
OF_IPV6 = {"tclass": (socket.IPPROTO_IPV6, socket.IPV6_TCLASS, [0x20])}
LINGER = {"linger": (ANY, socket.SO_LINGER, [1, 1])}  # of one connection: its close would hold up the whole server
OF_LISTENING = {"maxseg": (TCP, socket.TCP_MAXSEG, [1300])}
OF_DATAGRAMS = {"recverr": (IP, IP_RECVERR, [1]), "recvtos": (IP, IP_RECVTOS, [1])}


def options_for(sock):
    return OPTIONS | (OF_IPV4 if sock.family == socket.AF_INET else OF_IPV6)


def read_options(sock, options):
    def read(level, option, values):
        layout = f"{len(values)}i"
        return list(struct.unpack(layout, sock.getsockopt(level, option, struct.calcsize(layout))))

    return {name: read(*option) for name, option in options.items()}


def options_of(sock):
    found = read_options(sock, options_for(sock))
    found["congestion"] = sock.getsockopt(TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()
    found["segment"] = sock.getsockopt(TCP, socket.TCP_MAXSEG)  # as it sends them
    info = sock.getsockopt(TCP, socket.TCP_INFO, 8)
    found["timestamps"], found["sack"], found["scaling"] = (bool(info[5] & bit) for bit in (1, 2, 4))
    found["scales"] = info[6]  # of both directions, four bits each
    return found


def set_options(sock, options):
    for level, option, values in options.values():
        sock.setsockopt(level, option, struct.pack(f"{len(values)}i", *values))


async def serve(port, address="0.0.0.0"):
    global loop, go, listening, datagram_socket
    loop, go = asyncio.get_running_loop(), asyncio.Event()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((address, int(port)))
    set_options(listening, options_for(listening) | OF_LISTENING)
    listening.listen(2 * CONNECTIONS)
    listening.setblocking(False)
    datagram_socket = socket.socket(family, socket.SOCK_DGRAM)
    datagram_socket.bind((address, int(port)))
    datagram_socket.setblocking(False)
    set_options(datagram_socket, OF_DATAGRAMS)
    tasks = {loop.create_task(echo_datagrams(datagram_socket))}
    print("READY", flush=True)
    while True:
        sock, _ = await loop.sock_accept(listening)
        task = loop.create_task(serve_connection(sock))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


# ---- the client: one coroutine for each shape. What it yields first is the shape, what it does then the check ----


class Client:
    def __init__(self, address, port):
        self.where = (address, int(port))
        self.moved = loop.create_task(asyncio.to_thread(sys.stdin.readline))
        self.measured = {}

    def ready(self):
        print("READY", flush=True)
        return self.moved

    async def connect(self, order):
        sock = socket.socket(socket.AF_INET6 if ":" in self.where[0] else socket.AF_INET)
        sock.setblocking(False)
        await loop.sock_connect(sock, self.where)
        stream = Stream(sock)
        await stream.send_line(order)
        return stream

    async def ask(self, order):
        return await (await self.connect(order)).line()

    async def fill(self, stream, data):
        """Sends until nothing is taken any more; how much was."""
        sent, last = 0, time.monotonic()
        while sent < len(data) and time.monotonic() - last < FULL_S:
            try:
                sent += stream.sock.send(data[sent:sent + (1 << 18)])
                last = time.monotonic()
            except BlockingIOError:
                await asyncio.sleep(0.01)
        return sent


def require(found, where, expected="OK"):
    if found != expected:
        raise RuntimeError(f"{where}: {found}")


async def full_queues(client):
    stream = await client.connect(f"both {LARGE} 10")
    data = pattern(LARGE, 11)
    sent = await client.fill(stream, data)
    require(sent < LARGE, "the queues are not full", True)
    await client.ready()
    began = time.monotonic()
    require(await client.ask("go"), "go", "gone")
    sending = loop.create_task(stream.send(data[sent:]))
    require(difference(await stream.exactly(LARGE), pattern(LARGE, 10)), "what the server sent")
    await sending
    require(await stream.line(), "what the client sent")
    client.measured["ms"] = round((time.monotonic() - began) * 1000)


async def client_half_closed(client):
    stream = await client.connect(f"take {SOME} 20")
    sending = loop.create_task(stream.send(pattern(SOME, 20)))
    await asyncio.wait({sending}, timeout=FULL_S)
    if sending.done():
        stream.end()
    await client.ready()
    require(await client.ask("go"), "go", "gone")
    if not sending.done():
        await sending
        stream.end()
    require(difference(await stream.exactly(SOME), pattern(SOME, 21)), "what the server sent")
    require(await stream.line(), "what the client sent")
    require(await stream.rest(), "its end", b"")


async def server_half_closed(client):
    stream = await client.connect(f"give half {LITTLE} 30")
    await asyncio.sleep(FULL_S)
    await client.ready()
    await stream.send(pattern(LITTLE, 31)[:LITTLE // 2])
    require(difference(await stream.rest(), pattern(LITTLE, 30)), "what the server sent")
    await stream.send(pattern(LITTLE, 31)[LITTLE // 2:])
    stream.end()
    require(await client.ask("result half"), "what the client sent")


async def both_half_closed(client):
    """Little enough that both ends have all of it, the end included, and have read nothing."""
    stream = await client.connect("give both 10000 40")
    await stream.send(pattern(10000, 41))
    stream.end()
    await client.ready()
    require(difference(await stream.rest(), pattern(10000, 40)), "what the server sent")
    require(await client.ask("result both"), "what the client sent")


async def down(client):
    """The longest time that nothing came, while the server had more to send all along."""
    stream = await client.connect("down")
    total, longest, last, said = 0, 0.0, time.monotonic(), False
    ready = client.ready()
    while True:
        got = await loop.sock_recv(stream.sock, 1 << 20)
        now = time.monotonic()
        if not got:
            break
        longest, last = max(longest, now - last), now
        at = total % len(BLOCK)
        expected = (BLOCK[at:] + BLOCK + BLOCK)[:len(got)]
        require(got == expected, f"wrong bytes from {total} on", True)
        total += len(got)
        if ready.done() and not said:
            said = True
            loop.call_later(2, lambda: loop.create_task(stream.send_line("enough")))
    require(total % len(BLOCK), "its last block is not whole", 0)
    client.measured.update(longest_ms=round(longest * 1000), bytes=total)


async def options(client):
    stream = await client.connect("options")
    before = json.loads(await stream.line())
    wanted = {name: values for name, (_, _, values) in options_for(stream.sock).items()}
    for name, values in wanted.items():
        require(before["own"][name], name, values)
        require(before["listening"][name], f"{name}, listening", values)
    for name in "timestamps", "sack", "scaling":
        require(before["own"][name], name, True)
    own = options_of(stream.sock)
    await client.ready()
    await stream.send_line("again")
    after = json.loads(await stream.line())
    for part in before:
        lost = {name: (was, after[part][name]) for name, was in before[part].items() if was != after[part][name]}
        require(lost, f"{part} options before and after", {})
    require(options_of(stream.sock), "the client's own", own)
    inherited = json.loads(await (await client.connect("options")).line())["own"]
    require({name: inherited[name] for name in wanted}, "options of a connection that was made after", wanted)


async def thousand(client):
    streams = [await client.connect("echo") for _ in range(CONNECTIONS)]
    stop = asyncio.Event()
    exchanged = 0

    async def exchange(number, stream):
        nonlocal exchanged
        data = pattern(2000, number)
        await stream.send(data)
        require(difference(await stream.exactly(len(data)), data), f"connection {number}")
        exchanged += 1

    async def busy(number, stream):
        while not stop.is_set():
            await exchange(number, stream)
            await asyncio.sleep(random.uniform(0, 0.4))

    tasks = [loop.create_task(busy(number, stream)) for number, stream in enumerate(streams[:CONNECTIONS // 2])]
    await asyncio.sleep(0.5)
    await client.ready()
    await asyncio.sleep(0.5)
    stop.set()
    await asyncio.gather(*tasks)
    for number, stream in enumerate(streams):
        await exchange(number, stream)
    client.measured["exchanged"] = exchanged


async def datagrams(client):
    sock = socket.socket(socket.AF_INET6 if ":" in client.where[0] else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.connect(client.where)
    answers = []

    async def listen():
        while True:
            answers.append(struct.unpack("!I", (await loop.sock_recv(sock, 2000)))[0])

    listening = loop.create_task(listen())
    ready, sent, more = client.ready(), 0, 200
    while more > 0:
        sock.send(struct.pack("!I", sent))
        sent += 1
        more -= ready.done()
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.5)
    listening.cancel()
    require(len(set(answers)), "an answer came twice", len(answers))
    require(answers[-1], "no answer any more", sent - 1)
    client.measured.update(sent=sent, lost=sent - len(answers))


async def drive(address, port, shape):
    global loop
    loop = asyncio.get_running_loop()
    client = Client(address, port)
    try:
        await asyncio.wait_for(globals()[shape](client), LIMIT_S)
        print("PASS", json.dumps(client.measured), flush=True)
    except Exception as error:  # whatever it is, the test is to hear of it
        print(f"FAIL {type(error).__name__}: {error}", flush=True)


if __name__ == "__main__":
    asyncio.run({"serve": serve, "drive": drive}[sys.argv[1]](*sys.argv[2:]))
