// SPDX-License-Identifier: Apache-2.0
#include "criu/socket_address.h"

#include <arpa/inet.h>

#include <cstring>

#include "criu/image_file.h"

namespace ferry::criu {
namespace {

using Words = google::protobuf::RepeatedField<uint32_t>;

bool is_mapped(const Words& address) {  // ::ffff:0:0/96
  return address.size() == 4 && address[0] == 0 && address[1] == 0 && address[2] == htonl(0xffff);
}

uint32_t word_of(const kernel::IpAddr& address) {
  uint32_t word;
  std::memcpy(&word, address.bytes.data(), sizeof word);
  return word;
}

bool change(Words& address, uint32_t from, uint32_t to) {
  if (address.size() != 1 && !is_mapped(address)) return false;
  uint32_t& last = *address.rbegin();
  if (last != from) return false;
  last = to;
  return true;
}

}  // namespace

int change_socket_addresses(const base::Path& images, const kernel::IpAddr& from, const kernel::IpAddr& to) {
  ImageFile<image::OpenFile> files(images / "files.img");
  int changed = 0;
  for (auto& file : files.entries) {
    if (!file.has_isk()) continue;
    auto& socket = *file.mutable_isk();
    const bool own = change(*socket.mutable_src_addr(), word_of(from), word_of(to));
    const bool other = change(*socket.mutable_dst_addr(), word_of(from), word_of(to));
    if (own || other) ++changed;
  }
  if (changed > 0) files.write();
  return changed;
}

}  // namespace ferry::criu
