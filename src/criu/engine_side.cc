// SPDX-License-Identifier: Apache-2.0
#include "criu/engine_side.h"

#include <signal.h>

#include <filesystem>

#include "base/error.h"
#include "base/log.h"

namespace ferry::criu {
namespace {

// It writes a state file or runs a hook; seconds at most.
constexpr int kEngineAnswersMs = 15'000;

// CRIU takes a symbolic link for what is to be mounted, not what it leads to (criu/mount-v2.c: open_tree with AT_SYMLINK_NOFOLLOW); the engine
// meant that (docker's /usr/bin/docker-init, for one).
void follow_links(criu_opts& options) {
  for (auto& mount : *options.mutable_ext_mnt()) {
    std::error_code none;
    const auto real = std::filesystem::canonical(mount.val(), none);
    if (!none) mount.set_val(real.string());
  }
}

}  // namespace

EngineSide::EngineSide(base::Fd socket, kernel::ProcessId criu, std::string untold)
    : socket_(std::move(socket)), criu_(criu), untold_(std::move(untold)) {
  const auto asked = base::receive_message(socket_.get());
  if (!request_.ParseFromString(asked.bytes)) {
    throw base::Error({"cannot read what the engine asks of CRIU", "its request is no message of CRIU's protocol", "", {}, {}});
  }
}

EngineSide::~EngineSide() { kernel::signal_process(criu_, SIGKILL); }

criu_req EngineSide::with(const criu_req& ours) {
  CHECK(request_.type() == ours.type());
  criu_req both = request_;
  both.MergeFrom(ours);
  auto* options = both.mutable_opts();
  // Places that are the engine's, as numbers of its own descriptors; and a file of options that would win over these.
  options->clear_work_dir_fd();
  options->clear_config_file();
  options->clear_parent_img();
  if (both.type() == RESTORE) follow_links(*options);
  asked_ = true;
  return both;
}

// runc names one for each controller, and its CRIU is in them; crun names one for all, and its CRIU is not.
std::string EngineSide::cgroup() const {
  for (const auto& root : request_.opts().cg_root()) {
    if (!root.has_ctrl()) return root.path();
  }
  return {};
}

std::string EngineSide::ask() {
  if (!untold_.empty() && point_ == untold_) {
    criu_req in_its_place;
    in_its_place.set_type(NOTIFY);
    in_its_place.set_notify_success(true);
    return in_its_place.SerializeAsString();
  }
  std::vector<int> fds;
  for (const auto& fd : notification_.fds) fds.push_back(fd.get());
  try {
    base::send_message(socket_.get(), notification_.bytes, fds);
    notification_ = {};
    if (!base::wait_readable(socket_.get(), kEngineAnswersMs)) return {};
    return base::receive_message(socket_.get()).bytes;
  } catch (const base::SysError& gone) {
    base::log("the engine: {}", gone.what());
    return {};
  }
}

void EngineSide::tell(std::string_view response) noexcept {
  try {
    base::send_message(socket_.get(), response);
  } catch (const std::exception& gone) {
    base::log("the engine: {}", gone.what());
  }
}

}  // namespace ferry::criu
