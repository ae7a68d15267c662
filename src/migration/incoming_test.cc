// SPDX-License-Identifier: Apache-2.0
#include "migration/incoming.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>

#include "base/fd_message.h"
#include "memory/page_set.h"
#include "migration/conversation.h"

namespace ferry::migration {
namespace {

using memory::kPageBytes;
using Ranges = std::vector<uint64_t>;

class IncomingTest : public ::testing::Test {
 protected:
  IncomingTest() {
    std::string name = std::filesystem::temp_directory_path() / "incoming-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    incoming_.emplace(directory_, "job", shared_, [](const std::string&, uint64_t) {});
  }
  ~IncomingTest() override { std::filesystem::remove_all(directory_); }

  static std::string page(char value) { return std::string(kPageBytes, value); }
  void begin(uint64_t bytes, const Ranges& data, const Ranges& zeros, uint64_t size, uint64_t inode = 7) {
    wire::FileStart start;
    start.set_kind(wire::FileStart::SHARED);
    start.set_size(size);
    auto& shared = *start.mutable_shared();
    shared.set_inode(inode);
    shared.set_name("by name");
    shared.set_bytes(bytes);
    shared.mutable_data()->Assign(data.begin(), data.end());
    shared.mutable_zeros()->Assign(zeros.begin(), zeros.end());
    incoming_->begin(start);
  }
  void take(const std::string& data) { incoming_->take(std::as_bytes(std::span(data))); }

  void begin_image(const std::string& name, const std::vector<uint32_t>& pages) {
    wire::FileStart start;
    start.set_path(name);
    start.set_size(pages.size() * kPageBytes);
    start.mutable_pages()->Assign(pages.begin(), pages.end());
    incoming_->begin(start);
  }
  void begin_pages(uint64_t bytes) {
    wire::FileStart start;
    start.set_kind(wire::FileStart::PAGES);
    start.set_size(bytes);
    incoming_->begin(start);
  }

  // As CRIU does.
  struct Given {
    criu::SharedAnswer answer = criu::SharedAnswer::kNone;
    base::Fd file;
    std::string content() const { return base::read_file("/proc/self/fd/" + std::to_string(file.get())); }
  };
  Given ask(uint64_t inode) const {
    const base::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, (directory_ / criu::kSharedSocket).c_str());
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const criu::SharedQuestion question{inode};
    base::send_message(socket.get(), std::string_view(reinterpret_cast<const char*>(&question), sizeof question));
    auto answer = base::receive_message(socket.get());
    Given given;
    EXPECT_EQ(answer.bytes.size(), sizeof given.answer);
    std::memcpy(&given.answer, answer.bytes.data(), sizeof given.answer);
    if (!answer.fds.empty()) given.file = std::move(answer.fds[0]);
    return given;
  }

  base::Path directory_;
  SharedArrival shared_{criu::SharedAnswer::kTake};
  std::optional<Incoming> incoming_;
};

TEST_F(IncomingTest, ComesInPiecesAndIsGivenToCriu) {
  begin(5 * kPageBytes, {0, 2, 4, 1}, {}, 3 * kPageBytes);
  const auto sent = page('a') + page('b') + page('e');
  take(sent.substr(0, 5000));  // however it is cut
  EXPECT_FALSE(incoming_->is_complete());
  take(sent.substr(5000));
  EXPECT_TRUE(incoming_->is_complete());
  begin(4 * kPageBytes, {3, 1}, {1, 1}, kPageBytes);  // shorter, and with a hole
  take(page('d'));
  shared_.serve(directory_);
  EXPECT_THROW(shared_.require_given({7}), base::Error);
  const auto given = ask(7);
  EXPECT_EQ(given.answer, criu::SharedAnswer::kTake);
  EXPECT_EQ(given.content(), page('a') + page('\0') + page('\0') + page('d'));
  EXPECT_EQ(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(given.file.get())), "/memfd:by name (deleted)");
  EXPECT_EQ(ask(8).answer, criu::SharedAnswer::kNone);
  shared_.require_given({7});
  EXPECT_THROW(shared_.require_given({7, 8}), base::Error);
}

// A restore that came to nothing may have sealed it.
TEST_F(IncomingTest, WhatWasGivenIsNotWrittenToAnyMore) {
  begin(2 * kPageBytes, {0, 2}, {}, 2 * kPageBytes);
  take(page('a') + page('b'));
  shared_.serve(directory_);
  const auto given = ask(7);
  ASSERT_EQ(::fcntl(given.file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK), 0);
  begin(2 * kPageBytes, {1, 1}, {}, kPageBytes);
  take(page('B'));
  EXPECT_EQ(given.content(), page('a') + page('b'));
  EXPECT_THROW(shared_.require_given({7}), base::Error);
  EXPECT_EQ(ask(7).content(), page('a') + page('B'));
}

TEST_F(IncomingTest, OnesThatCannotBe) {
  EXPECT_THROW(begin(2 * kPageBytes, {1, 2}, {}, 2 * kPageBytes), BrokenProtocol) << "beyond its end";
  EXPECT_THROW(begin(2 * kPageBytes, {0}, {}, kPageBytes), BrokenProtocol) << "half a range";
  EXPECT_THROW(begin(2 * kPageBytes, {0, 1}, {}, 2 * kPageBytes), BrokenProtocol) << "more content than pages";
  EXPECT_THROW(begin(2 * kPageBytes, {}, {2, 1}, 0), BrokenProtocol) << "zeros beyond its end";
  EXPECT_THROW(begin(2 * kPageBytes, {0, UINT64_MAX}, {}, 0), BrokenProtocol);
  EXPECT_THROW(begin(UINT64_MAX, {}, {}, 0), BrokenProtocol);
  EXPECT_THROW(begin(kPageBytes, {0, 1}, {}, kPageBytes, 0), BrokenProtocol);
}

// By the pages that have come before, and those of other images.
TEST_F(IncomingTest, AnImageOfKnownPages) {
  begin_pages(2 * kPageBytes);
  take(page('a') + page('b'));
  EXPECT_TRUE(incoming_->is_complete());
  begin_image("pages-1.img", {2, 0, 3, 1, 0, 4});
  EXPECT_FALSE(incoming_->is_complete());
  take(page('c'));
  take(page('d'));
  EXPECT_TRUE(incoming_->is_complete());
  begin_image("pages-2.img", {4, 4});  // nothing of it follows
  EXPECT_TRUE(incoming_->is_complete());
  EXPECT_EQ(base::read_file(directory_ / "pages-1.img"), page('b') + page('c') + page('c') + page('a') + page('d') + page('d'));
  EXPECT_EQ(base::read_file(directory_ / "pages-2.img"), page('d') + page('d'));
}

TEST_F(IncomingTest, ImagesThatCannotBe) {
  EXPECT_THROW(begin_image("pages-1.img", {1}), BrokenProtocol) << "no page has come";
  begin_pages(kPageBytes);
  EXPECT_THROW(take("half a page"), BrokenProtocol);
  take(page('a'));
  EXPECT_THROW(begin_image("pages-2.img", {1, 2}), BrokenProtocol);
  wire::FileStart longer;
  longer.set_path("pages-3.img");
  longer.set_size(2 * kPageBytes);
  longer.add_pages(1);
  EXPECT_THROW(incoming_->begin(longer), BrokenProtocol);
}

// Renamed at the source before it could be sent.
TEST_F(IncomingTest, AFileThatIsExpectedAndNeverComesIsNotMade) {
  const auto file = directory_ / "expected";
  incoming_->expect(file.string());
  incoming_->install({});
  incoming_->keep();
  incoming_.reset();
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(IncomingTest, TheLastPageMayReachBeyondItsEnd) {
  begin(kPageBytes + 5, {0, 2}, {}, 2 * kPageBytes);
  take(page('a') + page('b'));
  EXPECT_TRUE(incoming_->is_complete());
}

}  // namespace
}  // namespace ferry::migration
