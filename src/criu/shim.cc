// SPDX-License-Identifier: Apache-2.0
#include "criu/shim.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/fd_message.h"
#include "criu/engine_call.h"
#include "criu/installation.h"
#include "criu/session.h"
#include "kernel/procfs.h"

namespace ferry::criu {

namespace fs = std::filesystem;

namespace {

std::optional<int> swrk_socket(const base::Argv& arguments) {
  if (arguments.size() != 2 || arguments[0] != "swrk") return std::nullopt;
  int fd = -1;
  const auto& text = arguments[1];
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fd);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return fd;
}

// Looked at, not taken: whoever reads next gets it whole.
std::optional<criu_req> peek_request(int socket) {
  std::string bytes(base::kLongestMessage, '\0');
  const ssize_t got = ::recv(socket, bytes.data(), bytes.size(), MSG_PEEK);
  criu_req request;
  if (got <= 0 || !request.ParseFromArray(bytes.data(), static_cast<int>(got))) return std::nullopt;
  return request;
}

// The ids of containers are words of the engine's command line.
std::vector<std::string> names_of(const criu_req& request, pid_t engine) {
  if (request.type() == DUMP) return {dump_call(request.opts().pid())};
  std::vector<std::string> names;
  if (request.type() != RESTORE) return names;
  for (const auto& word : kernel::arguments_of(engine)) {
    if (!word.empty() && word.find('/') == std::string::npos) names.push_back(restore_call(word));
  }
  return names;
}

base::Fd try_connect(const base::Path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path) return {};
  std::copy_n(path.c_str(), path.native().size(), address.sun_path);
  base::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) return {};
  return socket;
}

// The ferry that waits for this call; none: the call is nobody's but the engine's.
base::Fd find_ferry(int engine_socket) {
  std::error_code none;
  if (fs::is_empty(kCallsDirectory, none) || none) return {};
  const auto request = peek_request(engine_socket);
  if (!request) return {};
  for (const auto& name : names_of(*request, base::peer_of(engine_socket))) {
    if (auto found = try_connect(base::Path(kCallsDirectory) / name)) return found;
  }
  return {};
}

[[noreturn]] void become(const base::Argv& command) {
  std::vector<char*> argv;
  for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  throw base::SysError("execve", errno, command[0]);
}

void become_for(const base::Fd& ferry, int engine_socket, const base::Argv& arguments) {
  const nlohmann::json hello = {{"engine", base::peer_of(engine_socket)}};
  base::send_message(ferry.get(), hello.dump(), {engine_socket});
  const auto answer = base::receive_message(ferry.get());
  const auto said = nlohmann::json::parse(answer.bytes, nullptr, false);
  if (!said.is_object() || answer.fds.empty()) {
    const auto why = said.is_object() ? said.value("refused", "") : std::string("the ferry that moves it has gone");
    throw base::Error({"CRIU was not started", why, "", {}, {}});
  }
  for (const auto& one : said.at("environment")) {
    const auto text = one.get<std::string>();
    const auto equals = text.find('=');
    ::setenv(text.substr(0, equals).c_str(), text.substr(equals + 1).c_str(), 1);
  }
  if (::dup2(answer.fds[0].get(), engine_socket) < 0) throw base::SysError("dup2", errno, "the socket of CRIU");
  if (answer.fds.size() > 1 && ::dup2(answer.fds[1].get(), kNetworkFd) < 0) throw base::SysError("dup2", errno, "a network namespace");
  auto argv = said.at("argv").get<base::Argv>();
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  become(argv);
}

}  // namespace

bool is_called_as_criu(const char* program) { return base::Path(program).filename() == "criu"; }

int run_shim(int argc, char** argv) {
  const base::Argv arguments(argv + 1, argv + argc);
  try {
    if (const auto socket = swrk_socket(arguments)) {
      if (const auto ferry = find_ferry(*socket)) become_for(ferry, *socket, arguments);
    }
    become(Installation::command_without_ferry(arguments));
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "criu (of ferry): %s\n", failure.what());
  }
  return 1;
}

bool is_shim(const base::Path& program) {
  std::error_code none;
  if (!fs::is_symlink(program, none)) return false;
  return fs::read_symlink(program, none).filename() == "ferry" || fs::equivalent(program, "/proc/self/exe", none);
}

bool link_to_ferry(const base::Path& place) {
  const base::Path program = fs::read_symlink("/proc/self/exe");
  std::error_code none;
  if (fs::read_symlink(place, none) == program) return false;
  fs::create_directories(place.parent_path());
  const base::Path next = fmt::format("{}.{}", place.string(), ::getpid());
  fs::create_symlink(program, next);
  fs::rename(next, place);
  return true;
}

namespace {

void require_free_or_ours() {
  std::error_code none;
  if (!fs::exists(fs::symlink_status(kShimPlace, none)) || is_shim(kShimPlace)) return;
  base::refuse(fmt::format("did not touch {}", kShimPlace), "there is a CRIU already that is not ferry's",
               "move it to /usr/sbin/criu: ferry passes every call on to it that is not part of a move");
}

}  // namespace

bool place_shim() {
  require_free_or_ours();
  return link_to_ferry(kShimPlace);
}

bool remove_shim() {
  require_free_or_ours();
  return fs::remove(kShimPlace);
}

}  // namespace ferry::criu
