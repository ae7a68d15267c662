// SPDX-License-Identifier: Apache-2.0
#include "migration/logbook.h"

#include <algorithm>
#include <sstream>

#include "migration/host.h"

namespace ferry::migration {

using nlohmann::json;

namespace {

template <typename State, size_t N>
std::optional<State> by_name(const std::array<State, N>& states, std::string_view name) {
  const auto found = std::ranges::find_if(states, [&](State state) { return name_of(state) == name; });
  if (found == states.end()) return std::nullopt;
  return *found;
}

// A line that a crash cut short is as if it had not been written.
void take_line(Logbook& book, const json& line) {
  if (!line.is_object()) return;
  if (line.contains("job")) {
    book.note = {line.value("job", ""), line.value("name", ""), line.value("peer", ""), line.value("lock", "")};
    book.same_boot = line.value("boot", "") == boot_id();
  } else if (line.contains("state")) {
    book.state = line.value("state", "");
  } else if (line.contains("note") && line.contains("value")) {
    book.notes.emplace_back(line.value("note", ""), line["value"]);
  }
}

}  // namespace

const json* Logbook::find(std::string_view key) const {
  const auto found = std::find_if(notes.rbegin(), notes.rend(), [&](const auto& one) { return one.first == key; });
  return found == notes.rend() ? nullptr : &found->second;
}

std::optional<kernel::ProcessId> Logbook::process(std::string_view key) const {
  const json* value = find(key);
  if (!value || !same_boot) return std::nullopt;
  return process_from(*value);
}

json to_note(const kernel::ProcessId& process) { return {{"pid", process.pid}, {"start_ticks", process.start_ticks}}; }

kernel::ProcessId process_from(const json& note) {
  return {note.value("pid", 0), note.value("start_ticks", uint64_t{0})};
}

std::optional<Logbook> read_logbook(Role role, const std::string& job) {
  const auto text = base::try_read_file(journal_path(role, job));
  if (!text) return std::nullopt;
  Logbook book;
  book.role = role;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) take_line(book, json::parse(line, nullptr, false));
  if (book.note.job != job) return std::nullopt;  // not even its first line is whole: it promised nothing to anyone
  return book;
}

std::vector<Logbook> all_logbooks() {
  std::vector<Logbook> books;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(journal_directory(), none)) {
    const std::string name = entry.path().filename();
    for (const Role role : {Role::kSource, Role::kTarget}) {
      const std::string ending = fmt::format(".{}.jsonl", name_of(role));
      if (!name.ends_with(ending)) continue;
      auto book = read_logbook(role, name.substr(0, name.size() - ending.size()));
      if (book) books.push_back(std::move(*book));
    }
  }
  std::ranges::sort(books, {}, [](const Logbook& book) { return book.note.job; });
  return books;
}

std::vector<Logbook> unfinished_logbooks() {
  auto books = all_logbooks();
  std::erase_if(books, &Logbook::is_finished);
  return books;
}

std::optional<Source> source_state(std::string_view name) { return by_name(kSourceStates, name); }
std::optional<Target> target_state(std::string_view name) { return by_name(kTargetStates, name); }

}  // namespace ferry::migration
