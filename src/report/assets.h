// SPDX-License-Identifier: Apache-2.0
//
// Files that are part of the program: the page's style sheet and scripts (src/report/page/), and
// uPlot, which tools/get-uplot fetched before the build. cmake writes the definitions.
#pragma once

#include <string_view>

namespace ferry::report::assets {

std::string_view plot_script();
std::string_view plot_style();
std::string_view plot_license();
std::string_view page_style();
std::string_view page_script();

}  // namespace ferry::report::assets
