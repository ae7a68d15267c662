// SPDX-License-Identifier: Apache-2.0
#include "transport/bundle.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "base/subprocess.h"

namespace ferry::transport {
namespace {

namespace fs = std::filesystem;
using base::Path;

constexpr size_t kChunkBytes = size_t{1} << 20;

class Hasher {
 public:
  Hasher() { XXH3_128bits_reset(state_.get()); }
  void add(std::span<const std::byte> bytes) {
    XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
  }
  void add(std::string_view text) {
    add(std::as_bytes(std::span(text)));
    add(std::as_bytes(std::span("", 1)));  // "ab" + "c" is not "a" + "bc"
  }
  std::string hex() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_{XXH3_createState()};
};

uint64_t add_content(Hasher& hasher, const Path& path) {
  const base::Fd fd = base::open_file(path, O_RDONLY);
  std::vector<std::byte> chunk(kChunkBytes);
  uint64_t total = 0;
  while (const size_t got = base::read_full(fd.get(), chunk)) {
    hasher.add(std::span(chunk).first(got));
    total += got;
  }
  hasher.add(std::to_string(total));
  return total;
}

void add_entry(Hasher& hasher, const Path& root, const Path& path, uint64_t& bytes) {
  const fs::file_status status = fs::symlink_status(path);
  hasher.add(path.lexically_relative(root).string());
  hasher.add(fmt::format("{} {:o}", static_cast<int>(status.type()),
                         static_cast<unsigned>(status.permissions())));
  if (fs::is_symlink(status)) hasher.add(fs::read_symlink(path).string());
  if (fs::is_regular_file(status)) bytes += add_content(hasher, path);
}

std::vector<Path> sorted_tree(const Path& top) {
  std::vector<Path> paths{top};
  if (fs::is_directory(fs::symlink_status(top))) {
    for (const auto& entry : fs::recursive_directory_iterator(top)) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

Bundle find_bundle(const Path& directory) {
  Bundle bundle;
  bundle.directory =
      directory.empty() ? fs::read_symlink("/proc/self/exe").parent_path() : directory;
  if (!fs::is_regular_file(bundle.directory / "ferry")) {
    throw base::Error(
        {"cannot find ferry's own program",
         fmt::format("there is no {} (any more)", (bundle.directory / "ferry").string()),
         "run it again from where it is installed",
         {},
         {}});
  }
  bundle.members = {"ferry"};
  if (fs::exists(bundle.directory / "libferry-criu.so"))
    bundle.members.push_back("libferry-criu.so");
  // In /usr/bin, `criu` would be the host's own program; ours is a directory with its libraries.
  if (fs::is_directory(bundle.directory / "criu")) bundle.members.push_back("criu");
  Hasher hasher;
  for (const auto& member : bundle.members) {
    for (const Path& path : sorted_tree(bundle.directory / member)) {
      add_entry(hasher, bundle.directory, path, bundle.bytes);
    }
  }
  bundle.id = hasher.hex();
  return bundle;
}

std::string pack_bundle(const Bundle& bundle) {
  base::Argv argv{
      "tar", "--owner=0", "--group=0", "--numeric-owner", "-C", bundle.directory.string(),
      "-cf", "-"};
  argv.insert(argv.end(), bundle.members.begin(), bundle.members.end());
  base::Finished tar = base::run(argv);
  if (tar.status == 0) return std::move(tar.out);
  throw base::Error({"cannot pack ferry for the target", tar.err, "", {}, {}});
}

}  // namespace ferry::transport
