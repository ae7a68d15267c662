// SPDX-License-Identifier: Apache-2.0
//
// Docker's daemon: its API over the Unix socket that its client would use. The API rather than the
// client's flags, because a container's whole configuration goes through it as it is.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/local_http.h"

namespace ferry::runtime {

class DockerApi {
 public:
  // Finds the daemon as `docker` does: DOCKER_HOST, else the usual socket. Nothing is asked yet.
  DockerApi();

  bool is_installed() const;  // it may still not run

  // Throw Error: refused when there is no daemon of this host, else with its own words after
  // `failed`.
  nlohmann::json get(const std::string& target) const;
  std::optional<nlohmann::json> find(const std::string& target) const;  // nothing: 404
  nlohmann::json post(const std::string& target, const nlohmann::json& body,
                      const std::string& failed) const;
  void remove(const std::string& target, const std::string& failed) const;  // 404, 409: it goes

  // containerd and runc inherit it from the daemon, and look CRIU up in it.
  std::string daemon_search_path() const;

 private:
  std::optional<pid_t> daemon_pid() const;
  HttpAnswer ask_daemon(const HttpRequest& request) const;

  base::Path socket_;
  std::string remote_;  // DOCKER_HOST, when that is not a socket of this host
};

}  // namespace ferry::runtime
