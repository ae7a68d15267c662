# SPDX-License-Identifier: Apache-2.0
#
# GET /order: the next order's number, which redis and postgres must agree on. It has one connection to each.
import http.server, socket, struct, threading


class Redis:
    def __init__(self):
        self.stream = socket.create_connection(("redis", 6379)).makefile("rwb")

    def next(self):
        self.stream.write(b"INCR orders\r\n")
        self.stream.flush()
        return int(self.stream.readline()[1:])


class Postgres:
    def __init__(self):
        self.stream = socket.create_connection(("postgres", 5432)).makefile("rwb")
        who = b"user\0postgres\0database\0postgres\0\0"
        self.ask(struct.pack("!ii", len(who) + 8, 196608) + who)
        self.query("CREATE TABLE IF NOT EXISTS orders (number serial)")

    # The first column of the last row.
    def query(self, text):
        body = text.encode() + b"\0"
        return self.ask(b"Q" + struct.pack("!i", len(body) + 4) + body)

    def ask(self, message):
        self.stream.write(message)
        self.stream.flush()
        value = None
        while True:
            kind, length = struct.unpack("!ci", self.stream.read(5))
            body = self.stream.read(length - 4)
            if kind == b"E":
                raise RuntimeError(body)
            if kind == b"D":
                value = body[6:6 + struct.unpack("!i", body[2:6])[0]]
            if kind == b"Z":
                return value

    def next(self):
        return int(self.query("INSERT INTO orders DEFAULT VALUES RETURNING number"))


class Shop:
    def __init__(self):
        self.lock, self.stores = threading.Lock(), None

    def order(self):
        with self.lock:
            if self.stores is None:
                self.stores = Redis(), Postgres()
            first, second = (store.next() for store in self.stores)
            if first != second:
                raise RuntimeError("redis counts %d orders, postgres %d" % (first, second))
            return first


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        try:
            status, body = 200, b"%d" % shop.order()
        except (OSError, RuntimeError) as problem:
            status, body = 503, str(problem).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


shop = Shop()
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
