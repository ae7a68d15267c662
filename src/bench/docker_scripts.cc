// SPDX-License-Identifier: Apache-2.0
#include "bench/docker_scripts.h"

#include <fmt/format.h>

namespace ferry::bench {

namespace {

// Its own file system: an overlay cannot have its upper directory on another overlay, as the host's root is one.
constexpr const char* kStartDocker = R"sh(
  set -e
  mkdir -p /usr/local/sbin /etc/criu /etc/docker /var/lib/docker
  printf 'tcp-established\nlog-file {log}\n' >/etc/criu/runc.conf
  printf '{{"experimental": {experimental}}}\n' >/etc/docker/daemon.json
  rm -f /usr/sbin/criu
  if [ -n "{criu}" ]; then
    printf '#!/bin/sh\nexec env {environment} {criu} "$@"\n' >/usr/sbin/criu
    chmod 755 /usr/sbin/criu
  fi
  ferry engine setup >/dev/null
  mountpoint -q /var/lib/docker || mount -t tmpfs docker /var/lib/docker
  setsid dockerd </dev/null >/var/log/dockerd.log 2>&1 &
  for i in $(seq 300); do
    docker version --format '{{{{.Server.Version}}}}' 2>/dev/null && exit 0
    sleep 0.1
  done
  tail -n 20 /var/log/dockerd.log
  exit 1
)sh";

}  // namespace

std::string start_docker_script(const DockerSetup& setup) {
  return fmt::format(kStartDocker, fmt::arg("log", kCriuLog), fmt::arg("experimental", setup.experimental),
                     fmt::arg("criu", setup.criu.string()), fmt::arg("environment", setup.criu_environment));
}

const char* const kFillPythonRoot = R"sh(
  set -e
  mkdir -p bin usr/bin usr/lib usr/src tmp etc proc sys dev
  cp "$(command -v busybox)" bin/busybox
  for tool in sh cat ls sleep date ps id touch; do ln -s busybox bin/$tool; done
  python=$(readlink -f "$(command -v python3)")
  cp "$python" usr/bin/
  ln -s "${python##*/}" usr/bin/python3
  ln -s python3 usr/bin/python
  library=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
  mkdir -p ".$library"
  tar -C "$library" --exclude=test --exclude=__pycache__ --exclude=dist-packages --exclude='config-*' --exclude=idlelib \
      --exclude=ensurepip --exclude=lib2to3 -cf - . | tar -C ".$library" -xf -
  nginx=$(command -v nginx) && mkdir -p usr/sbin var/log/nginx && cp "$nginx" usr/sbin/ || nginx=
  { ldd "$python" $nginx; find ".$library/lib-dynload" -name '*.so' -exec ldd {} +; } 2>/dev/null |
    grep -o '/[^ )]*' | grep '\.so' | grep -v ':$' | sort -u |
    while read -r one; do
      mkdir -p ".${one%/*}"
      cp -L "$one" ".$one"
    done
  printf 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/:/bin/sh\n' >etc/passwd
  printf 'root:x:0:\nwww-data:x:33:\n' >etc/group
)sh";

const std::string kMakePythonImage = fmt::format(R"sh(
  cd "$(mktemp -d)"
  {}
  tar -cf - . | docker import --change 'CMD ["python3"]' - "$1"
)sh", kFillPythonRoot);

base::Path docker_layer(const base::Path& build_directory) { return build_directory / "docker"; }

base::Path podman_layer(const base::Path& build_directory) { return build_directory / "podman"; }

base::Path crun_layer(const base::Path& build_directory) { return build_directory / "crun"; }

base::Path docker_trixie_layer(const base::Path& build_directory) { return build_directory / "docker-trixie"; }

base::Path docker_forky_layer(const base::Path& build_directory) { return build_directory / "docker-forky"; }

}  // namespace ferry::bench
