// SPDX-License-Identifier: Apache-2.0
#include "migration/incoming.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "migration/conversation.h"

namespace ferry::migration {
namespace {

using memory::kPageBytes;
using memory::PageRun;

class ImageOfPages : public ::testing::Test {
 protected:
  ImageOfPages() {
    std::string name = std::filesystem::temp_directory_path() / "incoming-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    incoming_.emplace(directory_, "job", [](const std::string&, uint64_t) {});
  }
  ~ImageOfPages() override { std::filesystem::remove_all(directory_); }

  static std::string page(char value) { return std::string(kPageBytes, value); }
  void take(const std::string& data) { incoming_->take(std::as_bytes(std::span(data))); }
  void send_ahead(const std::string& pages) {
    wire::FileStart start;
    start.set_kind(wire::FileStart::PAGES);
    start.set_size(pages.size());
    incoming_->begin(start);
    take(pages);
  }
  void begin(uint64_t pages, const std::vector<PageRun>& runs, const char* name = "pages-1.img") {
    wire::FileStart start;
    start.set_path(name);
    start.set_size(pages * kPageBytes);
    for (const auto& run : runs) {
      start.add_runs(run.known);
      start.add_runs(run.count);
    }
    incoming_->begin(start);
  }
  std::string image(const char* name = "pages-1.img") const {
    return base::read_file(directory_ / name);
  }

  base::Path directory_;
  std::optional<Incoming> incoming_;
};

TEST_F(ImageOfPages, IsMadeOfThoseThatCameAheadAndThoseThatFollow) {
  send_ahead(page('a') + page('b'));
  send_ahead(page('c'));
  begin(6, {{2, 2}, {PageRun::kUnknown, 2}, {PageRun::kZero, 1}, {1, 1}});
  EXPECT_FALSE(incoming_->is_complete());
  const auto rest = page('x') + page('y');
  take(rest.substr(0, 5000));  // however it is cut
  take(rest.substr(5000));
  EXPECT_TRUE(incoming_->is_complete());
  EXPECT_EQ(image(), page('b') + page('c') + page('x') + page('y') + page('\0') + page('a'));
}

TEST_F(ImageOfPages, OneThatIsKnownWhole) {
  send_ahead(page('a'));
  begin(1, {{1, 1}});
  EXPECT_TRUE(incoming_->is_complete());
  EXPECT_EQ(image(), page('a'));
}

TEST_F(ImageOfPages, AnotherDumpHasTheSamePages) {
  send_ahead(page('a'));
  begin(1, {{1, 1}});
  incoming_->forget_images();
  begin(1, {{1, 1}});
  EXPECT_EQ(image(), page('a'));
}

TEST_F(ImageOfPages, OnesThatCannotBe) {
  send_ahead(page('a') + page('b'));
  EXPECT_THROW(begin(2, {{2, 2}}, "beyond.img"), BrokenProtocol);
  EXPECT_THROW(begin(2, {{1, 1}}, "short.img"), BrokenProtocol);
  EXPECT_THROW(begin(2, {{1, 2}, {PageRun::kUnknown, 1}}, "long.img"), BrokenProtocol);
  EXPECT_THROW(begin(2, {{PageRun::kUnknown, UINT32_MAX}}, "huge.img"), BrokenProtocol);
}

TEST_F(ImageOfPages, PagesAreWhole) {
  wire::FileStart start;
  start.set_kind(wire::FileStart::PAGES);
  start.set_size(kPageBytes + 1);
  EXPECT_THROW(incoming_->begin(start), BrokenProtocol);
}

}  // namespace
}  // namespace ferry::migration
