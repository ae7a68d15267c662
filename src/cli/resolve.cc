// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/verbs.h"
#include "migration/resolve.h"

namespace ferry::cli {
namespace {

void print_text(const std::vector<migration::Resolution>& results) {
  if (results.empty()) fmt::print("nothing to resolve: no move on this host was cut off\n");
  for (const auto& one : results) {
    fmt::print("{} ({} {}, job {})\n", one.name, one.role == "source" ? "moving to" : "coming from", one.peer, one.job);
    fmt::print("  found: {}\n  done:  {}\n", one.found, one.done);
    if (!one.is_open || one.role != "source") continue;
    fmt::print("  to do: try again when {0} can be reached; or, if you know better: --run-here (it does not run on {0} and never\n"
               "         will), --drop-here (it runs there: this copy can go)\n", one.peer);
  }
}

void print_json(const std::vector<migration::Resolution>& results) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& one : results) {
    list.push_back({{"job", one.job}, {"name", one.name}, {"role", one.role}, {"peer", one.peer},
                    {"found", one.found}, {"done", one.done}, {"open", one.is_open}});
  }
  fmt::print("{}\n", list.dump(2));
}

}  // namespace

void add_resolve(CLI::App& app, int& exit_code) {
  struct Arguments {
    std::string what;
    bool run_here = false, drop_here = false, json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  auto* verb = app.add_subcommand("resolve", "finish moves that were cut off (ferry killed, link lost after the commit)");
  verb->add_option("what", arguments->what, "a workload, a pid or a job; nothing: all that are open on this host");
  auto* here = verb->add_flag("--run-here", arguments->run_here, "it does not run on the other host and never will: go on here");
  verb->add_flag("--drop-here", arguments->drop_here, "it runs on the other host: remove the frozen copy here")->excludes(here);
  verb->add_flag("--json", arguments->json, "as JSON");
  verb->callback([arguments, &exit_code] {
    require_root("resolve");
    using migration::Decision;
    const auto decision = arguments->run_here ? Decision::kRunHere : arguments->drop_here ? Decision::kDropHere : Decision::kAskTarget;
    if (decision != Decision::kAskTarget && arguments->what.empty()) {
      throw base::Error({"--run-here and --drop-here need the name of a workload", "", "", {}, {}}, base::Exit::kUsage);
    }
    const auto results = migration::resolve(arguments->what, decision);
    arguments->json ? print_json(results) : print_text(results);
    const bool open = std::ranges::any_of(results, &migration::Resolution::is_open);
    exit_code = static_cast<int>(open ? base::Exit::kInDoubt : base::Exit::kDone);
  });
}

}  // namespace ferry::cli
