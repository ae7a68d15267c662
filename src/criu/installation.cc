// SPDX-License-Identifier: Apache-2.0
#include "criu/installation.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/error.h"
#include "criu/shim.h"

namespace ferry::criu {

using base::Path;

namespace {

namespace fs = std::filesystem;

constexpr const char* kRemedy = "run tools/get-criu PREFIX there and set FERRY_CRIU=PREFIX/criu";

std::optional<Path> find_in_path(const char* name) {
  std::string path = std::getenv("PATH") ? std::getenv("PATH") : "";
  path += ":/usr/sbin:/usr/local/sbin";
  for (size_t start = 0; start <= path.size();) {
    const size_t end = std::min(path.find(':', start), path.size());
    const Path candidate = Path(path.substr(start, end - start)) / name;
    std::error_code error;
    if (fs::is_regular_file(candidate, error) && !is_shim(candidate)) return candidate;
    start = end + 1;
  }
  return std::nullopt;
}

Path find_program(const Path& beside) {
  if (const char* chosen = std::getenv("FERRY_CRIU")) {
    if (!fs::exists(chosen)) base::refuse("cannot use CRIU", fmt::format("FERRY_CRIU names {}, which is not there", chosen), kRemedy);
    return chosen;
  }
  if (fs::exists(beside / "criu" / "criu")) return beside / "criu" / "criu";
  if (const auto own = find_in_path("criu")) return *own;
  base::refuse("cannot use CRIU", "none came with ferry and none is in PATH", kRemedy);
}

Path find_loader(const Path& libraries) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(libraries, none)) {
    if (entry.path().filename().string().starts_with("ld-linux-")) return entry.path();
  }
  return {};
}

}  // namespace

Installation Installation::find() { return find_beside(fs::read_symlink("/proc/self/exe").parent_path()); }

Installation Installation::find_beside(const Path& beside) {
  Installation found;
  found.program_ = find_program(beside);
  found.loader_ = find_loader(found.program_.parent_path() / "lib");
  if (fs::exists(beside / "libferry-criu.so")) found.preload_ = beside / "libferry-criu.so";
  const auto told = base::run(found.command({"--version"}));
  const std::string mark = "Version: ";
  const auto at = told.out.find(mark);
  if (told.status != 0 || at == std::string::npos) {
    base::refuse("cannot use CRIU", fmt::format("{} --version says: {}{}", found.program_.string(), told.out, told.err),
                 kRemedy);
  }
  found.version_ = told.out.substr(at + mark.size(), told.out.find('\n', at) - at - mark.size());
  return found;
}

base::Argv Installation::command_without_ferry(const base::Argv& arguments) {
  const auto own = find_in_path("criu");
  if (!own) return find().command(arguments);
  base::Argv argv{own->string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

base::Argv Installation::command(const base::Argv& arguments) const {
  base::Argv argv;
  if (!loader_.empty()) {
    argv = {loader_.string(), "--library-path", loader_.parent_path().string()};
    if (!preload_.empty()) argv.insert(argv.end(), {"--preload", preload_.string()});
  } else if (!preload_.empty()) {
    // CRIU starts helpers (nft, ip) rarely; the library does nothing in them but answer prlimit64.
    argv = {"env", "LD_PRELOAD=" + preload_.string()};
  }
  argv.push_back(program_.string());
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

}  // namespace ferry::criu
