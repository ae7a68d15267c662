// SPDX-License-Identifier: Apache-2.0
#include "bench/running_load.h"

#include <fmt/format.h>

#include "base/error.h"

namespace ferry::bench {

namespace {

// Open requests get a second; the samples of an hour at 200/s are read in a few.
constexpr base::milliseconds kEnds{60'000};

base::Argv load_test_argv(const LoadTarget& target, const LoadSpec& spec) {
  base::Argv argv{"ferry",
                  "load-test",
                  target.url,
                  "--rate",
                  fmt::format("{}", spec.rate),
                  "--connections",
                  fmt::format("{}", spec.connections),
                  "--json",
                  "--samples",
                  "--until-eof-of-stdin"};
  if (target.counter) argv.push_back("--counter");
  return argv;
}

}  // namespace

std::string LoadSpec::words() const {
  return fmt::format("{:g} requests/s on {} connections that are kept open, due on a schedule",
                     rate, connections);
}

RunningLoad::RunningLoad(const Hosts& hosts, const LoadTarget& target, const LoadSpec& spec)
    : hosts_(hosts),
      target_(target),
      command_(hosts.start(hosts.roles().client, load_test_argv(target, spec))) {}

load::Result RunningLoad::finish() {
  const auto ended = command_.finish(kEnds);
  if (ended.status == 0) return load::Result::from_json(ended.out);
  throw base::Error({"the load generator failed", ended.err, "", hosts_.roles().client, {}});
}

}  // namespace ferry::bench
