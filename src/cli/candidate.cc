// SPDX-License-Identifier: Apache-2.0
#include "cli/candidate.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/program.h"
#include "capsule/record.h"
#include "migration/host.h"
#include "runtime/oci.h"

namespace ferry::cli {

namespace {

void add_containers_of(const runtime::Oci& engine, const std::string& name, Candidates& found) {
  for (const auto& one : engine.running())
    found.push_back({fmt::format("{}:{}", name, one.name), base::one_line(one.about)});
}

void add_workloads(Candidates& found) {
  for (const auto& record : capsule::all_records()) {
    if (capsule::is_running(record)) found.push_back({record.name, base::one_line(record.command)});
  }
}

void require_usable(const runtime::Oci& engine, const std::string& name) {
  for (const auto& lack : engine.host_reasons())
    base::refuse(fmt::format("cannot move the containers of {}", name), lack.what + ": " + lack.why,
                 lack.remedy);
}

// "cannot move X" needs no saying in a row about X.
process::Reason reason_in(const base::Explanation& refusal, const std::string& name) {
  if (refusal.what != "cannot move " + name || refusal.why.empty())
    return {refusal.what, refusal.why, refusal.remedy};
  return {refusal.why, "", refusal.remedy};
}

}  // namespace

Candidates find_candidates(const std::string& engine, const std::string& engine_root,
                           const std::function<void(const std::string& text)>& notice) {
  Candidates found;
  if (!engine.empty()) {
    const auto named = runtime::oci_engine(engine, engine_root);
    require_usable(*named, engine);
    add_containers_of(*named, engine, found);
  } else {
    for (const std::string name : runtime::kEngines) {
      const auto one = runtime::oci_engine(name);
      if (!one->is_installed()) continue;
      try {
        Candidates its;
        add_containers_of(*one, name, its);
        if (!its.empty()) require_usable(*one, name);  // else there is nothing to say about it
        std::ranges::move(its, std::back_inserter(found));
      } catch (const base::Error& silent) {
        notice(silent.what());
      }
    }
    add_workloads(found);
  }
  std::ranges::sort(found, {}, &Candidate::name);
  return found;
}

migration::CheckReport check_candidate(const migration::MoveOptions& options,
                                       const migration::Observer& observer) {
  try {
    return migration::check_move(options, observer);
  } catch (const base::Error& refusal) {
    if (refusal.exit() != base::Exit::kRefused) throw;
    migration::CheckReport report;
    report.name = options.what;
    report.source = migration::host_name();
    report.own.push_back(reason_in(refusal.explanation(), options.what));
    return report;
  }
}

}  // namespace ferry::cli
