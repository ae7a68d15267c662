// SPDX-License-Identifier: Apache-2.0
//
// The parts of the bootstrap that need no SSH: the lines, the script as a real shell runs it, the
// explanations, and the target's waiting. The whole of it over a real sshd is tested on virtual
// hosts.
#include "transport/bootstrap.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "base/error.h"
#include "base/subprocess.h"
#include "transport/bundle.h"
#include "transport/channel_pipe.h"
#include "transport/ready_line.h"
#include "transport/ssh_errors.h"
#include "transport/ssh_script.h"
#include "transport/test_link.h"

namespace ferry::transport {
namespace {

using base::milliseconds;
using base::mono_now;
using base::Path;


struct TemporaryDirectory {
  Path path;
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "ferry-test.XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
};

// ---- lines ----

Said read_line(std::string_view text, std::string& line) {
  base::FdPair pipe = base::make_pipe();
  base::write_full(pipe.second.get(), text);
  pipe.second.reset();
  return ReadyReader(pipe.first.get()).next(line, soon(), kNoWake);
}

TEST(ReadyLine, RoundTripWithNoiseAround) {
  const ReadyLine ready{kProtocol, {"fe80::1%eth0", 40123}, random_key()};
  const std::string noise =
      "Welcome to west!\r\nFERRY-READYish line\n\xff\x00\x1b[31m bell\a\nno line feed at its end";
  std::string line;
  ASSERT_EQ(read_line(noise + format_ready_line(ready), line), Said::kReady);
  const ReadyLine parsed = parse_ready_line(line, "west");
  EXPECT_EQ(parsed.protocol, kProtocol);
  EXPECT_EQ(parsed.endpoint.address, "fe80::1%eth0");
  EXPECT_EQ(parsed.endpoint.port, 40123);
  EXPECT_EQ(parsed.key, ready.key);
}

TEST(ReadyLine, UnknownAddress) {
  const std::string line = format_ready_line({1, {"", 4}, random_key()});
  EXPECT_EQ(parse_ready_line(line.substr(1, line.size() - 2), "west").endpoint.address, "");
}

TEST(ReadyLine, TooMuchNoiseAndNoLine) {
  std::string line;
  EXPECT_EQ(read_line(std::string(1000, '\n') + "FERRY-COPY /root/.cache", line), Said::kClosed);
  EXPECT_EQ(read_line("", line), Said::kClosed);
  base::FdPair pipe = base::make_pipe();
  auto reading = std::async(std::launch::async, [&] {
    std::string found;
    return ReadyReader(pipe.first.get()).next(found, soon(), kNoWake);
  });
  base::write_full(pipe.second.get(), std::string(kMaxNoiseBytes + 8192, 'x'));
  EXPECT_EQ(reading.get(), Said::kNothing);
}

TEST(ReadyLine, WaitsNoLongerThanTold) {
  base::FdPair pipe = base::make_pipe(), wake = base::make_pipe();
  ReadyReader reader(pipe.first.get());
  std::string line;
  EXPECT_EQ(reader.next(line, mono_now() + milliseconds(20), wake.first.get()), Said::kTimeout);
  base::write_full(wake.second.get(), "x");
  EXPECT_EQ(reader.next(line, soon(), wake.first.get()), Said::kWoken);
}

TEST(ReadyLine, WhatDoesNotAgreeIsAnErrorThatNamesTheHost) {
  const std::string key = to_hex(random_key());
  for (const std::string& line :
       {std::string("FERRY-READY"), std::string("FERRY-READY x"),
        "FERRY-READY 1 70000 " + key + " -", "FERRY-READY 1 99 " + key.substr(1) + " -",
        "FERRY-READY 1 99 " + key, "FERRY-READY 1 99 " + key + " - more"}) {
    try {
      (void)parse_ready_line(line, "west");
      ADD_FAILURE() << line;
    } catch (const base::Error& error) {
      EXPECT_NE(std::string(error.what()).find("west answered with a line"), std::string::npos);
      EXPECT_EQ(std::string(error.what()).find(key.substr(1)), std::string::npos)
          << "the key is a secret";
    }
  }
}

TEST(Destination, Parse) {
  EXPECT_EQ(parse_destination("root@west").user, "root");
  EXPECT_EQ(parse_destination("root@west").host, "west");
  EXPECT_EQ(parse_destination("west").user, "");
  EXPECT_EQ(parse_destination("a@b@west").user, "a@b");
  for (const char* bad :
       {"", "@west", "root@", "-oProxyCommand=x", "root@-x", "we st", "-x@west", "west\n"}) {
    EXPECT_THROW(parse_destination(bad), base::Error) << bad;
  }
}

TEST(PortRange, Parse) {
  EXPECT_EQ(parse_port_range("9000-9010").last, 9010);
  EXPECT_EQ(parse_port_range("9000").last, 9000);
  for (const char* bad : {"", "0", "9-8", "70000", "1-", "-1", "a-b"}) {
    EXPECT_THROW(parse_port_range(bad), base::Error) << bad;
  }
}

TEST(Listener, RangeThatIsTaken) {
  Listener first("127.0.0.1", std::nullopt);
  try {
    Listener second("127.0.0.1", PortRange{first.port(), first.port()});
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find("is free on 127.0.0.1"), std::string::npos)
        << error.what();
  }
}

// ---- the script, run by the real shell ----

void make_program(const Path& path, std::string_view text) {
  std::ofstream(path) << text;
  std::filesystem::permissions(path, std::filesystem::perms(0755));
}

// A bundle whose `ferry` is a shell script that speaks `protocol`.
void make_bundle(const Path& directory, int protocol) {
  std::filesystem::create_directories(directory / "criu");
  make_program(directory / "criu" / "criu", "not run here");
  make_program(directory / "ferry",
               fmt::format("#!/bin/sh\n[ \"$2\" = --show-protocol ] && echo {} && exit\n"
                           "echo \"started $*\"; cat\n",
                           protocol));
}

struct Ran {
  base::Finished finished;
  bool has(std::string_view text) const { return finished.out.find(text) != std::string::npos; }
};

Ran run_script(const Path& home, const Bundle& bundle, int protocol,
               std::string_view arguments = "") {
  const std::string archive = pack_bundle(bundle);
  base::SpawnOptions options;
  options.environment = {"HOME=" + home.string(), "XDG_CACHE_HOME=", "PATH=/usr/bin:/bin"};
  return {base::run({"sh", "-c", ssh_script(protocol, bundle.id, arguments)},
                    fmt::format("{}\n{}rest", archive.size(), archive), options)};
}

// No protocol that an installed ferry might speak.
constexpr int kTestProtocol = 987654;

TEST(SshScript, CopiesOnceThenUsesTheCopy) {
  TemporaryDirectory temporary;
  const Path home = temporary.path / "a home";  // with a space
  std::filesystem::create_directory(home);
  make_bundle(temporary.path / "bundle", kTestProtocol);
  const Bundle bundle = find_bundle(temporary.path / "bundle");
  EXPECT_EQ(bundle.members, (std::vector<std::string>{"ferry", "criu"}));

  const Ran first =
      run_script(home, bundle, kTestProtocol, "--port 9000-9010 --faults \"*=fail%5:seed=42\"");
  EXPECT_TRUE(first.has("\nFERRY-COPY " + home.string() + "/.cache/ferry/" + bundle.id + "\n"));
  EXPECT_TRUE(first.has("started receive --port 9000-9010 --faults *=fail%5:seed=42\nrest"))
      << first.finished.out << first.finished.err;
  const Path cache = home / ".cache/ferry";
  EXPECT_TRUE(std::filesystem::exists(cache / bundle.id / "criu/criu"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(cache), {}), 1)
      << "nothing else is left";

  const Ran second = run_script(home, bundle, kTestProtocol);
  EXPECT_FALSE(second.has("FERRY-COPY"));
  EXPECT_TRUE(second.has("started receive"));
}

TEST(SshScript, ABrokenCopyIsReplaced) {
  TemporaryDirectory home;
  make_bundle(home.path / "bundle", kTestProtocol);
  const Bundle bundle = find_bundle(home.path / "bundle");
  ASSERT_TRUE(run_script(home.path, bundle, kTestProtocol).has("started"));
  make_bundle(home.path / ".cache/ferry" / bundle.id, 1);
  const Ran healed = run_script(home.path, bundle, kTestProtocol);
  EXPECT_TRUE(healed.has("FERRY-COPY"));
  EXPECT_TRUE(healed.has("started")) << healed.finished.out << healed.finished.err;
}

TEST(SshScript, ACopyOfTheWrongProtocolFailsAndGoes) {
  TemporaryDirectory home;
  make_bundle(home.path / "bundle", 1);
  const Bundle bundle = find_bundle(home.path / "bundle");
  const Ran ran = run_script(home.path, bundle, kTestProtocol);
  EXPECT_TRUE(ran.has("\nFERRY-FAILED protocol\n")) << ran.finished.out;
  EXPECT_TRUE(std::filesystem::is_empty(home.path / ".cache/ferry"));
}

TEST(SshScript, ATruncatedCopyFailsAndLeavesNothing) {
  TemporaryDirectory home;
  make_bundle(home.path / "bundle", kTestProtocol);
  const Bundle bundle = find_bundle(home.path / "bundle");
  const std::string archive = pack_bundle(bundle);
  base::SpawnOptions options;
  options.environment = {"HOME=" + home.path.string(), "XDG_CACHE_HOME="};
  const Ran ran{base::run({"sh", "-c", ssh_script(kTestProtocol, bundle.id, "")},
                          fmt::format("{}\n{}", archive.size(), archive.substr(0, 700)), options)};
  EXPECT_TRUE(ran.has("\nFERRY-FAILED unpack\n")) << ran.finished.out;
  EXPECT_TRUE(std::filesystem::is_empty(home.path / ".cache/ferry"));
}

TEST(SshScript, CopiesAtTheSameTimeDoNotHurt) {
  TemporaryDirectory home;
  make_bundle(home.path / "bundle", kTestProtocol);
  const Bundle bundle = find_bundle(home.path / "bundle");
  std::vector<std::future<Ran>> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(std::async(std::launch::async,
                             [&] { return run_script(home.path, bundle, kTestProtocol); }));
  }
  for (auto& one : all) {
    const Ran ran = one.get();
    EXPECT_TRUE(ran.has("started receive")) << ran.finished.out << ran.finished.err;
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(home.path / ".cache/ferry"), {}), 1);
}

TEST(Bundle, IdIsOfTheContent) {
  TemporaryDirectory home;
  make_bundle(home.path / "one", 1);
  make_bundle(home.path / "two", 1);
  make_bundle(home.path / "three", 2);
  EXPECT_EQ(find_bundle(home.path / "one").id, find_bundle(home.path / "two").id);
  EXPECT_NE(find_bundle(home.path / "one").id, find_bundle(home.path / "three").id);
  EXPECT_THROW(find_bundle(home.path / "four"), base::Error);
}

// ---- explanations ----

TEST(SshErrors, EachCauseHasItsOwnText) {
  const Destination west{"root", "west"};
  const std::pair<const char*, const char*> cases[] = {
      {"ssh: Could not resolve hostname west: Name or service not known", "no host of that name"},
      {"ssh: connect to host west port 22: Connection refused", "no SSH server listens"},
      {"ssh: connect to host west port 22: No route to host", "no way to it"},
      {"ssh: connect to host west port 22: Connection timed out", "does not answer"},
      {"root@west: Permission denied (publickey,password).", "does not let us in"},
      {"@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
       "not the one that ssh knows"},
      {"Host key verification failed.", "does not know its host key yet"},
      {"something new", "ssh failed"},
  };
  for (const auto& [said, expected] : cases) {
    const base::Error error = explain_ssh_exit(west, 255, said);
    EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("root@west"), std::string::npos);
    EXPECT_FALSE(error.explanation().remedy.empty());
  }
  EXPECT_NE(
      std::string(explain_ssh_exit(west, 127, "sh: not found").what()).find("did not run ferry"),
      std::string::npos);
  EXPECT_NE(std::string(explain_ssh_exit(west, 1, "ferry: cannot listen").what())
                .find("before it was ready"),
            std::string::npos);
  const auto no_space =
      explain_script_failure(west, "FERRY-FAILED unpack", "tar: No space left on device");
  EXPECT_NE(std::string(no_space.what()).find("no space"), std::string::npos);
}

TEST(SshErrors, QuotesAreShortAndHarmless) {
  EXPECT_EQ(quote_errors("banner\n\none\r\ntwo\n\x1b[31mthree\n"), "one / two / [31mthree");
  EXPECT_EQ(quote_errors(""), "");
  EXPECT_LT(quote_errors(std::string(100'000, 'x')).size(), 500u);
}

// ---- the target's waiting ----

// accept_source() in a thread, with pipes in the place of SSH's streams.
struct Target {
  base::FdPair in = base::make_pipe(), out = base::make_pipe();
  std::future<Accepted> accepted;
  ReadyLine ready;

  Target() {
    ::setenv("SSH_CONNECTION", "127.0.0.1 50000 127.0.0.1 22", 1);
    accepted = std::async(std::launch::async, [this] {
      return accept_source({.stdin_fd = in.first.get(), .stdout_fd = out.second.get()});
    });
    std::string line;
    EXPECT_EQ(ReadyReader(out.first.get()).next(line, soon(), kNoWake), Said::kReady);
    ready = parse_ready_line(line, "here");
  }
  base::Fd dial() { return tcp_connect(ready.endpoint, soon()); }
};

TEST(AcceptSource, TheRightKeyWinsAfterStrangers) {
  Target target;
  EXPECT_EQ(target.ready.endpoint.address, "127.0.0.1");
  base::Fd silent = target.dial();
  EXPECT_THROW(tls_handshake(target.dial(), random_key(), Role::kConnects, soon()), base::Error);
  for (int i = 0; i < 20; ++i) target.dial();
  Link link(tls_handshake(target.dial(), target.ready.key, Role::kConnects, soon()));
  Accepted accepted = target.accepted.get();
  EXPECT_EQ(accepted.way, Way::kDirect);
  ASSERT_EQ(link.send(FrameType::kMessage, "hello"), Io::kDone);
  Frame frame;
  ASSERT_EQ(accepted.link.recv(frame, soon()), Io::kDone);
  EXPECT_EQ(frame.text(), "hello");
  EXPECT_GE(accepted.listener.fd(), 0);
}

TEST(AcceptSource, TheFirstFrameOnStdinIsTheTunnel) {
  Target target;
  Link link(make_pipe_channel(std::move(target.out.first), target.in.second.dup()));
  ASSERT_EQ(link.send(FrameType::kMessage, "through the pipe"), Io::kDone);
  Accepted accepted = target.accepted.get();
  EXPECT_EQ(accepted.way, Way::kTunnel);
  Frame frame;
  ASSERT_EQ(accepted.link.recv(frame, soon()), Io::kDone);
  EXPECT_EQ(frame.text(), "through the pipe");
  ASSERT_EQ(accepted.link.send(FrameType::kMessage, "and back"), Io::kDone);
  ASSERT_EQ(link.recv(frame, soon()), Io::kDone);
  EXPECT_EQ(frame.text(), "and back");
}

TEST(AcceptSource, AClosedStdinIsTheEnd) {
  Target target;
  target.in.second.reset();
  EXPECT_THROW(target.accepted.get(), base::Error);
}

}  // namespace
}  // namespace ferry::transport
