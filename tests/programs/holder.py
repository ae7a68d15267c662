#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds things open and counts meanwhile, so that one sees that it goes on: READY, then 1, 2, 3, … each 20 ms.

    holder.py THING[=WHERE]…

What this kernel does not have or allow is said instead: SKIP and why.
"""
import ctypes
import fcntl
import os
import socket
import sys
import time

LIBC = ctypes.CDLL(None, use_errno=True)
SYS_USERFAULTFD, SYS_IO_URING_SETUP, USER_MODE_ONLY = 323, 425, 1
IPPROTO_MPTCP = 262


def called(result):
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def attached_shared_memory(_):
    LIBC.shmat.restype = ctypes.c_void_p
    number = called(LIBC.shmget(0, 4096, 0o600))
    address = LIBC.shmat(number, None, 0)
    LIBC.shmctl(number, 0, None)  # gone with its last user
    return address


def connected(family, address):
    connection = socket.socket(family)
    connection.connect(address)
    return connection


def listening(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", int(port)))
    listener.listen()
    return listener


def locked(path):
    file = open(path)
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


THINGS = {
    "io_uring": lambda _: called(LIBC.syscall(SYS_IO_URING_SETUP, 4, ctypes.create_string_buffer(120))),
    "userfaultfd": lambda _: called(LIBC.syscall(SYS_USERFAULTFD, os.O_CLOEXEC | USER_MODE_ONLY)),
    "mptcp": lambda _: socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP),
    "packet": lambda _: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0),
    "shared_memory": attached_shared_memory,
    "device": lambda path: os.open(path, os.O_RDWR),
    "file": lambda path: open(path),
    "log": lambda path: open(path, "a"),
    "fifo": lambda path: os.open(path, os.O_RDWR),
    "lock": locked,
    "library": ctypes.CDLL,
    "unix": lambda path: connected(socket.AF_UNIX, path),
    "connection": lambda port: connected(socket.AF_INET, ("127.0.0.1", int(port))),
    "listener": listening,
}

held = []
for word in sys.argv[1:]:
    thing, _, where = word.partition("=")
    try:
        held.append(THINGS[thing](where))
    except OSError as error:
        print("SKIP this kernel or machine gives no %s: %s" % (word, error), flush=True)
        sys.exit(0)
print("READY", flush=True)
count = 0
while True:
    time.sleep(0.02)
    count += 1
    print(count, flush=True)
