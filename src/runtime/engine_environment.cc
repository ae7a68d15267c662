// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine_environment.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>

#include "base/fd.h"
#include "base/program.h"

namespace ferry::runtime {

namespace fs = std::filesystem;
using process::Reason;
using process::Reasons;

namespace {

constexpr const char* kOption = "--target-engine-env";
constexpr const char* kSocketVariable = "DOCKER_HOST";
constexpr const char* kSearchPath = "PATH";
constexpr std::string_view kUnixSocket = "unix://";
constexpr size_t kLongestValue = 4000;  // bytes; some hundred directories

// Those by which a client is led to another daemon or storage.
std::vector<std::string> names_for(const std::string& engine) {
  if (engine == "docker") return {kSocketVariable, kSearchPath};
  if (engine == "podman") return {"CONTAINERS_STORAGE_CONF", "CONTAINERS_CONF", kSearchPath};
  return {kSearchPath};
}

// NAME and VALUE; without a '=' all of it is the name.
std::pair<std::string, std::string> parts_of(const std::string& variable) {
  const auto equals = variable.find('=');
  if (equals == std::string::npos) return {variable, ""};
  return {variable.substr(0, equals), variable.substr(equals + 1)};
}

std::optional<std::string> value_in(const EngineEnvironment& environment, const std::string& name) {
  for (const auto& one : environment) {
    if (auto parts = parts_of(one); parts.first == name) return std::move(parts.second);
  }
  return std::nullopt;
}

std::optional<std::string> own_value(const std::string& name) {
  const char* own = std::getenv(name.c_str());
  return own ? std::optional<std::string>(own) : std::nullopt;
}

std::vector<std::string> directories_in(const std::string& search_path) {
  std::vector<std::string> all;
  std::istringstream rest(search_path);
  for (std::string one; std::getline(rest, one, ':');) all.push_back(one);
  return all;
}

Reason unfit(const std::string& variable, std::string why, std::string remedy) {
  return {fmt::format("{} {} cannot be", kOption, variable), std::move(why), std::move(remedy)};
}

// Nothing: it is one of those.
std::optional<Reason> why_no_value(const std::string& name, const std::string& value) {
  const auto variable = fmt::format("{}={}", name, value);
  if (value.size() > kLongestValue) return unfit(name + "=…", "it is too long", "");
  if (name == kSocketVariable) {
    const bool is_unix =
        value.starts_with(kUnixSocket) && base::is_plain_path(value.substr(kUnixSocket.size()));
    if (!is_unix)
      return unfit(variable, "that is no socket of the target itself",
                   "as DOCKER_HOST=unix:///run/other/docker.sock");
    if (value.size() - kUnixSocket.size() < sizeof sockaddr_un::sun_path) return std::nullopt;
    return unfit(variable, "no path of a socket can be that long",
                 "give the daemon a shorter one (dockerd --host)");
  }
  if (name == kSearchPath) {
    const auto all = directories_in(value);
    if (!all.empty() && std::ranges::all_of(all, base::is_plain_path)) return std::nullopt;
    return unfit(variable, "it is no list of absolute directories", "as PATH=/opt/engine/bin");
  }
  if (base::is_plain_path(value)) return std::nullopt;
  return unfit(variable, "it is no absolute path of a file",
               fmt::format("as {}=/etc/other.conf", name));
}

// Of one that is a value.
std::optional<Reason> why_not_here(const std::string& engine, const std::string& name,
                                   const std::string& value) {
  std::error_code none;
  const auto lacking = [](std::string what, std::string why, const std::string& remedy) {
    return Reason{std::move(what), std::move(why),
                  fmt::format("{}, or name another {}", remedy, kOption)};
  };
  if (name == kSocketVariable) {
    const auto socket = value.substr(kUnixSocket.size());
    if (fs::is_socket(socket, none)) return std::nullopt;
    return lacking(fmt::format("there is no socket {} here", socket),
                   "docker's daemon is to be found by it",
                   fmt::format("start that daemon there (dockerd --host {})", value));
  }
  if (name == kSearchPath) {
    if (!base::find_in_path(engine, value).empty()) return std::nullopt;
    return lacking(fmt::format("there is no {} in {} here", engine, value),
                   "it is to be called from there", "install it there");
  }
  if (fs::is_regular_file(value, none)) return std::nullopt;
  return lacking(fmt::format("there is no file {} here", value),
                 fmt::format("it is to be {}'s {}", engine, name), "put it there");
}

void set_variable(const std::string& name, const std::optional<std::string>& value) {
  if (value) {
    ::setenv(name.c_str(), value->c_str(), 1);
  } else {
    ::unsetenv(name.c_str());
  }
}

}  // namespace

EngineEnvironment engine_environment(const std::string& engine, const EngineEnvironment& named) {
  EngineEnvironment whole;
  for (const auto& name : names_for(engine)) {
    auto value = value_in(named, name);
    const auto own = own_value(name);
    if (value && name == kSearchPath && own) *value += ":" + *own;
    if (!value) value = own;
    if (value) whole.push_back(fmt::format("{}={}", name, *value));
  }
  return whole;
}

Reasons engine_environment_reasons(const std::string& engine, const EngineEnvironment& named) {
  Reasons reasons;
  const auto permitted = names_for(engine);
  std::set<std::string> seen;
  for (const auto& variable : named) {
    const auto [name, value] = parts_of(variable);
    if (name.size() == variable.size()) {
      reasons.push_back(unfit(variable, "it has no value", "NAME=VALUE"));
    } else if (std::ranges::find(permitted, name) == permitted.end()) {
      reasons.push_back(
          unfit(variable, fmt::format("{} is not found by that", engine),
                fmt::format("{} is found by {}", engine, fmt::join(permitted, ", "))));
    } else if (!seen.insert(name).second) {
      reasons.push_back(unfit(variable, fmt::format("{} was given before", name), "give it once"));
    } else if (auto why = why_no_value(name, value)) {
      reasons.push_back(std::move(*why));
    }
  }
  return reasons;
}

Reasons arrival_environment_reasons(const std::string& engine, const EngineEnvironment& named) {
  auto reasons = engine_environment_reasons(engine, named);
  if (!reasons.empty()) return reasons;
  for (const auto& variable : named) {
    const auto [name, value] = parts_of(variable);
    if (auto why = why_not_here(engine, name, value)) reasons.push_back(std::move(*why));
  }
  return reasons;
}

std::string shell_words_of(const EngineEnvironment& named) {
  std::string words;
  for (const auto& variable : named) {
    const auto [name, value] = parts_of(variable);
    words += fmt::format("{}={}{} ", name, base::shell_word(value), name == kSearchPath ? ":\"$PATH\"" : "");
  }
  return words.empty() ? "" : "env " + words;
}

EngineEnvironmentInForce::EngineEnvironmentInForce(const std::string& engine,
                                                   const EngineEnvironment& whole) {
  if (whole.empty()) return;
  for (const auto& name : names_for(engine)) {
    before_.emplace_back(name, own_value(name));
    set_variable(name, value_in(whole, name));
  }
}

EngineEnvironmentInForce::~EngineEnvironmentInForce() {
  for (const auto& [name, value] : before_) set_variable(name, value);
}

}  // namespace ferry::runtime
