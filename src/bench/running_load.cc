// SPDX-License-Identifier: Apache-2.0
#include "bench/running_load.h"

#include <fmt/format.h>

#include <sstream>

#include "base/error.h"
#include "bench/pgbench_log.h"

namespace ferry::bench {

namespace {

// Open requests get until their timeout; the samples of an hour at 200/s are read in a few.
constexpr base::milliseconds kLoadEnds{60'000};

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

// Until its input ends, and then its log. The alarm is pgbench's own way to end in good order.
constexpr const char* kPgbench = R"sh(
  directory=$(mktemp -d) && cd $directory || exit 1
  "$@" -j 1 -T 86400 -l --log-prefix=log >out 2>err &
  cat >/dev/null
  kill -ALRM $!
  for i in $(seq 100); do kill -0 $! 2>/dev/null || break; sleep 0.1; done
  kill -9 $! 2>/dev/null  # a server that is gone gives no answer for ever
  wait $!
  cat log.* 2>/dev/null || { cat err >&2; exit 1; }
  echo "aborted $(grep -c aborted err)"
  rm -r $directory
)sh";

base::Argv pgbench_argv(const LoadTarget& target, const LoadSpec& spec) {
  base::Argv argv{"bash", "-c", kPgbench, "bash"};
  std::istringstream words(target.url);
  for (std::string word; words >> word;) argv.push_back(word);
  argv.insert(argv.end(),
              {"-R", fmt::format("{}", spec.rate), "-c", std::to_string(spec.connections)});
  return argv;
}

base::Argv argv_of(const LoadTarget& target, const LoadSpec& spec) {
  return target.tool == LoadTarget::Tool::kPgbench ? pgbench_argv(target, spec)
                                                   : load_test_argv(target, spec);
}

}  // namespace

std::string LoadSpec::words() const {
  std::string text = fmt::format(
      "{:g} requests/s on {} connections that are kept open, due on a schedule", rate, connections);
  if (idle > 0) text += fmt::format(", and {} that are idle but once in {:g} s", idle, kIdlePeriodS);
  return text;
}

RunningLoad::RunningLoad(const Hosts& hosts, const LoadTarget& target, const LoadSpec& spec)
    : hosts_(hosts),
      target_(target),
      spec_(spec),
      command_(hosts.start(hosts.roles().client, argv_of(target, spec))) {}

load::Result RunningLoad::finish() {
  const auto ended = command_.finish(kLoadEnds);
  if (ended.status == 0 && target_.tool == LoadTarget::Tool::kLoadTest) {
    return load::Result::from_json(ended.out);
  }
  if (ended.status == 0) {
    return parse_pgbench_log(ended.out, {target_.url, spec_.rate, spec_.connections});
  }
  throw base::Error({"the load generator failed", ended.err, "", hosts_.roles().client, {}});
}

}  // namespace ferry::bench
