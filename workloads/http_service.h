// SPDX-License-Identifier: Apache-2.0
//
// A small HTTP/1.1 service for a workload to be asked by: GET only, keep-alive, one thread. A
// client that does not take its answers is dropped, not waited for.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace ferry::workloads {

struct Answer {
  int status = 200;
  std::string body;
};

class HttpService {
 public:
  // `answer` gets the path with its query.
  using Handler = std::function<Answer(std::string_view path)>;

  // Port 0: any free one. Throws SysError.
  HttpService(const std::string& address, uint16_t port, Handler handler);

  uint16_t port() const { return port_; }
  // Serves what has come, or waits for it as long as told.
  void serve(int wait_ms);

 private:
  void accept_all();
  bool read(int fd, std::string& waiting);  // false: the connection is over
  bool answer(int fd, std::string_view head);

  const Handler handler_;
  base::Fd listener_, epoll_;
  uint16_t port_ = 0;
  std::map<int, std::pair<base::Fd, std::string>> open_;  // with what is no whole request yet
};

}  // namespace ferry::workloads
