// SPDX-License-Identifier: Apache-2.0
#include "report/browser.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>

#include "base/subprocess.h"

namespace ferry::report {

namespace {

const base::Path kPrefix = FERRY_BINARY_DIR "/chromium";
constexpr const char* kLimit_s = "200";  // a browser on a machine that has much else to do
const base::Path kProgram = kPrefix / "usr/lib/chromium/chromium-headless-shell";

// Appended to the page: for each theme, presses the button until the page has it, and looks at what
// was drawn once the canvases are filled. Of each it counts the pixels that are drawn at all and
// those in the colours of lines and bars.
constexpr std::string_view kProbe = R"js(
<script>
(() => {
  const root = document.documentElement;
  const inkNames = ['--accent', '--bad', '--time-0', '--time-1', '--series-0', '--series-1', '--way-0'];
  const rgb = (name) => {
    const value = getComputedStyle(root).getPropertyValue(name).trim();
    return [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16));
  };
  function look(canvas, inks) {
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const found = {any: 0};
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] === 0) continue;
      ++found.any;
      if (data[i + 3] < 200) continue;
      for (const [name, [r, g, b]] of inks) {
        const far = Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b);
        if (far < 12) found[name] = (found[name] ?? 0) + 1;
      }
    }
    return found;
  }
  function probe() {
    const charts = JSON.parse(document.getElementById('charts').textContent);
    const inks = inkNames.map((name) => [name, rgb(name)]);
    const tables = [...document.querySelectorAll('table')];
    return {
      drawn: root.dataset.charts,
      failures: root.dataset.failures ?? '',
      download: document.getElementById('download').href.startsWith('blob:'),
      overflow: root.scrollWidth - root.clientWidth,
      background: getComputedStyle(document.body).backgroundColor,
      tables: tables.length,
      emptyTables: tables.filter((table) => !table.querySelector('tbody th')).length,
      figures: [...document.querySelectorAll('figure[data-chart]')].map((figure) => ({
        kind: charts[figure.dataset.chart].kind,
        points: Number(figure.dataset.points ?? 0),
        canvases: [...figure.querySelectorAll('canvas')].map((canvas) => look(canvas, inks)),
      })),
    };
  }
  const result = {};
  function next([theme, ...rest]) {
    if (!theme) {
      const text = document.createElement('pre');
      text.id = 'probe';
      text.textContent = JSON.stringify(result);
      document.body.append(text);
      return;
    }
    for (let i = 0; i < 3 && root.dataset.theme !== theme; ++i) document.getElementById('theme').click();
    setTimeout(() => {
      result[root.dataset.theme] = probe();
      next(rest);
    }, 100);
  }
  next(['dark', 'light']);
})();
</script>
)js";

std::string with_probe(std::string html) { return html.insert(html.rfind("</body>"), kProbe); }

// What the browser escapes in text.
std::string unescaped(std::string text) {
  for (const auto& [from, to] :
       {std::pair{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&amp;", "&"}}) {
    for (size_t at = 0; (at = text.find(from, at)) != text.npos; ++at) {
      text.replace(at, std::string_view(from).size(), to);
    }
  }
  return text;
}

}  // namespace

Browser::Browser() {
  std::string pattern = "/tmp/ferry-browser-XXXXXX";
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
  directory_ = pattern;
}

Browser::~Browser() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string Browser::missing() {
  if (std::filesystem::exists(kProgram)) return "";
  return fmt::format("there is no Chromium in {} (make test fetches it)", kPrefix.string());
}

std::string Browser::run(const std::string& html, const std::vector<std::string>& arguments,
                         std::string& console) const {
  const base::Path page = directory_ / "page.html";
  base::replace_file(page, html, base::Durable::kNo);
  const std::string libraries = (kPrefix / "usr/lib" / FERRY_LIBRARY_TRIPLET).string();
  base::Argv argv = {"timeout",
                     kLimit_s,
                     kProgram.string(),
                     "--no-sandbox",
                     "--disable-gpu",
                     "--disable-dev-shm-usage",
                     "--hide-scrollbars",
                     "--no-first-run",
                     "--host-resolver-rules=MAP * ~NOTFOUND",
                     "--enable-logging=stderr",
                     fmt::format("--user-data-dir={}", (directory_ / "profile").string())};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  argv.push_back("file://" + page.string());
  base::SpawnOptions options;
  options.environment = {fmt::format("LD_LIBRARY_PATH={0}:{0}/pulseaudio", libraries),
                         "HOME=" + directory_.string()};
  const base::Finished finished = base::run(argv, {}, options);
  EXPECT_EQ(finished.status, 0) << finished.err;
  std::istringstream lines(finished.err);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("CONSOLE") != line.npos) console += line + "\n";
  }
  return finished.out;
}

Seen Browser::open(const std::string& html, int width) const {
  Seen seen;
  const std::string dom =
      run(with_probe(html),
          {"--virtual-time-budget=2000", "--dump-dom", fmt::format("--window-size={},900", width)},
          seen.console);
  const std::string begin = "<pre id=\"probe\">";
  const size_t from = dom.find(begin);
  EXPECT_NE(from, dom.npos) << "the page did not come to its end: " << seen.console;
  if (from == dom.npos) return seen;
  const size_t start = from + begin.size();
  seen.probe =
      nlohmann::json::parse(unescaped(dom.substr(start, dom.find("</pre>", start) - start)));
  return seen;
}

std::string Browser::print_to_pdf(const std::string& html) const {
  std::string console;
  const base::Path pdf = directory_ / "page.pdf";
  run(html, {"--no-pdf-header-footer", "--print-to-pdf=" + pdf.string()}, console);
  EXPECT_EQ(console, "");
  return base::try_read_file(pdf).value_or("");
}

}  // namespace ferry::report
