// SPDX-License-Identifier: Apache-2.0
#include "handover/relay_ear.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/error.h"
#include "base/fd_message.h"
#include "base/log.h"
#include "handover/relay_registry.h"
#include "handover/relay_talk.h"

namespace ferry::handover {

namespace {

sockaddr_un ear_of(pid_t pid) {
  sockaddr_un place{AF_UNIX, {}};
  relay_ear(pid).string().copy(place.sun_path, sizeof place.sun_path - 1);
  return place;
}

base::Fd ear_socket() {
  base::Fd made(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!made) throw base::SysError("socket", errno, "a relay");
  return made;
}

}  // namespace

RelayEar::RelayEar(std::function<void(const std::string&)> hear, std::function<void()> left)
    : hear_(std::move(hear)),
      left_(std::move(left)),
      listener_(ear_socket()),
      end_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!end_) throw base::SysError("eventfd", errno, "");
  std::filesystem::create_directories(relay_ear(::getpid()).parent_path());
  std::filesystem::remove(relay_ear(::getpid()));  // of an earlier process of that number
  const auto place = ear_of(::getpid());
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&place), sizeof place) < 0 ||
      ::chmod(place.sun_path, 0600) < 0 || ::listen(listener_.get(), 4) < 0)
    throw base::SysError("bind", errno, place.sun_path);
  thread_ = std::thread([this] { listen(); });
}

RelayEar::~RelayEar() {
  const uint64_t one = 1;
  if (::write(end_.get(), &one, sizeof one) < 0) base::log("an eventfd is full");
  thread_.join();
  std::error_code gone;
  std::filesystem::remove(relay_ear(::getpid()), gone);
}

bool RelayEar::wait_for(int socket) const {
  pollfd places[2] = {{socket, POLLIN, 0}, {end_.get(), POLLIN, 0}};
  while (::poll(places, 2, -1) < 0) {
    if (errno != EINTR) return false;
  }
  return places[1].revents == 0;
}

void RelayEar::listen() {
  while (wait_for(listener_.get())) {
    const base::Fd caller(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!caller) continue;
    try {
      serve(caller.get());
    } catch (const std::exception& gone) {
      base::log("who has called: {}", gone.what());
    }
    left_();
  }
}

void RelayEar::serve(int caller) {
  while (wait_for(caller)) {
    const auto word = base::receive_message(caller).bytes;
    if (word.empty()) return;
    std::string answer(kDone);
    try {
      hear_(word);
    } catch (const std::exception& failure) {
      base::log("{}: {}", word, failure.what());
      answer = failure.what();
    }
    base::send_message(caller, answer);
  }
}

base::Fd call_relay(pid_t pid) {
  auto socket = ear_socket();
  const auto place = ear_of(pid);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&place), sizeof place) < 0)
    throw base::SysError("connect", errno, place.sun_path);
  return socket;
}

}  // namespace ferry::handover
