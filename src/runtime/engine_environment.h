// SPDX-License-Identifier: Apache-2.0
//
// The environment by which an engine is found as its own client finds it: docker's socket, podman's
// configuration, the directories that its program is in. The user's own at the source; at the
// target what ferry is told there
// (--target-engine-env), else that of its session. A container is noted with it, so that whoever
// finishes its move asks the same engine.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "process/reason.h"

namespace ferry::runtime {

// "NAME=VALUE" each. One of an engine is whole: of the names that lead to it, what is not in it is
// unset.
using EngineEnvironment = std::vector<std::string>;

// Of this process. `named`: instead of that; but the directories of a PATH come before the others.
EngineEnvironment engine_environment(const std::string& engine,
                                     const EngineEnvironment& named = {});

// Why `engine` cannot be found by what was named, by the words alone; empty: it can.
process::Reasons engine_environment_reasons(const std::string& engine,
                                            const EngineEnvironment& named);
// The same where a container is to arrive: files, sockets and programs are looked for on this host.
process::Reasons arrival_environment_reasons(const std::string& engine,
                                             const EngineEnvironment& named);

// What makes a command of a shell run with it, to be put before that; empty: nothing is needed.
std::string shell_words_of(const EngineEnvironment& named);

// In force in this process, and so for what it starts, as long as this lives. To be made and ended
// while no other thread may look at the environment.
class EngineEnvironmentInForce {
 public:
  // Of a whole one. An empty one, as of a container that an older ferry has noted, changes nothing.
  EngineEnvironmentInForce(const std::string& engine, const EngineEnvironment& whole);
  EngineEnvironmentInForce(const EngineEnvironmentInForce&) = delete;
  EngineEnvironmentInForce& operator=(const EngineEnvironmentInForce&) = delete;
  ~EngineEnvironmentInForce();

 private:
  std::vector<std::pair<std::string, std::optional<std::string>>> before_;
};

}  // namespace ferry::runtime
