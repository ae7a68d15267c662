// SPDX-License-Identifier: Apache-2.0
//
// A headless Chromium without network, from build/chromium (tools/get-layer), and what it makes of
// a page.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/fd.h"

namespace ferry::report {

struct Seen {
  nlohmann::json probe;  // what kProbe in browser.cc found in the page
  std::string console;   // everything that the page said on the console; empty is good
};

class Browser {
 public:
  Browser();   // makes a directory for its profile
  ~Browser();  // removes it

  // Why it cannot run here; empty when it can. For GTEST_SKIP().
  static std::string missing();

  // Opens the page and looks at it in both themes, by the page's own button: probe["dark"],
  // probe["light"].
  Seen open(const std::string& html, int width) const;
  std::string print_to_pdf(const std::string& html) const;

 private:
  std::string run(const std::string& html, const std::vector<std::string>& arguments,
                  std::string& console) const;

  base::Path directory_;
};

}  // namespace ferry::report
