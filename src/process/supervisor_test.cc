// SPDX-License-Identifier: Apache-2.0
#include "process/supervisor.h"

#include <gtest/gtest.h>

namespace ferry::process {
namespace {

using Kind = Supervisor::Kind;
const std::string kId(64, 'a');

struct Case {
  const char* description;
  std::string cgroups;
  std::optional<Kind> kind;
  std::string name;
};

TEST(Supervisor, IsToldByTheCgroup) {
  const Case cases[] = {
      {"a unit, v2", "0::/system.slice/nginx.service\n", Kind::kSystemd, "nginx.service"},
      {"a unit, v1", "4:memory:/system.slice/redis.service\n1:name=systemd:/system.slice/redis.service\n", Kind::kSystemd, "redis.service"},
      {"an instance", "0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n", Kind::kSystemd, "postgresql@15-main.service"},
      {"a part of a unit", "0::/system.slice/app.service/worker\n", Kind::kSystemd, "app.service"},
      {"a user's unit", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/sync.service\n", Kind::kSystemd, "sync.service"},
      {"a login", "0::/user.slice/user-0.slice/session-3.scope\n", std::nullopt, ""},
      {"a user's manager", "0::/user.slice/user-1000.slice/user@1000.service/init.scope\n", std::nullopt, ""},
      {"a terminal on a desktop", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-term-1.scope\n", std::nullopt, ""},
      {"a session of an sshd without PAM", "0::/system.slice/ssh.service\n", std::nullopt, ""},
      {"a job of cron", "1:name=systemd:/system.slice/cron.service\n", std::nullopt, ""},
      {"nothing", "0::/\n", std::nullopt, ""},
      {"a freezer of ferry's", "7:freezer:/ferry/web\n0::/\n", std::nullopt, ""},
      {"docker by systemd", "0::/system.slice/docker-" + kId + ".scope\n", Kind::kDocker, kId},
      {"docker by cgroupfs", "5:memory:/docker/" + kId + "\n", Kind::kDocker, kId},
      {"podman", "0::/machine.slice/libpod-" + kId + ".scope/container\n", Kind::kPodman, kId},
      {"rootless podman", "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope\n", Kind::kPodman, kId},
      {"podman by cgroupfs", "0::/libpod_parent/" + kId + "\n", Kind::kPodman, kId},
      {"containerd", "3:cpu:/default/" + kId + "\n", Kind::kContainerd, kId},
      {"cri-o", "0::/system.slice/crio-" + kId + ".scope\n", Kind::kCrio, kId},
      {"a pod", "0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-" + kId + ".scope\n", Kind::kKubernetes, kId},
      {"a pod by cgroupfs", "3:cpu:/kubepods/besteffort/podffff/" + kId + "\n", Kind::kKubernetes, kId},
      {"LXC", "0::/lxc.payload.mail/system.slice/ssh.service\n", Kind::kLxc, "mail"},
      {"a virtual machine", "0::/machine.slice/machine-qemu\\x2d1\\x2dvm.scope\n", Kind::kMachine, "machine-qemu\\x2d1\\x2dvm.scope"},
      {"garbage", "what is this\n::::/\n", std::nullopt, ""},
  };
  for (const auto& one : cases) {
    const auto found = supervisor_in_cgroups(one.cgroups);
    ASSERT_EQ(found.has_value(), one.kind.has_value()) << one.description << (found ? found->name : "");
    if (!found) continue;
    EXPECT_EQ(found->kind, *one.kind) << one.description;
    EXPECT_EQ(found->name, one.name) << one.description;
  }
}

TEST(Supervisor, IsExplainedWithTheRightCommand) {
  EXPECT_NE(explain({Kind::kSystemd, "nginx.service"}, "nginx (pid 7)").remedy.find("systemctl stop nginx.service"), std::string::npos);
  const auto docker = explain({Kind::kDocker, kId}, "app (pid 7)");
  EXPECT_EQ(docker.what, "app (pid 7) belongs to the docker container aaaaaaaaaaaa");
  EXPECT_NE(docker.remedy.find("ferry move docker:NAME"), std::string::npos);
}

}  // namespace
}  // namespace ferry::process
