// SPDX-License-Identifier: Apache-2.0
#include "process/socket_settings.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ferry::process {
namespace {

base::Fd make_socket() { return base::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

// Of this process itself.
TEST(SocketSettings, EachSocketThatHasAny) {
  const Tree tree{::getpid(), {::getpid()}};
  const base::Fd plain = make_socket(), patient = make_socket(), again = patient.dup();
  SocketSurvey survey(tree);
  const int ms = 4321;
  ASSERT_EQ(::setsockopt(patient.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms), 0);
  const base::Fd later = make_socket();
  ASSERT_EQ(::setsockopt(later.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms), 0);
  const auto found = survey.read(tree);
  ASSERT_EQ(found.size(), 2u);
  for (const auto& one : found) {
    EXPECT_EQ(one.pid, kernel::inner_pid(::getpid()));
    EXPECT_TRUE(one.fd == patient.get() || one.fd == again.get() || one.fd == later.get());
    EXPECT_EQ(one.options, std::vector<kernel::SocketOption>({{"TCP_USER_TIMEOUT", {ms}}}));
  }
  const kernel::TaskFds files(::getpid());
  EXPECT_TRUE(apply({1, plain.get(), found[0].options}, files));
  EXPECT_EQ(survey.read(tree).size(), 3u);
  EXPECT_FALSE(apply({1, -1, found[0].options}, files));
}

TEST(SocketSettings, WhatIsUsedWhereIsLookedForEverywhere) {
  const Tree tree{::getpid(), {::getpid()}};
  const base::Fd one = make_socket(), other = make_socket();
  const int tries = 3;
  ASSERT_EQ(::setsockopt(one.get(), IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof tries), 0);
  SocketSurvey survey(tree);
  ASSERT_EQ(::setsockopt(other.get(), IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof tries), 0);
  EXPECT_EQ(survey.read(tree).size(), 2u);
}

TEST(SocketSettings, OfATaskThatHasGone) {
  constexpr pid_t kNobody = 1 << 30;
  SocketSurvey survey({::getpid(), {}});
  EXPECT_TRUE(survey.read({kNobody, {kNobody}}).empty());
  EXPECT_FALSE(apply({1, 0, {}}, kernel::TaskFds(kNobody)));
}

}  // namespace
}  // namespace ferry::process
