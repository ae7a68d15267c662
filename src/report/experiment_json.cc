// SPDX-License-Identifier: Apache-2.0
#include "report/experiment_json.h"

#include <fmt/format.h>

#include "base/error.h"
#include "report/json_archive.h"

namespace ferry::report {

namespace {

constexpr std::string_view kFormat = "ferry experiment";
constexpr int kVersion = 1;

// A timeline in columns.
struct Columns {
  std::vector<double> at_ms;
  std::vector<uint32_t> due, completed, errors;
  std::vector<std::optional<double>> worst_ms;
};

Columns columns_of(const std::vector<TimelinePoint>& timeline) {
  Columns columns;
  for (const TimelinePoint& point : timeline) {
    columns.at_ms.push_back(point.at_ms);
    columns.due.push_back(point.due);
    columns.completed.push_back(point.completed);
    columns.errors.push_back(point.errors);
    columns.worst_ms.push_back(point.worst_ms);
  }
  return columns;
}

std::vector<TimelinePoint> points_of(const Columns& columns, const JsonReader& reader) {
  const size_t size = columns.at_ms.size();
  reader.must(columns.due.size() == size && columns.completed.size() == size &&
                  columns.errors.size() == size && columns.worst_ms.size() == size,
              "has a timeline whose columns differ in length");
  std::vector<TimelinePoint> timeline(size);
  for (size_t i = 0; i < size; ++i) {
    timeline[i] = {columns.at_ms[i], columns.due[i], columns.completed[i], columns.errors[i],
                   columns.worst_ms[i]};
  }
  return timeline;
}

}  // namespace

void fields(auto& archive, Is<Columns> auto& columns) {
  archive("at_ms", columns.at_ms);
  archive("due", columns.due);
  archive("completed", columns.completed);
  archive("errors", columns.errors);
  archive("worst_ms", columns.worst_ms);
}

void fields(auto& archive, Is<Phase> auto& phase) {
  archive("name", phase.name);
  archive("start_ms", phase.start_ms);
  archive("ms", phase.ms);
  archive("frozen", phase.frozen);
}

void fields(auto& archive, Is<Round> auto& round) {
  archive("number", round.number);
  archive("start_ms", round.start_ms);
  archive("ms", round.ms);
  archive("dirty_bytes", round.dirty_bytes);
  archive("sent_bytes", round.sent_bytes);
}

void fields(auto& archive, Is<Quantiles> auto& quantiles) {
  archive("answered", quantiles.answered);
  archive("failed", quantiles.failed);
  archive("seconds", quantiles.seconds);
  archive("p50_ms", quantiles.p50_ms);
  archive("p90_ms", quantiles.p90_ms);
  archive("p99_ms", quantiles.p99_ms);
  archive("p999_ms", quantiles.p999_ms);
  archive("max_ms", quantiles.max_ms);
  archive.if_any("classes", quantiles.classes);
}

void fields(auto& archive, Is<Failure> auto& failure) {
  archive("what", failure.what);
  archive("why", failure.why);
  archive("remedy", failure.remedy);
  archive("host", failure.host);
  archive("log", failure.log);
}

namespace {

void timeline_field(JsonWriter& writer, const std::vector<TimelinePoint>& timeline) {
  if (!timeline.empty()) writer("timeline", columns_of(timeline));
}

void timeline_field(const JsonReader& reader, std::vector<TimelinePoint>& timeline) {
  Columns columns;
  reader.if_any("timeline", columns);
  timeline = points_of(columns, reader);
}

void measured_fields(auto& archive, Is<Move> auto& move) {
  archive("memory_bytes", move.memory_bytes);
  archive("frozen_ms", move.frozen_ms);
  archive("client_gap_ms", move.client_gap_ms);
  archive("worst_latency_ms", move.worst_latency_ms);
  archive.if_any("ping_gap_ms", move.ping_gap_ms);
  archive.if_any("retransmissions", move.retransmissions);
  archive.if_any("unexplained_retransmissions", move.unexplained_retransmissions);
  archive.if_any("captured_resets", move.captured_resets);
  archive("total_ms", move.total_ms);
  archive.if_any("settle_ms", move.settle_ms);
  archive.if_any("left_at_resume_bytes", move.left_at_resume_bytes);
  archive.if_any("faults", move.faults);
  archive.if_any("stream_bytes_per_s", move.stream_bytes_per_s);
  archive.if_any("cpu_ms", move.cpu_ms);
  archive.if_any("source_rss_bytes", move.source_rss_bytes);
  archive.if_any("target_rss_bytes", move.target_rss_bytes);
  archive("bytes_sent", move.bytes_sent);
  archive.if_any("requests", move.requests);
  archive("errors", move.errors);
  archive("resets", move.resets);
  archive.if_any("errors_by_kind", move.errors_by_kind);
  archive("state_intact", move.state_intact);
  archive.if_any("state_words", move.state_words);
  archive.if_any("time_lost_ms", move.time_lost_ms);
}

}  // namespace

void fields(auto& archive, Is<Move> auto& move) {
  archive("workload", move.workload);
  archive("engine", move.engine);
  archive("mode", move.mode);
  archive("via", move.via);
  archive("way", move.way);
  archive.if_any("parameters", move.parameters);
  archive("repetition", move.repetition);
  archive("source", move.source);
  archive("target", move.target);
  archive("result", move.result);
  archive.if_any("error", move.failure);
  measured_fields(archive, move);
  archive.if_any("steps", move.steps);
  archive.if_any("commands", move.commands);
  archive("phases", move.phases);
  archive.if_any("rounds", move.rounds);
  archive.group("latency", [&](auto& latency) {
    latency.if_any("before", move.before);
    latency.if_any("during", move.during);
    latency.if_any("after", move.after);
    latency.if_any("copying", move.copying);
  });
  timeline_field(archive, move.timeline);
}

void fields(auto& archive, Is<Host> auto& host) {
  archive("name", host.name);
  archive("facts", host.facts);
}

void fields(auto& archive, Is<Machine> auto& machine) {
  archive("date", machine.date);
  archive("kernel", machine.kernel);
  archive("architecture", machine.architecture);
  archive("processor", machine.processor);
  archive("cores", machine.cores);
  archive("memory_bytes", machine.memory_bytes);
}

void fields(auto& archive, Is<Parameter> auto& parameter) {
  archive("name", parameter.name);
  archive("values", parameter.values);
  archive.if_any("numbers", parameter.numbers);
  archive("unit", parameter.unit);
}

void fields(auto& archive, Is<Target> auto& target) {
  archive("text", target.text);
  archive("value", target.value);
  archive("limit", target.limit);
  archive("met", target.met);
}

void fields(auto& archive, Is<Experiment> auto& experiment) {
  archive("scenario", experiment.scenario);
  archive("description", experiment.description);
  archive("command", experiment.command);
  archive("ferry_version", experiment.ferry_version);
  archive("machine", experiment.machine);
  archive.if_any("hosts", experiment.hosts);
  archive.if_any("links", experiment.links);
  archive("load", experiment.load);
  archive.if_any("notes", experiment.notes);
  archive.if_any("parameters", experiment.parameters);
  archive("moves", experiment.moves);
  archive.if_any("targets", experiment.targets);
}

nlohmann::ordered_json to_json(const Move& move) { return JsonWriter::json_of(move); }

nlohmann::ordered_json to_json(const Experiment& experiment) {
  nlohmann::ordered_json out = {{"format", kFormat}, {"version", kVersion}};
  out.update(JsonWriter::json_of(experiment));
  return out;
}

std::string json_text(const nlohmann::ordered_json& json, int indent) {
  return json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

namespace {

Experiment parse(std::string_view text) {
  const auto json = nlohmann::ordered_json::parse(text);
  const JsonReader reader(json, "");
  reader.must(json.is_object(), "is not an object");
  std::string format;
  int version = 0;
  reader.if_any("format", format);
  reader.must(format == kFormat, fmt::format("is not a \"{}\"", kFormat));
  reader("version", version);
  reader.must(version == kVersion,
              fmt::format("has version {}; this ferry reads version {}", version, kVersion));
  Experiment experiment;
  reader.into(experiment);
  for (size_t i = 0; i < experiment.parameters.size(); ++i) {
    const Parameter& parameter = experiment.parameters[i];
    reader.must(parameter.numbers.empty() || parameter.numbers.size() == parameter.values.size(),
                fmt::format("has not as many numbers as values in parameters[{}]", i));
  }
  return experiment;
}

[[noreturn]] void bad(std::string why) {
  throw base::Error({"cannot read the result of an experiment", std::move(why),
                     "give a file that \"ferry bench … -o FILE.json\" wrote", "", ""});
}

}  // namespace

Experiment from_json(std::string_view text) {
  try {
    return parse(text);
  } catch (const Unreadable& unreadable) {
    bad(unreadable.why);
  } catch (const nlohmann::json::exception& error) {
    bad(fmt::format("it is not JSON: {}", error.what()));
  }
}

}  // namespace ferry::report
