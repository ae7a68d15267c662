// SPDX-License-Identifier: Apache-2.0
//
// An open file that has no name any more keeps content and offset; so does one whose name is another file's by now.
#include "tracee.h"

int main(int argc, char** argv) {
  begin(argc, argv);
  const std::string content = pattern(3 << 20, 5);
  const int deleted = make_file("deleted", content);
  must(::unlink(path("deleted").c_str()));
  must(::lseek(deleted, 1000, SEEK_SET));
  const int replaced = make_file("replaced", "the old one");
  must(::unlink(path("replaced").c_str()));
  const int replacement = make_file("replaced", "the new one");

  ready_and_wait();
  require(read_at(deleted, 0, content.size() + 1) == content, "the deleted file's content");
  require_equal(::lseek(deleted, 0, SEEK_CUR), 1000, "its offset");
  struct stat status {};
  must(::fstat(deleted, &status));
  require_equal(static_cast<int64_t>(status.st_nlink), 0, "its links");
  require(::access(path("deleted").c_str(), F_OK) == -1 && errno == ENOENT, "it has no name");
  require(read_at(replaced, 0, 100) == "the old one", "the replaced file's content");
  require(read_at(replacement, 0, 100) == "the new one", "the replacing file's content");
  require(read_whole(path("replaced")) == "the new one", "what the name means");
  return pass();
}
