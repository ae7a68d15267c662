// SPDX-License-Identifier: Apache-2.0
//
// The CRIU of a container's engine: the engine is asked for a checkpoint or a restore, and what it starts as `criu` becomes a
// Session like that of a CRIU which ferry starts (criu/engine_call.h). From there on a container moves as every workload does.
#pragma once

#include "criu/image_set.h"
#include "criu/session.h"
#include "migration/wire.pb.h"
#include "runtime/oci.h"

namespace ferry::migration {

// `environment`: of CRIU. The images and the engine's own notes go into `images`.
criu::Session start_dump_by_engine(const runtime::OciContainer& container, pid_t root, const criu::ImageSet& images,
                                   std::vector<std::string> environment);
// What its first process prints goes on into the log that ferry keeps of it, unless its engine does. `netns`: for CRIU (criu::restore_into_network); -1: none.
criu::Session start_restore_by_engine(const runtime::OciContainer& container, const criu::ImageSet& images,
                                      std::vector<std::string> environment, int netns);

base::Path log_of(const runtime::OciContainer& container);  // of what came here

// podman's own archive of a container's definition, into `images`; the container does not notice. Throws Error with podman's words.
inline constexpr const char* kEngineArchive = "engine.tar";
// `keeps_address`: it has one that moves along; else that on its engine's network is of this host only.
void export_definition(const runtime::OciContainer& container, pid_t root, bool keeps_address, const criu::ImageSet& images);
// Of an engine that keeps definitions: the container made at the target, not started; podman of the archive among the images, docker of
// `told`. Its id here may be another one. Throws Error with the engine's words.
runtime::OciContainer define_container(const runtime::OciContainer& wanted, const wire::EngineContainer& told, const criu::ImageSet& images);

inline constexpr const char* kLogTail = "engine-log.tail";  // what the container has said since

}  // namespace ferry::migration
