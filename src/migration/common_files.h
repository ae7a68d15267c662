// SPDX-License-Identifier: Apache-2.0
//
// Files of the workload that lie where both hosts see them: storage on the network, or one host's directory that virtual ones have in common. Such a file
// does not travel. It is proven, not guessed: the source makes an empty file of a random name beside it, and the target finds that name in the directory of
// the same path, and there the file itself, by its inode number. Where it cannot be proven the file travels as any other.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "migration/wire.pb.h"
#include "process/view.h"

namespace ferry::migration {

// At the source: the marks, as long as this lives.
class StorageMarks {
 public:
  // In the directories of these files, but not where the workload would notice (inotify). `making` is told of each before it is made.
  StorageMarks(const process::View& view, const std::vector<std::string>& files, const std::function<void(const std::string& path)>& making);
  StorageMarks(const StorageMarks&) = delete;
  StorageMarks& operator=(const StorageMarks&) = delete;
  ~StorageMarks();
  void describe(wire::Requirements& needed) const;

 private:
  struct Mark {
    std::string directory;  // as the workload sees it
    base::Fd opened;
  };
  std::string name_;
  std::vector<Mark> marks_;
};

// At the target, while the marks are there: the paths of those carried files that need not be.
std::set<std::string> common_files(const wire::Requirements& needed);

// At the source: what the target has said of them.
class CommonFiles {
 public:
  // `present`: paths of such files. Those are taken out of `files`, which it has been asked about; the others will travel.
  void learn(pid_t root, const google::protobuf::RepeatedPtrField<std::string>& present, std::vector<std::string>& files);
  // Takes them out of a later list, with those that were opened in the same directories since.
  void leave_out(std::vector<std::string>& files);
  // What was written goes to where the other host reads it, which a filesystem on the network puts off. Throws SysError: it did not.
  void write_back() const;

 private:
  pid_t root_ = 0;
  std::set<std::string> files_, others_;  // `others_` travel, though they may be in such a directory
  std::map<std::string, dev_t> directories_;
};

}  // namespace ferry::migration
