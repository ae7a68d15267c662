// SPDX-License-Identifier: Apache-2.0
//
// Post-copy after the commit: the workload runs on the target, and its frozen copy here is the only
// place that has the rest of its memory. Serves it until the target has all of it, on whatever
// connection there is: the move's own, or new ones, when that was cut.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "migration/conversation.h"
#include "migration/page_server.h"
#include "migration/source.h"

namespace ferry::migration {

class Serving {
 public:
  // The tasks stay frozen for as long as this lives. `contact`, `notice` outlive it.
  Serving(const MoveOptions& contact, std::string job, ServedSpaces spaces,
          std::function<void(std::string_view)> notice);
  ~Serving();

  // On the connection that the target was told of the pages; faults are answered from now on.
  void begin(Conversation& talk, std::vector<transport::Link> lanes);
  // Until the target has them all or does not need them any more. A connection that is cut is made
  // again, for `patience`; then it throws what stood in the way (an Error). Throws Cancelled.
  void wait_until_arrived(base::milliseconds patience,
                          const std::function<void(uint64_t served)>& progress);

  // The copy is not needed any more, and is about to end.
  void stop();

  // On which the target said so.
  Conversation& talk() { return *talk_; }
  uint64_t bytes_sent() const { return bytes_before_ + (server_ ? server_->bytes_sent() : 0); }
  uint64_t bytes_served() const { return served_before_ + (server_ ? server_->bytes_served() : 0); }

 private:
  struct Connection;
  void connect();
  void connect_again(base::milliseconds patience, const std::string& why);
  bool has_arrived(const std::function<void(uint64_t)>& progress);
  void hang_up();

  const MoveOptions& contact_;
  const std::string job_;
  const ServedSpaces spaces_;
  const std::function<void(std::string_view)> notice_;
  std::unique_ptr<Connection> connection_;  // none: the move's own
  Conversation* talk_ = nullptr;            // none: there is no connection
  std::optional<PageServer> server_;
  bool not_needed_ = false;
  uint64_t bytes_before_ = 0, served_before_ = 0;
};

}  // namespace ferry::migration
