# SPDX-License-Identifier: Apache-2.0
#
# `make demo` and `make test` do all of their own set-up and say what they do. Nothing is started on this machine by
# installing, and nothing outside build/ is changed but for development packages.

BUILD ?= build
JOBS ?= $(shell nproc)
# Servers and tools that run inside the lab's virtual hosts only: unpacked, never installed on this machine.
LAYER := openssh-server openssh-client openssh-sftp-server rsync redis-server redis-tools nginx-light python3 \
         tcpdump tshark curl iproute2 iputils-ping fping procps wrk iperf3 postgresql-15

# The browser that opens the report in a test, with a font that has Chinese; unpacked too.
BROWSER := chromium-headless-shell fonts-wqy-microhei

.PHONY: all browser crun qemu demo test test-all faults bench assignment assignment-hosts setup clean
all: setup
	@cmake --build $(BUILD) --parallel $(JOBS) --target ferry ferry-criu workloads -- --no-print-directory -s

setup:
	@tools/install-deps
	@tools/get-criu $(BUILD)/criu
	@tools/get-uplot $(BUILD)/uplot
	@tools/get-layer $(BUILD)/layer $(LAYER)
	@tools/get-docker $(BUILD)/docker
	@tools/get-podman $(BUILD)/podman
	@test -f $(BUILD)/Makefile || { echo "configuring the build"; cmake -S . -B $(BUILD) -DCMAKE_UNITY_BUILD=ON >$(BUILD)/configure.log || { cat $(BUILD)/configure.log; exit 1; }; }
	@test -x $(BUILD)/ferry || echo "building ferry (a few minutes the first time)"

# A live web counter moves to another host and back under load; prints what its clients noticed, and writes report.html.
demo: all
	@$(BUILD)/ferry bench demo --layer $(BUILD)/layer -o report.html

test: all browser crun
	@cmake --build $(BUILD) --parallel $(JOBS) -- --no-print-directory -s
	@echo "running the tests"
	@cd $(BUILD) && ctest --parallel $(JOBS) --output-on-failure --label-exclude slow

# Also what is too slow for every change.
test-all: all browser crun qemu
	@cmake --build $(BUILD) --parallel $(JOBS) -- --no-print-directory -s
	@cd $(BUILD) && ctest --parallel $(JOBS) --output-on-failure

browser:
	@tools/get-layer $(BUILD)/chromium $(BROWSER)

# For containers of crun: that of Debian 12 is built without CRIU.
crun:
	@tools/get-crun $(BUILD)/crun

# Another kernel than this machine's, to boot in a virtual machine.
qemu:
	@tools/get-qemu $(BUILD)/qemu || echo "without qemu and its kernel the tests OtherKernel.* are skipped"

# Kills ferry, CRIU and links at every point of a move, N times, and counts what is left alive: make faults N=1000 SEED=7
N ?= 200
SEED ?= 1
faults: all
	@cmake --build $(BUILD) --parallel $(JOBS) --target fault_campaign -- --no-print-directory -s
	@$(BUILD)/tests/fault_campaign $(N) --seed $(SEED)

# Where the pause goes, against CRIU's own dump and restore in the same minute.
bench: all
	@$(BUILD)/ferry bench pause --layer $(BUILD)/layer

# Unlike hosts for the assignment: a Debian 13 and a forky with their own docker, or podman and runc, and an older CRIU (1.3 GB).
assignment-hosts: all
	@tools/get-docker --suite trixie $(BUILD)/docker-trixie
	@tools/get-docker --suite forky $(BUILD)/docker-forky
	@tools/get-podman --suite trixie $(BUILD)/podman-trixie
	@tools/get-podman --suite forky $(BUILD)/podman-forky
	@tools/get-criu --suite trixie $(BUILD)/criu-trixie

# The original recipe by its own commands and ferry's one command beside it; writes docs/compatibility.md.
assignment: assignment-hosts
	@$(BUILD)/ferry bench assignment --layer $(BUILD)/layer -o assignment.html --compatibility docs/compatibility.md

clean:
	rm -rf $(BUILD)
