// SPDX-License-Identifier: Apache-2.0
//
// An experiment for readers: a page, a written report, tables. Everything is computed from the
// Experiment; nothing is fetched, neither now nor when the page is opened.
#pragma once

#include <string>

#include "base/fd.h"
#include "report/experiment.h"
#include "report/language.h"

namespace ferry::report {

// One self-contained file: findings, tables, charts, the commands, and the data itself.
std::string render_html(const Experiment& experiment, Language language);
// The same without charts.
std::string render_markdown(const Experiment& experiment, Language language);
// One row per move; names of columns as in the JSON.
std::string render_csv(const Experiment& experiment);
// One row per 10 ms of each move that has a timeline.
std::string render_timeline_csv(const Experiment& experiment);

// By the extension of `path`: .html, .md, .json, .csv, .timeline.csv. Refuses others; the file is
// there whole or not at all.
void write_report(const Experiment& experiment, const base::Path& path, Language language);
// Throws Error (usage) unless write_report() knows what to write there: to be asked before an
// experiment is made.
void check_report_path(const base::Path& path);
Experiment read_experiment(const base::Path& path);

}  // namespace ferry::report
