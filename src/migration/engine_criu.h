// SPDX-License-Identifier: Apache-2.0
//
// The CRIU of a container's engine: the engine is asked for a checkpoint or a restore, and what it starts as `criu` becomes a
// Session like that of a CRIU which ferry starts (criu/engine_call.h). From there on a container moves as every workload does.
#pragma once

#include "criu/image_set.h"
#include "criu/session.h"
#include "runtime/oci.h"

namespace ferry::migration {

// `environment`: of CRIU. The images and the engine's own notes go into `images`.
criu::Session start_dump_by_engine(const runtime::OciContainer& container, pid_t root, const criu::ImageSet& images,
                                   std::vector<std::string> environment);
// What its first process prints goes on into the log that ferry keeps of it. `netns`: for CRIU (criu::restore_into_network); -1: none.
criu::Session start_restore_by_engine(const runtime::OciContainer& container, const criu::ImageSet& images,
                                      std::vector<std::string> environment, int netns);

base::Path log_of(const runtime::OciContainer& container);  // of what came here

// Of an engine that keeps definitions (podman): its own archive of the container's, into `images` (kEngineArchive). The container does not
// notice. And the container made of it at the target, not started. Throw Error with the engine's words.
inline constexpr const char* kEngineArchive = "engine.tar";
inline constexpr const char* kLogTail = "engine-log.tail";  // what the container has said since
void export_definition(const runtime::OciContainer& container, pid_t root, const criu::ImageSet& images);
void import_definition(const runtime::OciContainer& container, const criu::ImageSet& images);

}  // namespace ferry::migration
