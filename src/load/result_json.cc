// SPDX-License-Identifier: Apache-2.0
//
// The JSON form of a Result. Times of the samples are ns after the start of the run, in columns: a
// million of them should not take a gigabyte to read back.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/error.h"
#include "load/result.h"

namespace ferry::load {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

int64_t ns(double ms) { return std::llround(ms * 1e6); }

[[noreturn]] void bad(std::string why) {
  throw base::Error({"cannot read the result of a load test",
                     std::move(why),
                     "give the output of \"ferry load-test --json\"",
                     {},
                     {}});
}

Outcome outcome_named(const std::string& name) {
  const auto found = std::find(kOutcomeNames.begin(), kOutcomeNames.end(), name);
  if (found == kOutcomeNames.end()) bad(fmt::format("there is no outcome \"{}\"", name));
  return static_cast<Outcome>(found - kOutcomeNames.begin());
}

json to_json(const Histogram& histogram) {
  return {{"count", histogram.count()},
          {"min_ms", base::as_ms(histogram.min())},
          {"mean_ms", histogram.mean() / 1e6},
          {"p50_ms", base::as_ms(histogram.quantile(0.50))},
          {"p90_ms", base::as_ms(histogram.quantile(0.90))},
          {"p99_ms", base::as_ms(histogram.quantile(0.99))},
          {"p999_ms", base::as_ms(histogram.quantile(0.999))},
          {"max_ms", base::as_ms(histogram.max())},
          {"sum_ns", histogram.sum()},
          {"buckets_ns", histogram.buckets()}};
}

Histogram histogram_from(const json& in) {
  Histogram histogram;
  histogram.restore(in.at("buckets_ns").get<std::vector<std::pair<int64_t, uint64_t>>>(),
                    ns(in.at("min_ms")), ns(in.at("max_ms")), in.at("sum_ns"));
  return histogram;
}

json to_json(const CounterReport& counter) {
  return {{"first", counter.first},
          {"last", counter.last},
          {"received", counter.received},
          {"repeated", counter.repeated},
          {"backwards", counter.backwards},
          {"missing", counter.missing},
          {"failed_after_sent", counter.failed_after_sent},
          {"unaccounted", counter.unaccounted},
          {"holds", counter.holds()}};
}

CounterReport counter_from(const json& in) {
  return {in.at("first"),     in.at("last"),    in.at("received"),          in.at("repeated"),
          in.at("backwards"), in.at("missing"), in.at("failed_after_sent"), in.at("unaccounted")};
}

json to_json(const std::vector<Bucket>& timeline) {
  json due = json::array(), completed = json::array(), errors = json::array(),
       worst = json::array();
  for (const Bucket& bucket : timeline) {
    due.push_back(bucket.due);
    completed.push_back(bucket.completed);
    errors.push_back(bucket.errors);
    worst.push_back(base::as_ms(bucket.worst_ns));
  }
  return {{"bucket_ms", base::as_ms(kBucketNs)},
          {"due", std::move(due)},
          {"completed", std::move(completed)},
          {"errors", std::move(errors)},
          {"worst_ms", std::move(worst)}};
}

std::vector<Bucket> timeline_from(const json& in) {
  if (ns(in.at("bucket_ms")) != kBucketNs) bad("its timeline has another width");
  std::vector<Bucket> timeline(in.at("due").size());
  for (size_t i = 0; i < timeline.size(); ++i) {
    timeline[i] = {in.at("due").at(i), in.at("completed").at(i), in.at("errors").at(i),
                   ns(in.at("worst_ms").at(i))};
  }
  return timeline;
}

json samples_of(const Result& result) {
  json due = json::array(), sent = json::array(), done = json::array(), other = json::array();
  for (size_t i = 0; i < result.samples.size(); ++i) {
    const Sample& sample = result.samples[i];
    due.push_back(sample.due_ns - result.start_ns);
    sent.push_back(sample.sent_ns < 0 ? json() : json(sample.sent_ns - result.start_ns));
    done.push_back(sample.done_ns - result.start_ns);
    if (sample.outcome != Outcome::kOk) {
      other.push_back({i, kOutcomeNames[static_cast<size_t>(sample.outcome)]});
    }
  }
  return {{"due_ns", std::move(due)},
          {"sent_ns", std::move(sent)},
          {"done_ns", std::move(done)},
          {"not_ok", std::move(other)}};
}

std::vector<Sample> samples_from(const json& in, int64_t start_ns) {
  const json &due = in.at("due_ns"), &sent = in.at("sent_ns"), &done = in.at("done_ns");
  std::vector<Sample> samples(due.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i].due_ns = start_ns + due.at(i).get<int64_t>();
    samples[i].sent_ns = sent.at(i).is_null() ? -1 : start_ns + sent.at(i).get<int64_t>();
    samples[i].done_ns = start_ns + done.at(i).get<int64_t>();
  }
  for (const json& entry : in.at("not_ok")) {
    const size_t index = entry.at(0);
    if (index >= samples.size()) bad("an outcome belongs to no sample");
    samples[index].outcome = outcome_named(entry.at(1));
  }
  const auto earlier = [](const Sample& a, const Sample& b) { return a.done_ns < b.done_ns; };
  if (!std::is_sorted(samples.begin(), samples.end(), earlier)) bad("its samples are out of order");
  return samples;
}

json errors_of(const Counts& counts) {
  json errors = json::object();
  for (size_t i = 0; i < kOutcomes; ++i) {
    if (is_error(static_cast<Outcome>(i))) errors[kOutcomeNames[i]] = counts[i];
  }
  return errors;
}

Result parse(const json& in) {
  if (in.at("version") != kVersion) bad("it was written by another version of ferry");
  Result result;
  const json& setup = in.at("setup");
  result.setup = {setup.at("url"), setup.at("rate"), setup.at("connections"),
                  setup.at("new_connections"), ns(setup.at("timeout_ms"))};
  result.start_ns = in.at("start_monotonic_ns");
  result.real_offset_ns = in.at("start_realtime_ns").get<int64_t>() - result.start_ns;
  result.end_ns = in.at("end_monotonic_ns");
  result.real_step_ns = in.at("realtime_step_ns");
  result.due = in.at("due");
  result.sent = in.at("sent");
  at(result.counts, Outcome::kOk) = in.at("ok");
  at(result.counts, Outcome::kAbandoned) = in.at("abandoned");
  for (const auto& [name, count] : in.at("errors").items())
    at(result.counts, outcome_named(name)) = count;
  result.bytes_received = in.at("bytes_received");
  result.connects = in.at("connects");
  result.unsolicited = in.at("unsolicited");
  result.cpu_s = in.at("generator").at("cpu_s");
  result.latency = histogram_from(in.at("latency"));
  result.from_sent = histogram_from(in.at("latency_from_sent"));
  result.lag = histogram_from(in.at("generator").at("lag"));
  result.timeline = timeline_from(in.at("timeline"));
  for (const json& example : in.at("examples")) {
    result.examples.push_back({outcome_named(example.at("outcome")),
                               result.start_ns + example.at("done_ns").get<int64_t>(),
                               example.at("message")});
  }
  if (in.contains("counter")) result.counter = counter_from(in.at("counter"));
  if (in.contains("samples")) result.samples = samples_from(in.at("samples"), result.start_ns);
  return result;
}

}  // namespace

std::string Result::to_json(bool with_samples) const {
  json out = {{"version", kVersion},
              {"setup",
               {{"url", setup.url},
                {"rate", setup.rate},
                {"connections", setup.connections},
                {"new_connections", setup.new_connections},
                {"timeout_ms", base::as_ms(setup.timeout_ns)}}},
              {"started", base::iso_time(real(start_ns))},
              {"start_monotonic_ns", start_ns},
              {"start_realtime_ns", real(start_ns)},
              {"end_monotonic_ns", end_ns},
              {"realtime_step_ns", real_step_ns},
              {"seconds", seconds()},
              {"due", due},
              {"sent", sent},
              {"ok", ok()},
              {"failed", errors()},
              {"errors", errors_of(counts)},
              {"abandoned", at(counts, Outcome::kAbandoned)},
              {"bytes_received", bytes_received},
              {"connects", connects},
              {"unsolicited", unsolicited},
              {"latency", load::to_json(latency)},
              {"latency_from_sent", load::to_json(from_sent)},
              {"generator", {{"cpu_s", cpu_s}, {"lag", load::to_json(lag)}}},
              {"timeline", load::to_json(timeline)},
              {"examples", json::array()}};
  for (const Example& example : examples) {
    out["examples"].push_back({{"outcome", kOutcomeNames[static_cast<size_t>(example.outcome)]},
                               {"done_ns", example.done_ns - start_ns},
                               {"message", example.message}});
  }
  if (counter) out["counter"] = load::to_json(*counter);
  if (with_samples) out["samples"] = samples_of(*this);
  // A wrong answer that is quoted may be anything, also no UTF-8.
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result Result::from_json(std::string_view text) {
  try {
    return parse(json::parse(text));
  } catch (const json::exception& error) {
    bad(error.what());
  }
}

}  // namespace ferry::load
