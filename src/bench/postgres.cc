// SPDX-License-Identifier: Apache-2.0
//
// PostgreSQL under pgbench. Its data directory is on storage that both hosts see, as databases that
// move have it. pgbench's own invariant shows whether a transaction was lost: what accounts,
// tellers, branches and the history sum up to is the same, and the history has as many rows as
// transactions were answered.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "base/error.h"
#include "bench/servers.h"

namespace ferry::bench {

namespace {

constexpr int kPostgresPort = 5432;  // its own default
constexpr uint64_t kDefaultBuffers = 64 << 20;
constexpr uint64_t kBytesPerScale = 15 << 20;  // 100,000 accounts
constexpr int kLeastScale = 5;
constexpr base::milliseconds kSetUpLimit{300'000};

// Neither files that come and go under the server's feet nor sockets in a host's /run.
constexpr const char* kPostgresConfiguration = R"(
listen_addresses = '*'
unix_socket_directories = ''
dynamic_shared_memory_type = mmap
jit = off
max_parallel_workers_per_gather = 0
max_connections = 1100
)";

constexpr const char* kInitialise = R"sh(
  rm -rf "$2" && mkdir -p "$2" && chown nobody:nogroup "$2" && cd "$2" || exit 1
  setpriv --reuid nobody --regid nogroup --clear-groups "$1/initdb" -D "$2" -A trust -U postgres \
    --no-sync >/dev/null || exit 1
  { cat && echo "shared_buffers = $3kB"; } >> "$2/postgresql.conf" && echo 'host all all all trust' >> "$2/pg_hba.conf"
)sh";

constexpr const char* kState =
    "select (select sum(abalance) from pgbench_accounts),"
    " (select sum(bbalance) from pgbench_branches), (select sum(tbalance) from pgbench_tellers),"
    " (select coalesce(sum(delta), 0) from pgbench_history),"
    " (select count(*) from pgbench_history), pg_postmaster_start_time()";

struct State {
  std::array<int64_t, 4> sums{};
  uint64_t transactions = 0;
  std::string started;

  static State parse(const std::string& said) {
    State state;
    std::istringstream in(said);
    for (auto& sum : state.sums) in >> sum;
    in >> state.transactions;
    std::getline(in, state.started);
    if (in) return state;
    throw base::Error({"cannot understand PostgreSQL", "it says: " + said, "", {}, {}});
  }
};

class Postgres final : public Workload {
 public:
  // All that is to be in memory is its buffers, which its processes share.
  Postgres(const Hosts& hosts, uint64_t buffers) : hosts_(hosts), buffers_(buffers) {
    const auto shared = hosts.shared_directory();
    if (!shared) {
      base::refuse("cannot run postgres",
                   "its files must lie where both hosts see them, and these "
                   "hosts share no directory",
                   "leave it out");
    }
    data_ = *shared / "postgres";
    const std::string& source = hosts.roles().source;
    programs_ =
        hosts.shell(source, "ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1");
    programs_.erase(programs_.find_last_not_of('\n') + 1);
    require_program(hosts, source, programs_ + "/postgres", "postgresql");
  }

  void install(const std::string& host) const override {
    if (host != hosts_.roles().source) return;
    hosts_.check(host, {"bash", "-c", kInitialise, "bash", programs_, data_, fmt::to_string(buffers_ >> 10)},
                 kSetUpLimit, kPostgresConfiguration);
  }
  base::Argv command() const override {
    return {"/usr/bin/setpriv",      "--reuid", "nobody", "--regid", "nogroup", "--clear-groups",
            programs_ + "/postgres", "-D",      data_};
  }
  int port() const override { return kPostgresPort; }
  void begin(const Running&) override {
    const auto script = fmt::format(
        "for i in $(seq 500); do {0}/pg_isready -q -h {1} && break; sleep 0.05; done; "
        "{0}/pgbench -q -i -s {2} -h {1} -U postgres postgres 2>&1; "
        "{0}/psql -q -h {1} -U postgres -c 'create extension pg_prewarm' "
        "-c \"select sum(pg_prewarm(indrelid)) from pg_index where indrelid::regclass::text like 'pgbench_%'\" postgres",
        programs_, hosts_.address().ip, std::max<uint64_t>(kLeastScale, buffers_ / kBytesPerScale));
    hosts_.shell(hosts_.roles().client, script, kSetUpLimit);
    before_ = look();
  }
  std::optional<LoadTarget> load_target() const override {
    return LoadTarget{
        LoadTarget::Tool::kPgbench,
        fmt::format("{}/pgbench -n -h {} -U postgres postgres", programs_, hosts_.address().ip),
        false};
  }
  StateCheck check(const Running&, const load::Result* load) override;

 private:
  State look() const {
    return State::parse(hosts_.check(
        hosts_.roles().client, {programs_ + "/psql", "-h", hosts_.address().ip, "-U", "postgres",
                                "-At", "-F", " ", "-c", kState, "postgres"}));
  }

  const Hosts& hosts_;
  uint64_t buffers_;
  base::Path data_;
  std::string programs_;
  State before_;
};

StateCheck Postgres::check(const Running&, const load::Result* load) {
  const State after = look();
  StateCheck check;
  const uint64_t answered = load ? load->ok() : 0;
  const uint64_t open = load ? static_cast<uint64_t>(load->setup.connections) : 0;
  for (const int64_t sum : after.sums) {
    if (sum != after.sums[3]) check.differences = {"the sums of its tables differ"};
  }
  if (after.transactions < answered || after.transactions > answered + open) {
    check.differences.push_back(fmt::format("{} transactions were answered, its history has {}",
                                            answered, after.transactions));
  }
  if (after.started != before_.started) {
    check.differences.push_back(
        fmt::format("it was started at{}, not at{}", after.started, before_.started));
  }
  check.words = {
      fmt::format("{} transactions were answered, its history has {}, and accounts, "
                  "tellers, branches and history sum up to the same",
                  answered, after.transactions)};
  return check;
}

}  // namespace

std::unique_ptr<Workload> make_postgres(const WorkloadSpec& spec, const Hosts& hosts) {
  return std::make_unique<Postgres>(hosts, spec.memory_bytes ? spec.memory_bytes : kDefaultBuffers);
}

}  // namespace ferry::bench
