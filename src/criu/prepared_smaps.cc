// SPDX-License-Identifier: Apache-2.0
#include "criu/prepared_smaps.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <vector>

namespace ferry::criu {
namespace {

using Text = std::string_view;

constexpr Text kFlagsField = "VmFlags:";
constexpr Text kGate = "[vsyscall]";  // the kernel's own, of no task
// Those that CRIU reads (criu/proc_parse.c: __parse_vmflags): what a mapping is, what madvise(2)
// has said of it, what it refuses.
constexpr Text kFlagsOfCriu[] = {"gd", "lo", "nr", "ht", "dp", "sr", "rr", "dc",
                                 "dd", "mg", "hg", "nh", "wf", "io", "pf", "ss"};

struct Area {
  uint64_t start = 0, end = 0, offset = 0;
  Text rights, device, inode, name;
  Text line;
  std::string flags;  // CRIU's only, in its order: "nr dd "
  bool has_flags = false;

  // One mapping of one file, or of none, wherever it is cut. Its rights may differ: mprotect(2)
  // leaves the flags alone.
  bool is_of_same_mapping(const Area& other) const {
    return device == other.device && inode == other.inode &&
           (inode == "0" || start - offset == other.start - other.offset);
  }
  bool is_alike(const Area& other) const {
    return is_of_same_mapping(other) && rights == other.rights && name == other.name && has_flags &&
           other.has_flags && flags == other.flags;
  }
};

Text next_line(Text& rest) {
  const size_t size = std::min(rest.find('\n'), rest.size());
  const Text line = rest.substr(0, size);
  rest.remove_prefix(std::min(size + 1, rest.size()));
  return line;
}

Text next_word(Text& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const size_t size = std::min(rest.find(' '), rest.size());
  const Text word = rest.substr(0, size);
  rest.remove_prefix(size);
  return word;
}

bool parse_hex(Text word, uint64_t& value) {
  const auto result = std::from_chars(word.data(), word.data() + word.size(), value, 16);
  return result.ec == std::errc() && result.ptr == word.data() + word.size();
}

// "7f00-7f10 rw-p 00000000 00:00 0    [heap]", as in maps and smaps. The fields of smaps begin with
// a name and a colon.
std::optional<Area> parse_area(Text line) {
  Area area;
  area.line = line;
  const Text range = next_word(line);
  const size_t dash = range.find('-');
  if (dash == Text::npos || !parse_hex(range.substr(0, dash), area.start) ||
      !parse_hex(range.substr(dash + 1), area.end)) {
    return std::nullopt;
  }
  area.rights = next_word(line);
  if (!parse_hex(next_word(line), area.offset)) return std::nullopt;
  area.device = next_word(line);
  area.inode = next_word(line);
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  area.name = line;
  return area;
}

std::string flags_for_criu(Text field) {
  bool is_set[std::size(kFlagsOfCriu)] = {};
  for (Text word = next_word(field); !word.empty(); word = next_word(field)) {
    const auto found = std::ranges::find(kFlagsOfCriu, word);
    if (found != std::end(kFlagsOfCriu)) is_set[found - kFlagsOfCriu] = true;
  }
  std::string flags;
  for (size_t i = 0; i < std::size(kFlagsOfCriu); ++i) {
    if (is_set[i]) flags.append(kFlagsOfCriu[i]).push_back(' ');
  }
  return flags;
}

// Nothing when it is not the picture of one moment: smaps is read piece by piece while the task
// goes on.
std::optional<std::vector<Area>> parse(Text text) {
  std::vector<Area> areas;
  while (!text.empty()) {
    const Text line = next_line(text);
    if (line.starts_with(kFlagsField) && !areas.empty()) {
      areas.back().flags = flags_for_criu(line.substr(kFlagsField.size()));
      areas.back().has_flags = true;
    } else if (auto area = parse_area(line)) {
      if (area->start >= area->end || (!areas.empty() && area->start < areas.back().end))
        return std::nullopt;
      areas.push_back(std::move(*area));
    }
  }
  return areas;
}

// The flags that every area had which lay where `area` is now; nothing when there was none, or they
// disagree.
const std::string* flags_before(const std::vector<Area>& before, const Area& area) {
  const std::string* flags = nullptr;
  auto old = std::ranges::upper_bound(before, area.start, {}, &Area::end);
  for (; old != before.end() && old->start < area.end; ++old) {
    if (!old->has_flags || !old->is_of_same_mapping(area) ||
        (flags != nullptr && *flags != old->flags))
      return nullptr;
    flags = &old->flags;
  }
  return flags;
}

std::vector<Area> join_alike(std::vector<Area> areas) {
  std::vector<Area> joined;
  for (auto& area : areas) {
    if (!joined.empty() && joined.back().end == area.start && joined.back().is_alike(area)) {
      joined.back().end = area.end;
    } else {
      joined.push_back(std::move(area));
    }
  }
  return joined;
}

bool is_same(const Area& one, const Area& other) {
  return one.start == other.start && one.end == other.end && one.offset == other.offset &&
         one.is_alike(other);
}

void put_area(std::string& smaps, const Area& area, Text flags) {
  smaps.append(area.line).append("\n").append(kFlagsField).append(" ").append(flags).append("\n");
}

}  // namespace

std::optional<std::string> prepare_smaps(const std::string& early_smaps,
                                         const std::string& maps_at_freeze) {
  const auto before = parse(early_smaps), now = parse(maps_at_freeze);
  if (!before || !now || now->empty()) return std::nullopt;
  std::string prepared;
  prepared.reserve(maps_at_freeze.size() * 2);
  for (const Area& area : *now) {
    const std::string* flags = flags_before(*before, area);
    if (flags == nullptr) return std::nullopt;
    put_area(prepared, area, *flags);
  }
  return prepared;
}

std::optional<std::string> smaps_with_flags(const std::string& maps_at_freeze,
                                            const std::vector<kernel::VmaFlags>& flags) {
  const auto now = parse(maps_at_freeze);
  if (!now || now->empty()) return std::nullopt;
  std::string smaps;
  smaps.reserve(maps_at_freeze.size() * 2);
  auto told = flags.begin();
  for (const Area& area : *now) {
    if (area.name == kGate) {
      put_area(smaps, area, "");
      continue;
    }
    if (told == flags.end() || told->range.start != area.start || told->range.end != area.end) return std::nullopt;
    put_area(smaps, area, flags_for_criu(told->flags));
    ++told;
  }
  return smaps;
}

std::optional<std::vector<hidden::Range>> ranges_on_demand(const std::string& smaps) {
  constexpr Text kNotMemory[] = {"[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]", "[uprobes]"};
  const auto areas = parse(smaps);
  if (!areas) return std::nullopt;
  std::vector<hidden::Range> ranges;
  for (const Area& area : *areas) {
    const auto has = [&](Text flag) { return area.flags.find(flag) != std::string::npos; };
    if (has("ss")) return std::nullopt;
    const bool is_private = area.rights.size() == 4 && area.rights[3] == 'p' && area.inode == "0";
    const bool is_memory = std::ranges::find(kNotMemory, area.name) == std::end(kNotMemory);
    // Droppable memory has no content to keep.
    if (!is_private || !is_memory || has("lo") || has("ht") || has("dp")) continue;
    if (!ranges.empty() && ranges.back().end == area.start) {
      ranges.back().end = area.end;
    } else {
      ranges.push_back({area.start, area.end});
    }
  }
  return ranges;
}

bool same_for_criu(const std::string& prepared, const std::string& real_smaps) {
  auto one = parse(prepared), other = parse(real_smaps);
  if (!one || !other) return false;
  return std::ranges::equal(join_alike(std::move(*one)), join_alike(std::move(*other)), is_same);
}

}  // namespace ferry::criu
