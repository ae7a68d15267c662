// SPDX-License-Identifier: Apache-2.0
//
// rsync(1) of a tree of this host to another one, or of a single file. To start it on both hosts
// takes longer than to send what little has changed: so it can be started before it is known what
// that is, and waits for the list.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/program_words.h"
#include "base/subprocess.h"
#include "transport/bootstrap.h"

namespace ferry::migration {

struct RsyncWay {
  base::Path here, there;
  bool is_file = false;
  transport::Destination destination;
  std::vector<std::string> ssh_options;
};

class Rsync {
 public:
  enum class What {
    kAll,     // and nothing else stays there
    kListed,  // directories with all that is in them; what is listed and not here is removed there
    kListedAnew,  // files, whatever their times say
    kAnew,        // all, whatever their times say
  };
  // Started: kListed and kListedAnew wait for their list.
  Rsync(const RsyncWay& way, What what);

  bool has_ended();
  // Relative to the tree; once.
  void give(const std::vector<std::string>& paths);
  enum class Tree { kChanges, kStandsStill };
  // `meanwhile`, called some hundred times a second, may throw, which ends it. Throws Error with
  // rsync's words.
  void finish(const std::function<void()>& meanwhile, Tree tree);

 private:
  void push();
  std::string name_;  // for people
  base::ProgramWords words_;
  base::Fd list_;     // where it reads its list
  std::string left_;  // of the list
  base::Child child_;
  std::optional<int> status_;
};

}  // namespace ferry::migration
