// SPDX-License-Identifier: Apache-2.0
//
// What tests of containers share: one lab for all of an engine's (engines and their images take time), and looper.py, whose output
// proves that it went on.
#pragma once

#include <functional>
#include <optional>

#include "bench/engine_hosts.h"
#include "support/move_test.h"

namespace ferry::testing {

// Counts as looper.py does, and in between writes all over 48 MiB, in which it then finds what it has written.
inline constexpr const char* kBusyMemory = R"py(
import os, random
pages, size = 12288, 4096
memory, known, identity = bytearray(pages * size), {}, os.urandom(4).hex()
count = 0
while True:
    for _ in range(400):
        page = random.randrange(pages)
        at = page * size
        if memory[at:at + 8] != known.get(page, bytes(8)): print("page", page, "is not as it was", flush=True)
        known[page] = os.urandom(8)
        memory[at:at + 8] = known[page]
    print("%04d -> %s" % (count, identity), flush=True)
    count += 1
)py";

// Counts as looper.py does, by what it answers itself over the loopback of its own network: on a connection that it keeps, and on a
// new one each time.
inline constexpr const char* kTalksToItself = R"py(
import os, socket, threading, time
identity, server = os.urandom(4).hex(), socket.create_server(("127.0.0.1", 4000))
def echo(peer):
    while data := peer.recv(64): peer.sendall(data)
def serve():
    while True: threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()
threading.Thread(target=serve, daemon=True).start()
def ask(connection, text):
    connection.sendall(text.encode())
    return connection.recv(64).decode()
kept = socket.create_connection(("127.0.0.1", 4000))
for count in range(1000000):
    with socket.create_connection(("127.0.0.1", 4000)) as fresh:
        if ask(fresh, "fresh") != "fresh": print("wrong", flush=True)
    print(ask(kept, "%04d -> %s" % (count, identity)), flush=True)
    time.sleep(0.02)
)py";

using bench::kOneVersionOfCgroups;
// The kernel's own v2 tree in the place of all of v1's. It has no controllers where v1 has them, but it freezes.
inline constexpr const char* kOnlyCgroupV2 = "cd / && umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup /sys/fs/cgroup";
// Empty: the hosts' v2 tree has the controllers that limit memory, CPU time and processes. On a machine that has given
// them to v1 it has not. In qemu it has (tools/run-in-qemu).
std::string why_no_controllers();
base::Path crun_layer();

class ContainerTest : public FerryTest {
 protected:
  const Lab& lab() const override { return *lab_; }

  // Lines "0007 -> ID", "0008 -> ID", … with the same id, none skipped, none twice: how many. -1: not so, or they do not begin with `first`.
  static int looper_lines(const std::string& text, std::optional<int> first = {});
  // `ferry check` and `ferry move` of it from east.
  void expect_refused(const std::string& what, const std::string& host, const std::string& words) const;

  // Of the web counter that `start` starts in east's own network, at every address: it goes there and back with one of the host's of IPv6, and
  // with those who are connected by it; a move that fails leaves both where they were.
  void a_service_address_goes_along(const std::string& what, const std::function<void()>& start) const;

  static inline std::unique_ptr<Lab> lab_;  // of the suite that runs
};

}  // namespace ferry::testing
