// SPDX-License-Identifier: Apache-2.0
//
// A static site on nginx: a master and two workers of another user, as distributions run it. It has
// no state to lose but its connections, so each answer is compared with the file, its processes
// with those before, and the load counts what failed.
#include <fmt/format.h>

#include "base/error.h"
#include "bench/conversation.h"
#include "bench/servers.h"

namespace ferry::bench {

namespace {

constexpr int kNginxPort = 8080;
constexpr size_t kPageBytes = 2000;

// No access log: under load it grows faster than anything else here.
constexpr const char* kConfiguration = R"(user www-data;
worker_processes 2;
pid /var/lib/ferry-bench/nginx/nginx.pid;
error_log stderr crit;
events { worker_connections 2048; }
http {
  access_log off;
  client_body_temp_path /var/lib/ferry-bench/nginx/body; proxy_temp_path /var/lib/ferry-bench/nginx/proxy;
  fastcgi_temp_path /var/lib/ferry-bench/nginx/fastcgi; uwsgi_temp_path /var/lib/ferry-bench/nginx/uwsgi;
  scgi_temp_path /var/lib/ferry-bench/nginx/scgi;
  keepalive_timeout 600; keepalive_requests 1000000000;
  server { listen 8080; root /var/lib/ferry-bench/nginx/site; }
}
)";

std::string page() {
  std::string text = "<!doctype html><title>ferry</title>\n";
  while (text.size() < kPageBytes) text += fmt::format("line at {}\n", text.size());
  return text;
}

class Nginx final : public Workload {
 public:
  explicit Nginx(const Hosts& hosts) : hosts_(hosts) {}

  void install(const std::string& host) const override {
    require_program(hosts_, host, kProgram, "nginx-light");
    hosts_.put_file(host, "/var/lib/ferry-bench/nginx/nginx.conf", kConfiguration);
    hosts_.put_file(host, "/var/lib/ferry-bench/nginx/site/index.html", page());
    hosts_.shell(host, "chmod -R a+rX /var/lib/ferry-bench && chown www-data /var/lib/ferry-bench/nginx");
  }
  base::Argv command() const override {
    return {kProgram, "-g", "daemon off;", "-c", "/var/lib/ferry-bench/nginx/nginx.conf"};
  }
  int port() const override { return kNginxPort; }
  void begin(const Running&) override {
    if (look() != page()) throw base::Error({"nginx does not serve its page", "", "", {}, {}});
  }
  std::optional<LoadTarget> load_target() const override {
    return LoadTarget{LoadTarget::Tool::kLoadTest,
                      fmt::format("http://{}:{}/", hosts_.address().ip, kNginxPort), false};
  }
  StateCheck check(const Running&, const load::Result*) override {
    StateCheck check;
    check.words = {"its page is the same, over new connections"};
    if (look() != page()) check.differences.push_back("its page has changed");
    return check;
  }

 private:
  std::string look() const {
    return http_get(hosts_, hosts_.roles().client, hosts_.address().ip, kNginxPort, "/");
  }
  static constexpr const char* kProgram = "/usr/sbin/nginx";
  const Hosts& hosts_;
};

}  // namespace

std::unique_ptr<Workload> make_nginx(const WorkloadSpec&, const Hosts& hosts) {
  return std::make_unique<Nginx>(hosts);
}

}  // namespace ferry::bench
