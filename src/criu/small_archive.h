// SPDX-License-Identifier: Apache-2.0
//
// What CRIU keeps of a tmpfs is an archive that it has tar(1) make and unpack (criu/filesystems.c,
// tmpfs_dump and tmpfs_restore): three programs started for each mount on either side, of which a
// container has half a dozen, most of them empty. Here the small ones are made and unpacked without
// them. What is written is a plain .tar.gz (POSIX.1-1988 ustar; RFC 1952 and 1951, stored blocks),
// so tar(1) can unpack it, too.
//
// Loaded into the criu process only; for the child that would have become tar(1).
#pragma once

namespace ferry::criu {

// All that is in the directory `from` (an open descriptor), written to `to`. False: nothing is
// written, since this is nothing for us: too much, names that are too long, hard links, sockets, or
// what cannot be read.
bool write_small_archive(int from, int to);

// The archive from where `from` stands, unpacked into the directory `into`. False: none of ours, or
// something could not be made; `from` stands where it stood, and tar(1) may do all of it anew.
bool unpack_small_archive(int from, const char* into);

}  // namespace ferry::criu
