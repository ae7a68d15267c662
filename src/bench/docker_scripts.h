// SPDX-License-Identifier: Apache-2.0
//
// Docker on a virtual host, as shell scripts that run inside it: the daemon started (it ends with
// the host), and an image made of what the host itself has, since there is no registry to pull
// from.
#pragma once

#include <string>

#include "base/fd.h"

namespace ferry::bench {

struct DockerSetup {
  base::Path criu;               // what the daemon shall find as criu on its PATH; empty: none
  std::string criu_environment;  // "NAME=VALUE": for that criu alone
  bool experimental = true;      // as in the recipe's /etc/docker/daemon.json
};
// Where CRIU writes its log for docker (runc.conf): without that, it goes with the container that
// could not be restored.
inline constexpr const char* kCriuLog = "/var/log/criu.log";
// Starts dockerd, which finds ferry as its criu (`ferry engine setup`), and waits until it answers;
// prints "VERSION". Fails with the end of its log.
std::string start_docker_script(const DockerSetup& setup);

// `bash -c SCRIPT bash NAME`: imports an image called NAME with busybox and the host's own Python, and
// nginx if it has one.
extern const std::string kMakePythonImage;
// What is in it, into the current directory.
extern const char* const kFillPythonRoot;

// Where tools/get-docker has put the layers.
base::Path docker_layer(const base::Path& build_directory);         // of the machine's own suite
base::Path podman_layer(const base::Path& build_directory);         // tools/get-podman
base::Path crun_layer(const base::Path& build_directory);           // tools/get-crun
base::Path docker_trixie_layer(const base::Path& build_directory);  // a whole userland of Debian 13
base::Path docker_forky_layer(const base::Path& build_directory);   // of the one after

}  // namespace ferry::bench
