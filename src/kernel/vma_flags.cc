// SPDX-License-Identifier: Apache-2.0
#include "kernel/vma_flags.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <memory>
#include <sstream>
#include <string_view>

#include "base/error.h"

namespace ferry::kernel {

namespace {

constexpr uint64_t kPage = 4096;

// include/linux/mm.h (VM_GROWSDOWN, VM_LOCKED, …) and fs/proc/task_mmu.c (show_smap_vma_flags). Not of the kernel's interface, though as they are
// since 2.6 or since they came: hence the comparison with a child's smaps.
struct Flag {
  uint64_t bit;
  const char* name;
};
constexpr Flag kFlags[] = {{0x100, "gd"},    {0x2000, "lo"},    {0x200000, "nr"},   {0x400000, "ht"},   {0x8000, "sr"},
                           {0x10000, "rr"},  {0x20000, "dc"},   {0x4000000, "dd"},  {0x80000000, "mg"}, {0x20000000, "hg"},
                           {0x40000000, "nh"}, {0x2000000, "wf"}, {0x4000, "io"}, {0x400, "pf"}};
// Access, userfaultfd, VM_DONTEXPAND, VM_LOCKONFAULT, VM_ACCOUNT, VM_SYNC, VM_SOFTDIRTY, VM_MIXEDMAP. Others are learned from the child.
constexpr uint64_t kNothing = 0xff | 0x200 | 0x1000 | 0x40000 | 0x80000 | 0x100000 | 0x800000 | 0x8000000 | 0x10000000;

std::string text_of(uint64_t flags) {
  std::string text;
  for (const Flag& flag : kFlags) {
    if (flags & flag.bit) text.append(flag.name).push_back(' ');
  }
  return text;
}

struct BtfCloser {
  void operator()(btf* types) const { btf__free(types); }
};
using Btf = std::unique_ptr<btf, BtfCloser>;

// In bytes, of a member that may stand in a union or structure without a name. Negative: there is none.
int offset_of(const btf* types, int32_t structure, std::string_view name) {
  const btf_type* type = structure > 0 ? btf__type_by_id(types, static_cast<uint32_t>(structure)) : nullptr;
  if (type == nullptr || !btf_is_composite(type)) return -1;
  const btf_member* members = btf_members(type);
  for (uint32_t i = 0; i < btf_vlen(type); ++i) {
    const std::string_view member = btf__name_by_offset(types, members[i].name_off);
    const int at = static_cast<int>(btf_member_bit_offset(type, i) / 8);
    if (member == name) return at;
    const int inside = member.empty() ? offset_of(types, btf__resolve_type(types, members[i].type), name) : -1;
    if (inside >= 0) return at + inside;
  }
  return -1;
}

// To the iterator's file: start, end and flags of the area. Of bpf_iter__task_vma (kernel/bpf/task_iter.c) it looks at meta->seq and vma.
std::vector<bpf_insn> program_for(int start, int end, int flags) {
  constexpr uint8_t kLoad = BPF_LDX | BPF_MEM | BPF_DW, kStore = BPF_STX | BPF_MEM | BPF_DW;
  constexpr uint8_t kMove = BPF_ALU64 | BPF_MOV | BPF_X, kSet = BPF_ALU64 | BPF_MOV | BPF_K;
  constexpr int kRecord = 24;
  std::vector<bpf_insn> program;
  const auto add = [&](uint8_t code, unsigned to, unsigned from, int offset, int value) {
    bpf_insn instruction{};
    instruction.code = code;
    instruction.dst_reg = to & 0xf;
    instruction.src_reg = from & 0xf;
    instruction.off = static_cast<int16_t>(offset);
    instruction.imm = value;
    program.push_back(instruction);
  };
  add(kLoad, 7, 1, 16, 0);  // vma; none after the last one
  add(BPF_JMP | BPF_JEQ | BPF_K, 7, 0, 12, 0);
  for (int field = 0; field < 3; ++field) {
    const int at[] = {start, end, flags};
    add(kLoad, 2, 7, at[field], 0);
    add(kStore, BPF_REG_10, 2, 8 * field - kRecord, 0);
  }
  add(kLoad, 1, 1, 0, 0);  // meta
  add(kLoad, 1, 1, 0, 0);  // its seq
  add(kMove, 2, BPF_REG_10, 0, 0);
  add(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -kRecord);
  add(kSet, 3, 0, 0, kRecord);
  add(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_seq_write);
  add(kSet, 0, 0, 0, 0);
  add(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  return program;
}

// Invalid: `why`.
base::Fd load_program(std::string& why) {
  libbpf_set_print(nullptr);
  const Btf types(btf__load_vmlinux_btf());
  if (!types) {
    why = fmt::format("the kernel does not describe its types (/sys/kernel/btf/vmlinux): {}", std::strerror(errno));
    return {};
  }
  const int32_t area = btf__find_by_name_kind(types.get(), "vm_area_struct", BTF_KIND_STRUCT);
  const int32_t iterator = btf__find_by_name_kind(types.get(), "bpf_iter_task_vma", BTF_KIND_FUNC);
  const int start = offset_of(types.get(), area, "vm_start"), end = offset_of(types.get(), area, "vm_end"),
            flags = offset_of(types.get(), area, "vm_flags");
  if (iterator <= 0 || start < 0 || end < 0 || flags < 0) {
    why = "this kernel has no iterator over memory areas";
    return {};
  }
  const auto program = program_for(start, end, flags);
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_ITER, .attach_btf_id = static_cast<uint32_t>(iterator));
  // The licence is that of the program in the kernel; bpf_seq_write is there for those who can say GPL.
  base::Fd loaded(::bpf_prog_load(BPF_PROG_TYPE_TRACING, "ferry_vma_flags", "Dual MIT/GPL", program.data(), program.size(), &options));
  if (!loaded) why = fmt::format("a program of BPF cannot be loaded: {}", std::strerror(errno));
  return loaded;
}

// Has areas with most of the flags, and waits for its end. Only system calls: its parent may have threads.
class Sample {
 public:
  Sample() {
    auto [reads, writes] = base::make_pipe();
    child_ = ::fork();
    if (child_ < 0) throw base::SysError("fork", errno, "");
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      make_areas();
      static_cast<void>(!::write(writes.get(), "r", 1));
      for (;;) ::pause();
    }
    writes.reset();
    std::byte ready;
    base::read_full(reads.get(), {&ready, 1});
  }
  ~Sample() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  Sample(const Sample&) = delete;
  pid_t pid() const { return child_; }

  static constexpr const char* kMade[] = {"gd", "lo", "nr", "sr", "rr", "dc", "dd", "nh", "wf"};

 private:
  static void make_areas() {
    for (const int advice : {MADV_SEQUENTIAL, MADV_RANDOM, MADV_DONTFORK, MADV_DONTDUMP, MADV_MERGEABLE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_WIPEONFORK}) {
      ::madvise(map(0), kPage, advice);
    }
    ::mlock(map(0), kPage);
    map(MAP_NORESERVE);
    map(MAP_GROWSDOWN);
  }
  // Each between two that cannot be touched, so that none becomes one with another.
  static void* map(int flags) {
    void* guarded = ::mmap(nullptr, 3 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return ::mmap(static_cast<char*>(guarded) + kPage, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | flags, -1, 0);
  }
  pid_t child_;
};

// By where each area starts: its VmFlags.
std::map<uint64_t, std::vector<std::string>> flags_in(const std::string& smaps) {
  std::map<uint64_t, std::vector<std::string>> flags;
  std::istringstream lines(smaps);
  uint64_t start = 0;
  for (std::string line; std::getline(lines, line);) {
    uint64_t number = 0;
    const auto [end, failure] = std::from_chars(line.data(), line.data() + line.size(), number, 16);
    if (failure == std::errc() && *end == '-') start = number;
    std::istringstream words(line);
    std::string word;
    if (!(words >> word) || word != "VmFlags:") continue;
    while (words >> word) flags[start].push_back(word);
  }
  return flags;
}

}  // namespace

std::optional<VmaFlagsReader> VmaFlagsReader::try_open(std::string* why) {
  std::string reason;
  VmaFlagsReader reader(load_program(reason));
  if (reader.program_) {
    const Sample sample;
    reason = reader.learn_from(sample.pid());
  }
  if (why != nullptr) *why = reason;
  if (!reason.empty()) return std::nullopt;
  return reader;
}

std::vector<VmaFlagsReader::Raw> VmaFlagsReader::read_raw(pid_t pid) const {
  bpf_iter_link_info of{};
  of.task.pid = static_cast<uint32_t>(pid);
  LIBBPF_OPTS(bpf_link_create_opts, options, .iter_info = &of, .iter_info_len = sizeof of);
  const base::Fd link(::bpf_link_create(program_.get(), 0, BPF_TRACE_ITER, &options));
  if (!link) return {};
  const base::Fd areas(::bpf_iter_create(link.get()));
  if (!areas) return {};
  std::vector<Raw> all;
  Raw some[512];
  for (;;) {
    const ssize_t got = ::read(areas.get(), some, sizeof some);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0 || static_cast<size_t>(got) % sizeof(Raw) != 0) return got == 0 ? all : std::vector<Raw>();
    all.insert(all.end(), some, some + static_cast<size_t>(got) / sizeof(Raw));
  }
}

std::string VmaFlagsReader::learn_from(pid_t child) {
  known_ = kNothing;
  for (const Flag& flag : kFlags) known_ |= flag.bit;
  const auto areas = read_raw(child);
  const auto in_smaps = flags_in(base::try_read_file(fmt::format("/proc/{}/smaps", child)).value_or(""));
  if (areas.empty()) return "the iterator over memory areas says nothing";
  std::string seen;
  for (const Raw& area : areas) {
    const auto told = in_smaps.find(area.start);
    if (told == in_smaps.end()) return "the iterator over memory areas says what smaps does not";
    const auto has = [&](const char* name) { return std::ranges::find(told->second, name) != told->second.end(); };
    std::string expected;
    for (const Flag& flag : kFlags) {
      if (has(flag.name)) expected.append(flag.name).push_back(' ');
    }
    const std::string text = text_of(area.flags);
    if (text != expected) {
      return fmt::format("the flags of memory areas are not where they used to be: {:x} is \"{}\", not \"{}\"", area.flags, expected, text);
    }
    if (!has("ss") && !has("dp")) known_ |= area.flags;
    seen += text;
  }
  for (const char* name : Sample::kMade) {
    if (seen.find(name) == std::string::npos) return fmt::format("an area with the flag {} cannot be made, to compare with", name);
  }
  return "";
}

std::optional<std::vector<VmaFlags>> VmaFlagsReader::try_read(pid_t pid) const {
  const auto areas = read_raw(pid);
  if (areas.empty()) return std::nullopt;
  std::vector<VmaFlags> told;
  told.reserve(areas.size());
  for (const Raw& area : areas) {
    if (area.flags & ~known_) return std::nullopt;
    told.push_back({{area.start, area.end}, text_of(area.flags)});
  }
  return told;
}

}  // namespace ferry::kernel
