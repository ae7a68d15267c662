// SPDX-License-Identifier: Apache-2.0
//
// Docker through its own daemon: its API over the Unix socket that its client would use, and `docker save`/`docker load` for
// images. The API rather than the client's flags, because a container's whole configuration goes through it as it is, and because
// each start of the client would cost the pause 50 ms.
#pragma once

#include <functional>

#include "runtime/backend.h"
#include "runtime/local_http.h"

namespace ferry::runtime {

class Docker : public Backend {
 public:
  // Finds the daemon as `docker` does: DOCKER_HOST, else the usual socket.
  Docker();
  explicit Docker(base::Path socket) : socket_(std::move(socket)) {}

  EngineFacts facts() override;
  process::Reasons host_reasons() override;

  std::optional<Container> find(const std::string& name_or_id) override;
  process::Reasons own_reasons(const Container& container) override;
  process::Reason why_connections_stay(const Container& container) override;
  base::Argv save_image_command(const Container& container, bool by_name) override;
  void checkpoint(const std::string& id, const std::string& name) override;
  void drop_checkpoint(const std::string& id, const std::string& name) override;

  process::Reasons arrival_reasons(const std::string& name, const nlohmann::json& configuration) override;
  std::string image_of_name(const std::string& image_name) override;
  bool has_image(const std::string& image_id) override;
  base::Argv load_image_command() override;
  std::string create(const std::string& name, const std::string& image,
                     const nlohmann::json& configuration) override;

  base::Path checkpoint_directory(const std::string& id, const std::string& name) override;
  base::Path writable_layer(const std::string& id) override;
  base::Path log_path(const std::string& id) override;
  void restore(const std::string& id, const std::string& checkpoint) override;
  nlohmann::json restart_policy(const nlohmann::json& configuration) override;
  void set_restart_policy(const std::string& id, const nlohmann::json& policy) override;
  void remove(const std::string& id) override;
  bool reads_log(const std::string& id) override;

 private:
  static bool is_installed();
  HttpAnswer ask_daemon(const HttpRequest& request) const;
  nlohmann::json get(const std::string& target) const;                 // throws Error
  std::optional<nlohmann::json> find_json(const std::string& target) const;  // nothing: 404
  HttpAnswer post(const std::string& target, const nlohmann::json& body) const;
  void must(const HttpAnswer& answer, const std::string& what) const;
  static void must_by_criu(const HttpAnswer& answer, const std::string& what);  // says CRIU's reason
  base::Path container_directory(const std::string& id);
  const nlohmann::json& info();

  base::Path socket_;
  std::string remote_;  // DOCKER_HOST, when that is not a socket of this host
  std::optional<nlohmann::json> info_;
};

// The daemon's own words in an answer that is no success.
std::string docker_words(const HttpAnswer& answer);

}  // namespace ferry::runtime
