// SPDX-License-Identifier: Apache-2.0
//
// Who gets a TLS connection and who does not.
#include "transport/channel_tls.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>

#include "base/error.h"
#include "transport/link.h"
#include "transport/socket.h"
#include "transport/test_link.h"

namespace ferry::transport {
namespace {

using base::milliseconds;
using base::mono_now;


std::string handshake_error(base::Fd socket, const Key& key, Role role, base::MonoTime deadline) {
  try {
    Link link(tls_handshake(std::move(socket), key, role, deadline));
    return "connected";
  } catch (const base::Error& error) {
    return error.what();
  }
}

TEST(Key, HexRoundTrip) {
  const Key key = random_key();
  Key again;
  ASSERT_TRUE(from_hex(to_hex(key), again));
  EXPECT_EQ(key, again);
  EXPECT_NE(key, random_key());
  EXPECT_FALSE(from_hex(to_hex(key) + "0", again));
  EXPECT_FALSE(from_hex(std::string(64, 'g'), again));
}

TEST(Tls, LoopbackConnection) {
  Listener listener("127.0.0.1", std::nullopt);
  const Key key = random_key();
  base::Fd client = tcp_connect({"127.0.0.1", listener.port()}, soon());
  ASSERT_TRUE(base::wait_readable(listener.fd(), 2000));
  auto server = listener.try_accept();
  ASSERT_TRUE(server);
  EXPECT_FALSE(listener.try_accept());
  auto accepted = std::async(std::launch::async, [&] {
    return tls_handshake(std::move(*server), key, Role::kAccepts, soon());
  });
  Link left(tls_handshake(std::move(client), key, Role::kConnects, soon()));
  Link right(accepted.get());
  ASSERT_EQ(left.send(FrameType::kMessage, "hello"), Io::kDone);
  Frame frame;
  ASSERT_EQ(right.recv(frame, soon()), Io::kDone);
  EXPECT_EQ(frame.text(), "hello");
  EXPECT_FALSE(right.pending());
}

TEST(Tls, BothSidesSayWhenTheKeyIsWrong) {
  base::FdPair sockets = base::make_socketpair(SOCK_STREAM);
  auto server = std::async(std::launch::async, [&] {
    return handshake_error(std::move(sockets.first), random_key(), Role::kAccepts, soon());
  });
  const std::string client =
      handshake_error(std::move(sockets.second), random_key(), Role::kConnects, soon());
  EXPECT_NE(client.find("does not have this move's key"), std::string::npos) << client;
  const std::string found = server.get();
  EXPECT_NE(found.find("does not have this move's key"), std::string::npos) << found;
}

TEST(Tls, PlainTextAndSilenceAreRefused) {
  base::FdPair sockets = base::make_socketpair(SOCK_STREAM);
  base::write_full(sockets.second.get(), "GET / HTTP/1.0\r\n\r\n");
  const std::string plain =
      handshake_error(std::move(sockets.first), random_key(), Role::kAccepts, soon());
  EXPECT_NE(plain.find("cannot secure the connection: TLS: "), std::string::npos) << plain;

  base::FdPair silent = base::make_socketpair(SOCK_STREAM);
  const std::string late = handshake_error(std::move(silent.first), random_key(), Role::kConnects,
                                           mono_now() + milliseconds(30));
  EXPECT_NE(late.find("not answered in time"), std::string::npos) << late;

  base::FdPair gone = base::make_socketpair(SOCK_STREAM);
  gone.second.reset();
  const std::string hung_up =
      handshake_error(std::move(gone.first), random_key(), Role::kAccepts, soon());
  EXPECT_NE(hung_up.find("hung up"), std::string::npos) << hung_up;
}

// Two TLS ends with a man in the middle who owns the bytes.
struct Wiretap {
  Link left;
  base::Fd middle_of_left, middle_of_right;
  Link right;

  static void pass(int from, int to) {
    char chunk[65536];
    ssize_t got;
    while (base::wait_readable(from, 50) && (got = ::read(from, chunk, sizeof chunk)) > 0) {
      base::write_full(to, std::string_view(chunk, static_cast<size_t>(got)));
    }
  }

  static Wiretap make() {
    base::FdPair a = base::make_socketpair(SOCK_STREAM), b = base::make_socketpair(SOCK_STREAM);
    const Key key = random_key();
    auto left = std::async(std::launch::async, [&] {
      return tls_handshake(std::move(a.first), key, Role::kConnects, soon());
    });
    auto right = std::async(std::launch::async, [&] {
      return tls_handshake(std::move(b.second), key, Role::kAccepts, soon());
    });
    for (int turn = 0; turn < 3; ++turn) {
      pass(a.second.get(), b.first.get());
      pass(b.first.get(), a.second.get());
    }
    return {Link(left.get()), std::move(a.second), std::move(b.first), Link(right.get())};
  }
};

TEST(Tls, AChangedRecordIsAnError) {
  Wiretap tap = Wiretap::make();
  ASSERT_EQ(tap.left.send(FrameType::kMessage, "to be changed"), Io::kDone);
  std::string record(4096, '\0');
  const ssize_t got = ::read(tap.middle_of_left.get(), record.data(), record.size());
  ASSERT_GT(got, 20);
  record.resize(static_cast<size_t>(got));
  record[10] ^= 1;
  base::write_full(tap.middle_of_right.get(), record);
  const std::string found = recv_error(tap.right);
  EXPECT_NE(found.find("the encrypted connection is damaged"), std::string::npos) << found;
}

TEST(Tls, AConnectionCutInAFrameIsAnErrorAndBetweenFramesAClose) {
  Wiretap tap = Wiretap::make();
  ASSERT_EQ(tap.left.send(FrameType::kData, std::string(20'000, 'x')), Io::kDone);
  std::string records(65536, '\0');
  const ssize_t got = ::read(tap.middle_of_left.get(), records.data(), records.size());
  ASSERT_GT(got, 16'500);
  base::write_full(tap.middle_of_right.get(), std::string_view(records).substr(0, 16'500));
  tap.middle_of_right.reset();
  const std::string found = recv_error(tap.right);
  EXPECT_NE(found.find("peer closed in the middle of a frame"), std::string::npos) << found;

  Wiretap other = Wiretap::make();
  other.middle_of_right.reset();
  EXPECT_EQ(recv_error(other.right), "closed");
}

}  // namespace
}  // namespace ferry::transport
