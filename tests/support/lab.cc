// SPDX-License-Identifier: Apache-2.0
#include "support/lab.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/clock.h"
#include "base/error.h"

namespace ferry::testing {

using base::Error;

std::string why_no_lab() {
  if (::geteuid() != 0) return "virtual hosts take root";
  if (!std::filesystem::exists(ferry_program())) return "there is no " + ferry_program().string();
  if (!std::filesystem::exists(lab_layer() / "usr/sbin/sshd")) {
    return fmt::format("there is no sshd in {} (tools/get-layer makes it)", lab_layer().string());
  }
  return {};
}

base::Path ferry_program() { return base::Path(FERRY_BINARY_DIR) / "ferry"; }
base::Path lab_layer() { return base::Path(FERRY_BINARY_DIR) / "layer"; }

Background start_program(const Argv& argv) {
  base::FdPair in = base::make_pipe(), out = base::make_pipe();
  base::SpawnOptions options;
  options.stdin_fd = in.first.get();
  options.stdout_fd = out.second.get();
  options.stderr_fd = STDERR_FILENO;
  Background background;
  background.child_ = base::spawn(argv, options);
  background.input_ = std::move(in.second);
  background.output_ = std::move(out.first);
  return background;
}

std::optional<std::string> Background::read_line(int limit_ms) {
  const auto deadline = base::mono_now() + std::chrono::milliseconds(limit_ms);
  for (;;) {
    if (const auto end = read_ahead_.find('\n'); end != std::string::npos) {
      std::string line = read_ahead_.substr(0, end);
      read_ahead_.erase(0, end + 1);
      return line;
    }
    if (!base::wait_readable(output_.get(), base::ms_until(deadline))) return std::nullopt;
    char chunk[4096];
    const ssize_t got = ::read(output_.get(), chunk, sizeof chunk);
    if (got <= 0) return std::nullopt;
    read_ahead_.append(chunk, static_cast<size_t>(got));
  }
}

bool Background::is_running() { return child_ && !child_.try_wait(); }

Lab::Lab(const LabOptions& options) : name_(options.name) {
  static int count = 0;
  if (name_.empty()) name_ = fmt::format("test-{}-{}", ::getpid(), ++count);
  Argv argv{ferry_program().string(), "lab", "run", "--name", name_, "--layer", lab_layer().string()};
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) argv.insert(argv.end(), {option, value});
  };
  add("--hosts", fmt::format("{}", fmt::join(options.hosts, ",")));
  add("--rate", options.rate);
  add("--delay", options.delay);
  add("--no-ferry", fmt::format("{}", fmt::join(options.without_ferry, ",")));
  for (const auto& layer : options.host_layers) argv.insert(argv.end(), {"--host-layer", layer});
  // Says that the lab is up; ends with its input, which is our end of a pipe.
  argv.insert(argv.end(), {"--", "sh", "-c", "echo up; exec cat >/dev/null"});
  command_ = start_program(argv);
  constexpr int kUpLimit_ms = 320'000;
  if (command_.read_line(kUpLimit_ms) != "up") {
    throw Error({"the lab does not come up", fmt::format("see above; {}", fmt::join(argv, " ")), "", {}, {}});
  }
}

Lab::~Lab() {
  try {
    end();
  } catch (const std::exception& failure) {
    fmt::print(stderr, "ending lab {}: {}\n", name_, failure.what());
  }
}

void Lab::end() {
  command_.close_input();
  if (command_.is_running()) command_.wait();
}

Argv Lab::exec_argv(const std::string& host, const Argv& argv) const {
  Argv whole{ferry_program().string(), "lab", "exec", "--name", name_, host, "--"};
  whole.insert(whole.end(), argv.begin(), argv.end());
  return whole;
}

Result Lab::exec(const std::string& host, const Argv& argv, std::string_view input) const {
  return base::run(exec_argv(host, argv), input);
}

Result Lab::shell(const std::string& host, const std::string& script, std::string_view input) const {
  return exec(host, {"bash", "-c", script}, input);
}

std::string Lab::check(const std::string& host, const std::string& script) const {
  Result result = shell(host, script);
  if (result.status != 0) {
    throw Error({fmt::format("`{}` says {}", script, result.status), result.err + result.out, "", host, {}});
  }
  if (!result.out.empty() && result.out.back() == '\n') result.out.pop_back();
  return result.out;
}

Background Lab::start(const std::string& host, const Argv& argv) const { return start_program(exec_argv(host, argv)); }

std::string Lab::state_json() const {
  return base::run({ferry_program().string(), "lab", "status", "--json", "--name", name_}).out;
}

}  // namespace ferry::testing
