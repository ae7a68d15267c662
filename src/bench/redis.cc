// SPDX-License-Identifier: Apache-2.0
//
// redis with a data set of any size, under its own user and without files. Its client reads the
// data set and counts: nine GETs, whose values it knows, to one INCR. The data set is compared by
// redis's own digest of all keys and values, with the counter taken out.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/units.h"
#include "bench/conversation.h"
#include "bench/servers.h"
#include "bench/web_counter.h"
#include "load/redis.h"

namespace ferry::bench {

namespace {

constexpr int kRedisPort = 6379;
constexpr uint64_t kValueBytes = 10'240;  // of a key; with redis's own bookkeeping 3 % more
constexpr uint64_t kRedisBytes = 16u << 20;
constexpr const char* kCounter = "ferry:counter";
constexpr base::milliseconds kRedisFillLimit{240'000};  // 1 GiB takes about 3 s; cold memory much longer

class Redis final : public Workload {
 public:
  Redis(const WorkloadSpec& spec, const Hosts& hosts)
      : hosts_(hosts),
        keys_(std::max<uint64_t>(
            1, (spec.memory_bytes ? spec.memory_bytes : kRedisBytes) / kValueBytes)) {}

  void install(const std::string& host) const override {
    require_program(hosts_, host, "/usr/bin/redis-server", "redis-server");
    hosts_.shell(host,
                 "mkdir -p /srv/ferry-bench/redis && chown redis:redis /srv/ferry-bench/redis");
  }
  base::Argv command() const override {
    return {"/usr/bin/setpriv",
            "--reuid",
            "redis",
            "--regid",
            "redis",
            "--clear-groups",
            "/usr/bin/redis-server",
            "--protected-mode",
            "no",
            "--save",
            "",
            "--dir",
            "/srv/ferry-bench/redis",
            "--enable-debug-command",
            "yes"};
  }
  int port() const override { return kRedisPort; }
  void begin(const Running&) override {
    // Not DEBUG POPULATE: its values are zeros, whose pages a move need not send.
    say(fmt::format("EVAL \"{}\" 0", load::fill_script(keys_, kValueBytes)), kRedisFillLimit);
    digest_ = say("DEBUG DIGEST", kRedisFillLimit);
    id_ = run_id();
  }
  std::optional<LoadTarget> load_target() const override {
    return LoadTarget{LoadTarget::Tool::kLoadTest,
                      fmt::format("redis://{}:{}/0?command=get:9,incr:1&key={}&keys={}&size={}",
                                  hosts_.address().ip, kRedisPort, kCounter, keys_, kValueBytes),
                      true};
  }
  StateCheck check(const Running&, const load::Result* load) override;

 private:
  std::string say(const std::string& command,
                  base::milliseconds limit = base::milliseconds(10'000)) const {
    const std::string answer = ask(hosts_, hosts_.roles().client, hosts_.address().ip, kRedisPort,
                                   command + "\r\nQUIT\r\n", limit);
    const std::string own = answer.substr(0, answer.rfind("+OK\r\n"));  // without that to QUIT
    if (!own.starts_with("-")) return own.substr(0, own.find_last_not_of("\r\n") + 1);
    throw base::Error({"redis refuses: " + command, own, "", {}, {}});
  }
  std::string run_id() const {
    const std::string info = say("INFO server");
    const auto at = info.find("run_id:");
    return at == std::string::npos ? info : info.substr(at, info.find('\r', at) - at);
  }
  void check_counter(const load::CounterReport& answers, StateCheck& check) const;

  const Hosts& hosts_;
  uint64_t keys_;
  std::string digest_, id_;
};

void Redis::check_counter(const load::CounterReport& answers, StateCheck& check) const {
  CounterState before{id_, 0}, after{run_id(), 0};
  const std::string value = say(fmt::format("GET {}", kCounter));  // "$3\r\n170", or "$-1"
  if (const auto line = value.find("\r\n"); line != std::string::npos) {
    after.value = std::strtoull(value.c_str() + line, nullptr, 10);
  }
  check.differences = differences(before, after, answers);
  check.words.push_back(fmt::format("{} increments were answered, and redis has counted to {}",
                                    answers.received, after.value));
}

StateCheck Redis::check(const Running&, const load::Result* load) {
  StateCheck check;
  check_counter(load && load->counter ? *load->counter : load::CounterReport{}, check);
  say(fmt::format("DEL {}", kCounter));
  const std::string digest = say("DEBUG DIGEST", kRedisFillLimit);
  check.words.push_back(fmt::format("redis's digest of its {} keys ({}) is the one from before",
                                    keys_, base::format_bytes(keys_ * kValueBytes)));
  if (digest != digest_) {
    check.differences.push_back(
        fmt::format("its data set has changed: the digest is {}, and was {}", digest, digest_));
  }
  return check;
}

}  // namespace

std::unique_ptr<Workload> make_redis(const WorkloadSpec& spec, const Hosts& hosts) {
  return std::make_unique<Redis>(spec, hosts);
}

void require_program(const Hosts& hosts, const std::string& host, const std::string& program,
                     const std::string& package) {
  if (hosts.run(host, {"test", "-x", program}).status == 0) return;
  throw base::Error({"cannot run the workload",
                     fmt::format("there is no {}", program),
                     fmt::format("install {} there (a lab: unpack it with tools/get-layer into its "
                                 "layer)",
                                 package),
                     host,
                     {}},
                    base::Exit::kRefused);
}

}  // namespace ferry::bench
