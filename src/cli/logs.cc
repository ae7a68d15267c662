// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"
#include "runtime/workload.h"

namespace ferry::cli {
namespace {

constexpr int kFollowIntervalMs = 100;

void copy_rest(int from, int to) {
  char chunk[65536];
  ssize_t got;
  while ((got = ::read(from, chunk, sizeof chunk)) > 0) {
    base::write_full(to, std::string_view(chunk, static_cast<size_t>(got)));
  }
}

void show(const std::string& name, bool follow) {
  capsule::check_name(name);
  runtime::require_here(name);
  const auto log = base::open_file(capsule::log_of(name), O_RDONLY);
  copy_rest(log.get(), STDOUT_FILENO);
  if (!follow) return;
  const Interrupt interrupt;
  while (!base::wait_readable(interrupt.fd(), kFollowIntervalMs)) {
    copy_rest(log.get(), STDOUT_FILENO);
    const bool moves = capsule::Lock::find_holder(name).has_value();  // asked first: a move says where it went before it lets go
    const auto record = runtime::require_here(name);                  // says where it went when it has moved away meanwhile
    if (!capsule::is_running(record) && !moves) break;
  }
  copy_rest(log.get(), STDOUT_FILENO);
}

}  // namespace

void add_logs(CLI::App& app, int& exit_code) {
  struct Arguments {
    std::string name;
    bool follow = false;
  };
  auto arguments = std::make_shared<Arguments>();
  auto* verb = app.add_subcommand("logs", "show what a workload has written");
  verb->add_option("name", arguments->name, "as `ferry ps` shows it")->required();
  verb->add_flag("-f,--follow", arguments->follow, "go on as it writes");
  verb->callback([arguments, &exit_code] {
    show(arguments->name, arguments->follow);
    exit_code = 0;
  });
}

}  // namespace ferry::cli
