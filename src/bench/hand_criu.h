// SPDX-License-Identifier: Apache-2.0
//
// The way without ferry: `criu dump`, `scp`, `criu restore`, typed by somebody who knows how. The
// images lie on a tmpfs, CRIU's probe of the kernel is cached, the program's pids are free on the
// other host, and it has a network namespace with an address of its own whose port is taken off the
// bridge for as long as no socket is behind it (else its clients would be reset). The neighbour
// entries go along and the new place is announced, without which the first answer takes a second
// more. All of it is one script on the source, so that no time is lost between the steps.
#pragma once

#include <array>

#include "bench/way.h"

namespace ferry::bench {

// bash's command line for a script of hand_criu_scripts.h and what follows it.
base::Argv hand_script(const Hosts& hosts, bool serves, const std::string& text, const base::Argv& arguments);

class HandCriu final : public Way {
 public:
  enum class Memory { kCopied, kPulled };  // within the pause; after it ("--lazy-pages")
  HandCriu(const Hosts& hosts, Memory memory) : HandCriu(hosts, memory, hosts.criu()) {}
  // `criu`: its command line on either host, up to its arguments.
  HandCriu(const Hosts& hosts, Memory memory, base::Argv criu)
      : hosts_(hosts), memory_(memory), criu_(std::move(criu)) {}

  std::string name() const override;
  void start(const Workload& workload, const std::string& host) override;
  MadeMove move(const Leg& leg) override;
  bool end() override;
  std::string output() const override;

 private:
  base::Argv script(const std::string& text, const base::Argv& arguments) const {
    return hand_script(hosts_, serves_, text, arguments);
  }
  std::vector<std::string> typed(const Leg& leg) const;
  void widen_pipes();

  const Hosts& hosts_;
  Memory memory_;
  base::Argv criu_;
  bool serves_ = true;
  std::string at_;  // the host where it is
  // As they were: host, file, value.
  std::vector<std::array<std::string, 3>> pipe_limits_;
};

// The move's phases from what the script says: a line "NAME µs-since-the-epoch" as each begins, the
// last one "done", "settle" when it runs already; "bytes N" and "memory N". Throws Error when it is
// something else.
MadeMove made_by_hand(const std::string& said, int64_t started_ns, int64_t ended_ns,
                      int64_t ahead_ns);

// The move that `script` makes on the source, whose steps somebody has to type as `typed`. What moves it, and in which mode, is the
// caller's to say.
MadeMove move_by_script(const Hosts& hosts, const Leg& leg, const base::Argv& script, std::vector<std::string> typed);

// What a script said besides that, as one line; without the log files that docker names and removes.
std::string complaint(const std::string& said, const std::string& errors);

}  // namespace ferry::bench
