// SPDX-License-Identifier: Apache-2.0
//
// The way between a report and its file.
#include <fcntl.h>
#include <fmt/format.h>

#include <optional>

#include "base/error.h"
#include "report/experiment_json.h"
#include "report/report.h"

namespace ferry::report {

namespace {

enum class Format { kHtml, kMarkdown, kJson, kCsv, kTimelineCsv };

std::optional<Format> format_of(const base::Path& path) {
  const std::string name = path.filename().string();
  if (name.ends_with(".html") || name.ends_with(".htm")) return Format::kHtml;
  if (name.ends_with(".md")) return Format::kMarkdown;
  if (name.ends_with(".json")) return Format::kJson;
  if (name.ends_with(".timeline.csv")) return Format::kTimelineCsv;
  if (name.ends_with(".csv")) return Format::kCsv;
  return std::nullopt;
}

std::string rendered(const Experiment& experiment, Format format, Language language) {
  switch (format) {
    case Format::kHtml:
      return render_html(experiment, language);
    case Format::kMarkdown:
      return render_markdown(experiment, language);
    case Format::kJson:
      return json_text(to_json(experiment), 1) + "\n";
    case Format::kCsv:
      return render_csv(experiment);
    case Format::kTimelineCsv:
      return render_timeline_csv(experiment);
  }
  CHECK(false);
  return {};
}

}  // namespace

void check_report_path(const base::Path& path) {
  const std::string what = fmt::format("cannot write a report to {}", path.string());
  if (!format_of(path)) {
    throw base::Error({what, "its name does not say in which format",
                       "end it in .html, .md, .json, .csv or .timeline.csv", "", ""},
                      base::Exit::kUsage);
  }
  const base::Path directory = std::filesystem::absolute(path).parent_path();
  if (!std::filesystem::is_directory(directory)) {
    base::refuse(what, fmt::format("there is no directory {}", directory.string()));
  }
  if (std::filesystem::is_directory(path)) base::refuse(what, "it is a directory");
}

void write_report(const Experiment& experiment, const base::Path& path, Language language) {
  check_report_path(path);
  const std::string text = rendered(experiment, *format_of(path), language);
  // Unlike replace_file(), with the permissions that the user's umask gives: a report is there to
  // be read.
  const base::Path temporary = path.string() + ".new";
  base::write_full(base::open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC).get(), text);
  std::filesystem::rename(temporary, path);
}

Experiment read_experiment(const base::Path& path) {
  const auto text = base::try_read_file(path);
  if (!text) {
    throw base::Error(
        {fmt::format("cannot read {}", path.string()), "it is not there", "", "", ""});
  }
  return from_json(*text);
}

}  // namespace ferry::report
