// SPDX-License-Identifier: Apache-2.0
//
// The processes of a relay from the inside (relay_process.h). What they are asked and answer, over
// a socket whose end is the end of whoever asks:
//
//     {task}, descriptors   →  "done", of an exit with its port; or why it could not
//     "know"                →  "done"          of an exit
//     "serve", with a pid   →  "done"          from here on the socket means nothing
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "base/fd_message.h"
#include "base/log.h"
#include "handover/entrance_serving.h"
#include "handover/exit_serving.h"
#include "handover/relay_process.h"
#include "transport/lanes.h"

namespace ferry::handover {

namespace {

using nlohmann::json;

constexpr base::milliseconds kFirstWordLimit{5'000};  // of a lane that has just been opened
constexpr base::milliseconds kLongWait{60 * 60'000};  // no deadline: the socket's end ends it
constexpr size_t kLanes = 2;
constexpr const char* kServe = "serve";

void answer(int control, const std::string& text = {}) {
  base::send_message(control, "done " + text);
}

std::vector<PublishedPort> ports_of(const json& task) {
  return parse_ports(task.at("ports").get<std::vector<std::string>>());
}

transport::Key key_of(const json& task) {
  transport::Key key;
  if (!transport::from_hex(task.at("key").get<std::string>(), key))
    throw base::Error({"a relay", "its key is none", {}, {}, {}});
  return key;
}

RelayRecord record_of(const json& task, RelayEnd end) {
  RelayRecord record;
  record.name = task.at("name");
  record.end = end;
  record.process = kernel::find_process(::getpid()).value();
  record.ports = ports_of(task);
  record.peer = task.at("peer");
  record.since_ns = base::real_ns();
  return record;
}

// Its own words from here on go to a file beside the relay's.
void log_to(const RelayRecord& record) {
  const auto path = relay_log(record.name, record.end);
  std::filesystem::create_directories(path.parent_path());
  const auto log = base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (::dup2(log.get(), STDERR_FILENO) < 0) throw base::SysError("dup2", errno, "the relay's log");
  base::set_log(true, "relay");
}

// Nothing: the socket has ended, or the process is to.
std::optional<std::string> next_word(int control, int stop_fd) {
  pollfd places[2] = {{control, POLLIN, 0}, {stop_fd, POLLIN, 0}};
  while (::poll(places, 2, -1) < 0) {
    if (errno != EINTR) throw base::SysError("poll", errno, "a relay's socket");
  }
  if (places[1].revents != 0) return std::nullopt;
  auto word = base::receive_message(control).bytes;
  if (word.empty()) return std::nullopt;
  return word;
}

int serve_until_end(const RelayRecord& record, const std::function<std::string()>& run) {
  base::log("{} ({} {}) is relayed from now on", record.name,
            record.end == RelayEnd::kExit ? "from" : "to", record.peer);
  const auto why = run();
  base::log("it has ended: {}", why);
  return 0;
}

// Written before anybody is told that it serves; removed at its end.
class Registered {
 public:
  explicit Registered(const RelayRecord& record) : record_(record) { write_relay(record_); }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;
  ~Registered() { remove_relay(record_); }

 private:
  const RelayRecord& record_;
};

// ---- at the source ----

transport::Link open_lane_as(const json& task, const char* word) {
  auto lane = transport::open_lane(
      {task.at("address").get<std::string>(), task.at("port").get<uint16_t>()}, key_of(task));
  if (lane.send(transport::FrameType::kMessage, word) != transport::Io::kDone)
    throw base::Error({"a relay's lane", lane.close_reason(), {}, {}, {}});
  return lane;
}

bool is_whole(transport::Link& lane) {
  transport::Frame frame;
  return lane.recv(frame, base::mono_now()) != transport::Io::kClosed;
}

int run_entrance(const json& task, std::vector<base::Fd> fds, int control, int stop_fd) {
  auto record = record_of(task, RelayEnd::kEntrance);
  log_to(record);
  RelayEntrance entrance(record.name, record.ports, std::move(fds), task.at("links"));
  RelayLanes lanes{open_lane_as(task, kLaneThere), open_lane_as(task, kLaneBack)};
  const RelayPolicy policy{task.at("keep"), base::milliseconds(task.at("idle_ms").get<int64_t>())};
  record.is_kept = policy.keep;
  answer(control);
  const auto word = next_word(control, stop_fd);
  if (!word || *word != kServe) return 0;  // the entrance's end gives back
  if (!is_whole(lanes.back))
    throw base::Error({"the relay", "the other host has closed its lane", {}, {}, {}});
  record.since_ns = base::real_ns();
  const Registered registered(record);
  EntranceServing serving(std::move(entrance),
                          kernel::IpAddr::parse(task.at("workload").get<std::string>()), policy,
                          record, std::move(lanes));
  answer(control);
  return serve_until_end(record, [&] { return serving.run(stop_fd); });
}

// ---- at the target ----

RelayExitPlace place_of(const json& task) {
  RelayExitPlace place;
  place.link = task.at("link");
  place.workload_mac = kernel::MacAddr::parse(task.at("workload_mac").get<std::string>());
  place.gateway_mac = kernel::MacAddr::parse(task.at("gateway_mac").get<std::string>());
  place.address = kernel::IpPrefix::parse(task.at("workload").get<std::string>());
  place.ports = ports_of(task);
  return place;
}

transport::Listener listener_of(const json& task) {
  const transport::PortRange ports{task.at("first_port"), task.at("last_port")};
  return {task.at("address"), ports.first == 0 ? std::nullopt : std::optional(ports)};
}

// The next lane, in its place; false: `control` has something to say first.
bool accept_one(transport::Listener& listener, const transport::Key& key, int control,
                std::optional<transport::Link>& there, std::optional<transport::Link>& back) {
  auto lane = transport::accept_lane(listener, key, base::mono_now() + kLongWait, control);
  if (!lane) return false;
  transport::Frame word;
  if (lane->recv(word, base::mono_now() + kFirstWordLimit) != transport::Io::kDone) return true;
  if (word.text() == kLaneThere) there = std::move(*lane);
  if (word.text() == kLaneBack) back = std::move(*lane);
  return true;
}

std::optional<kernel::ProcessId> root_in(const std::string& word) {
  pid_t pid = 0;
  std::from_chars(word.data() + std::string_view(kServe).size() + 1, word.data() + word.size(),
                  pid);
  if (pid == 0) return std::nullopt;
  const auto process = kernel::find_process(pid);
  if (!process) throw base::Error({"the relay", "the workload has gone", {}, {}, {}});
  return process;
}

int run_exit(const json& task, std::vector<base::Fd> fds, int control, int stop_fd) {
  auto record = record_of(task, RelayEnd::kExit);
  log_to(record);
  const auto place = place_of(task);
  auto flows = std::make_unique<RelayedFlows>(record.name, place);
  auto listener = std::make_optional(listener_of(task));
  answer(control, std::to_string(listener->port()));
  std::optional<transport::Link> there, back;
  for (;;) {
    if ((!there || !back) && accept_one(*listener, key_of(task), control, there, back)) continue;
    const auto word = next_word(control, stop_fd);
    if (!word) return 0;
    if (word->starts_with(kServe)) {
      if (!there || !back)
        throw base::Error({"the relay", "the source has not opened its lanes", {}, {}, {}});
      listener.reset();
      record.since_ns = base::real_ns();
      const Registered registered(record);
      ExitServing serving(std::move(flows), place, std::move(fds.at(0)), root_in(*word), record,
                          {std::move(*there), std::move(*back)});
      answer(control);
      return serve_until_end(record, [&] { return serving.run(stop_fd); });
    }
    flows->know_connections(fds.at(0).get(), read_held_flows(record.name));
    answer(control);
  }
}

}  // namespace

int run_relay(int control, int stop_fd) {
  try {
    auto first = base::receive_message(control);
    if (first.bytes.empty()) return 0;
    const auto task = json::parse(first.bytes);
    const auto run = task.at("end") == "exit" ? run_exit : run_entrance;
    return run(task, std::move(first.fds), control, stop_fd);
  } catch (const std::exception& failure) {
    base::log("{}", failure.what());
    try {
      base::send_message(control, failure.what());
    } catch (const base::SysError&) {  // nobody is there to hear it
    }
    return 1;
  }
}

}  // namespace ferry::handover
