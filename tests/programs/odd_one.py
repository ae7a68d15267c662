#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A service that does on request what CRIU cannot take along.

    odd_one.py PORT           counts, and does odd things, for whoever connects to it; prints "READY" once
    odd_one.py slow PORT      a counter by HTTP that takes its time to accept; one request for each connection
    odd_one.py say PORT LINE  a client of it on this host; prints the answer
    odd_one.py outsider       a program that others have to do with: listens on unix sockets in /srv/odd
    odd_one.py trace PID      a debugger
    odd_one.py terminals      has the host's first ten free pseudoterminals

One line per request: "next" adds one to the counter and answers with it; "do THING [ARGUMENT]" answers "done", or
"cannot: WHY" on a machine that has no such thing; "undo" takes everything back.

Its files are in /srv/odd.
"""
import ctypes
import fcntl
import mmap
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

HOME = "/srv/odd"
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
LIBC.mmap.restype = ctypes.c_void_p
LIBC.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
PERF_EVENT_OPEN, SCHED_SETATTR, USERFAULTFD, IO_URING_SETUP, BPF, LANDLOCK_CREATE_RULESET = 298, 314, 323, 425, 321, 444
PAGE = 4096


def must(result):
    if result == -1 or result is None:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def syscall(*arguments):
    return must(LIBC.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]))


undo_list = []  # what takes back the things done so far


def later(undo):
    undo_list.append(undo)


def hold(fd):
    later(lambda: os.close(fd))
    return fd


def in_child(work):
    """Runs `work` in a child, which then stays until it is killed. Returns its pid when it is ready."""
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            os.close(ready)
            listener.close()
            for client in clients:
                client.close()
            work(lambda: (os.write(tell, b"+"), os.close(tell)))
        except OSError as error:
            os.write(tell, str(error).encode())
            os._exit(1)
        while True:
            signal.pause()
    os.close(tell)
    said = os.read(ready, 200)
    os.close(ready)
    later(lambda: (os.killpg(pid, signal.SIGKILL), os.waitpid(pid, 0)))
    if said != b"+":
        raise OSError(0, said.decode())
    return pid


# ---- descriptors

def io_uring():
    hold(syscall(IO_URING_SETUP, 8, ctypes.create_string_buffer(120)))


def io_uring_mapping():
    fd = syscall(IO_URING_SETUP, 8, ctypes.create_string_buffer(120))
    ring = must(LIBC.mmap(None, PAGE, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, fd, 0))
    os.close(fd)
    later(lambda: must(LIBC.munmap(ring, PAGE)))


def userfaultfd():
    hold(syscall(USERFAULTFD, os.O_CLOEXEC | 1))


def perf_event():
    attributes = ctypes.create_string_buffer(struct.pack("IIQQQQQ", 1, 64, 1, 0, 0, 0, 1 << 5 | 1), 64)  # a software clock
    hold(syscall(PERF_EVENT_OPEN, attributes, 0, -1, -1, 0))


def bpf_map():
    hold(syscall(BPF, 0, ctypes.create_string_buffer(struct.pack("IIII", 2, 4, 4, 1), 128), 128))


def landlock():
    hold(syscall(LANDLOCK_CREATE_RULESET, ctypes.create_string_buffer(struct.pack("Q", 1), 8), 8, 0))


def device(path):
    hold(os.open(path, os.O_RDWR))


def tun():
    fd = hold(os.open("/dev/net/tun", os.O_RDWR))
    fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", b"odd0", 2 | 0x1000))  # TUNSETIFF, a TAP


def sock(family, kind, protocol=0):
    it = socket.socket(family, kind, protocol)
    later(it.close)
    return it


def mptcp():
    sock(socket.AF_INET, socket.SOCK_STREAM, 262).bind(("", 0))


def vsock():
    sock(40, socket.SOCK_STREAM)


def xdp():
    sock(44, socket.SOCK_RAW)


def corked_udp():
    it = sock(socket.AF_INET, socket.SOCK_DGRAM)
    it.connect(("127.0.0.1", 9))
    it.setsockopt(socket.IPPROTO_UDP, 1, 1)
    it.send(b"held back")


def never_accepted():
    listening = sock(socket.AF_INET, socket.SOCK_STREAM)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    sock(socket.AF_INET, socket.SOCK_STREAM).connect(listening.getsockname())


def unix_client(path):
    sock(socket.AF_UNIX, socket.SOCK_STREAM).connect(path)


def unix_datagrams(path):
    sock(socket.AF_UNIX, socket.SOCK_DGRAM).connect(path)


def netlink_groups():
    it = sock(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    it.bind((0, 0))
    it.setsockopt(270, 1, 34)  # SOL_NETLINK, NETLINK_ADD_MEMBERSHIP


def netlink_unread():
    it = sock(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    it.bind((0, 0))
    it.send(struct.pack("IHHIIB3x", 20, 18, 0x301, 1, 0, 0))  # RTM_GETLINK, all of them
    select.select([it], [], [], 5)


def packet_mode_pipe():
    for fd in os.pipe2(os.O_DIRECT):
        hold(fd)


def outsiders_pidfd():
    hold(os.pidfd_open(1))  # the init of its pid namespace


def lonely_terminal():
    master, slave = os.openpty()
    os.close(master)
    hold(slave)


def message_queue():
    queue = must(LIBC.mq_open(b"/odd", os.O_RDWR | os.O_CREAT, 0o600, None))
    later(lambda: (os.close(queue), LIBC.mq_unlink(b"/odd")))


# ---- files

def make(name, data=b"something\n"):
    path = f"{HOME}/{name}"
    with open(path, "wb") as file:
        file.write(data)
    return path


def unlink_later(path):
    later(lambda: os.path.exists(path) and os.unlink(path))


def unseen_mount():
    must(LIBC.mount(b"odd", f"{HOME}/mount".encode(), b"tmpfs", 0, None))
    fd = os.open(f"{HOME}/mount/file", os.O_RDWR | os.O_CREAT)
    must(LIBC.umount2(f"{HOME}/mount".encode(), 2))  # MNT_DETACH
    hold(fd)


def covered_file():
    fd = os.open(f"{HOME}/mount/covered", os.O_RDWR | os.O_CREAT)
    must(LIBC.mount(b"odd", f"{HOME}/mount".encode(), b"tmpfs", 0, None))
    later(lambda: (must(LIBC.umount2(f"{HOME}/mount".encode(), 2)), os.close(fd), os.unlink(f"{HOME}/mount/covered")))


def big_deleted_file(size):
    path = make("big", b"")
    fd = hold(os.open(path, os.O_RDWR))
    os.posix_fallocate(fd, 0, int(size))
    os.unlink(path)


def renamed_file():
    path = make("renamed")
    hold(os.open(path, os.O_RDONLY))
    os.link(path, path + ".other")
    os.unlink(path)
    unlink_later(path + ".other")


def open_file(name):
    hold(os.open(f"{HOME}/{name}", os.O_RDONLY))


def open_fifo():
    hold(os.open(f"{HOME}/fifo", os.O_RDWR))


def watch(name):
    fd = hold(must(LIBC.inotify_init1(0)))
    must(LIBC.inotify_add_watch(fd, f"{HOME}/{name}".encode(), 2))


def map_file(name):
    with open(f"{HOME}/{name}", "rb") as file:
        mapping = mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
    later(mapping.close)


def terminal():
    for fd in os.openpty():
        hold(fd)



def work_in(name):
    os.chdir(f"{HOME}/{name}")
    later(lambda: os.chdir("/"))


def unix_listening(name):
    it = sock(socket.AF_UNIX, socket.SOCK_STREAM)
    it.bind(f"{HOME}/{name}")
    it.listen()
    unlink_later(f"{HOME}/{name}")


def run(path):
    child = subprocess.Popen([path, "1000"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    later(lambda: (child.kill(), child.wait()))


# ---- memory and tasks

def secret_memory():
    fd = syscall(447, 0)
    os.ftruncate(fd, PAGE)
    mapping = mmap.mmap(fd, PAGE, mmap.MAP_SHARED)
    mapping[0] = 1
    os.close(fd)
    later(mapping.close)



def dead_first_thread():
    def work(ready):
        started = threading.Thread(target=lambda: (ready(), time.sleep(1000)))
        started.start()
        LIBC.pthread_exit(None)
    pid = in_child(work)
    while open(f"/proc/{pid}/stat").read().rsplit(")")[1].split()[0] != "Z":
        time.sleep(0.001)


def stopped_child():
    pid = in_child(lambda ready: ready())
    os.kill(pid, signal.SIGSTOP)


def unshared(flag):
    def work(ready):
        must(LIBC.unshare(flag))
        ready()
    in_child(work)


def uts_namespace():
    unshared(0x04000000)


def mount_namespace():
    unshared(0x00020000)


def network_namespace():
    unshared(0x40000000)


def user_namespace():
    unshared(0x10000000)


def pid_namespace():
    def work(ready):
        must(LIBC.unshare(0x20000000))
        if os.fork() == 0:
            while True:
                signal.pause()
        ready()
    in_child(work)


def deadline_scheduling():
    attributes = struct.pack("IIQiIQQQ", 48, 6, 0, 0, 0, 1_000_000, 10_000_000, 10_000_000)

    def work(ready):
        syscall(SCHED_SETATTR, 0, ctypes.create_string_buffer(attributes, 48), 0)
        ready()
    in_child(work)


def child():
    return in_child(lambda ready: ready())


def listen_at(address, port):
    it = sock(socket.AF_INET, socket.SOCK_STREAM)
    it.bind((address, int(port)))
    it.listen()


# ---- the service

def undo():
    while undo_list:
        undo_list.pop()()


counter = 0


def answer(line):
    global counter
    words = line.split()
    if words == ["next"]:
        counter += 1
        return str(counter)
    try:
        if words == ["undo"]:
            undo()
            return "done"
        result = globals()[words[1]](*words[2:])
        return "done" if result is None else f"done {result}"
    except OSError as error:
        undo()
        return f"cannot: {error}"


clients = []


def serve(port):
    global listener
    listener = socket.create_server(("", port))
    print("READY", flush=True)
    waiting = {}
    while True:
        for ready in select.select([listener, *clients], [], [])[0]:
            if ready is listener:
                clients.append(listener.accept()[0])
                continue
            data = waiting.pop(ready, b"") + ready.recv(4096)
            if not data:
                clients.remove(ready)
                ready.close()
                continue
            *lines, rest = data.split(b"\n")
            if rest:
                waiting[ready] = rest
            for line in lines:
                ready.sendall(answer(line.decode()).encode() + b"\n")


def slow(port):
    listening = socket.create_server(("", int(port)), backlog=1000)
    print("READY", flush=True)
    number = 0
    while True:
        time.sleep(0.003)
        client = listening.accept()[0]
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            data = client.recv(4096)
            if not data:
                break
            request += data
        else:
            number += 1
            body = b"%d\n" % number
            client.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        client.close()


def say(port, line):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(line.encode() + b"\n")
        print(connection.makefile().readline(), end="")


def outsider():
    for kind, name in (socket.SOCK_STREAM, "outsider"), (socket.SOCK_DGRAM, "outsider.datagrams"):
        it = sock(socket.AF_UNIX, kind)
        it.bind(f"{HOME}/{name}")
        unlink_later(f"{HOME}/{name}")
        if kind == socket.SOCK_STREAM:
            it.listen()
    wait_for_end()


def trace(pid):
    must(LIBC.ptrace(0x4206, int(pid), None, None))  # PTRACE_SEIZE: it runs on
    wait_for_end()


def terminals():
    for _ in range(10):
        terminal()
    wait_for_end()


def wait_for_end():
    signal.signal(signal.SIGTERM, lambda *_: (undo(), sys.exit(0)))
    print("READY", flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    if sys.argv[1] == "say":
        say(int(sys.argv[2]), sys.argv[3])
    elif sys.argv[1] in ("slow", "outsider", "trace", "terminals"):
        globals()[sys.argv[1]](*sys.argv[2:])
    else:
        serve(int(sys.argv[1]))
