// SPDX-License-Identifier: Apache-2.0
#include "migration/container_copy.h"

#include <gtest/gtest.h>

#include "kernel/exec_mark.h"

namespace ferry::migration {
namespace {

// An engine with one container whose processes are real ones.
class OneContainer : public runtime::Backend {
 public:
  base::Child process;             // its first one; none: it has stopped
  std::optional<std::string> id = "c1";
  bool started = true;
  std::vector<std::string> calls;  // in order

  runtime::EngineFacts facts() override { return {}; }
  process::Reasons host_reasons() override { return {}; }
  std::optional<runtime::Container> find(const std::string&) override {
    if (!id) return std::nullopt;
    runtime::Container container;
    container.id = *id;
    container.running = static_cast<bool>(process);
    container.never_started = !started;
    container.root_pid = process.pid();
    return container;
  }
  process::Reasons own_reasons(const runtime::Container&) override { return {}; }
  process::Reason why_connections_stay(const runtime::Container&) override { return {}; }
  base::Argv save_image_command(const runtime::Container&, bool) override { return {}; }
  void checkpoint(const std::string&, const std::string&) override {}
  void drop_checkpoint(const std::string&, const std::string& name) override { calls.push_back("drop " + name); }
  process::Reasons arrival_reasons(const std::string&, const nlohmann::json&) override { return {}; }
  std::string image_of_name(const std::string&) override { return ""; }
  bool has_image(const std::string&) override { return true; }
  base::Argv load_image_command() override { return {}; }
  std::string create(const std::string&, const std::string&, const nlohmann::json&) override { return "c1"; }
  base::Path checkpoint_directory(const std::string&, const std::string&) override { return "/nowhere"; }
  base::Path writable_layer(const std::string&) override { return {}; }
  base::Path log_path(const std::string&) override { return {}; }
  void restore(const std::string&, const std::string& checkpoint) override {
    calls.push_back("restore " + checkpoint);
    process = kept ? std::move(*kept) : base::spawn({"sleep", "60"});
    started = true;
  }
  nlohmann::json restart_policy(const nlohmann::json&) override { return {}; }
  void set_restart_policy(const std::string&, const nlohmann::json& policy) override { calls.push_back("policy " + policy.dump()); }
  void remove(const std::string&) override {
    calls.push_back("remove");
    id.reset();
  }
  bool reads_log(const std::string&) override { return true; }

  std::optional<base::Child> kept;  // what a restore brings back
};

class ContainerCopyTest : public ::testing::Test {
 protected:
  ContainerCopy make(const std::string& mark, const std::string& id = "c1") {
    auto engine = std::make_unique<OneContainer>();
    engine_ = engine.get();
    return {ContainerNote{{"docker", "web"}, id, "ferry-job", mark, {{"Name", "always"}}, false}, std::move(engine)};
  }
  static std::string mark_of(const base::Child& process) { return kernel::exec_mark_of(process.pid()).value(); }
  OneContainer* engine_ = nullptr;
};

using State = ContainerCopy::State;

TEST_F(ContainerCopyTest, WhatRunsIsTheSameOrAFreshOne) {
  base::Child process = base::spawn({"sleep", "60"});
  auto same = make(mark_of(process));
  engine_->process = std::move(process);
  EXPECT_EQ(same.look(), State::kRuns);
  engine_->process = base::spawn({"sleep", "60"});  // the same program, started again
  EXPECT_EQ(same.look(), State::kFresh);
  engine_->process = {};
  EXPECT_EQ(same.look(), State::kStopped);
  engine_->started = false;
  EXPECT_EQ(same.look(), State::kNeverRan);
  engine_->id.reset();
  EXPECT_EQ(same.look(), State::kGone);
}

TEST_F(ContainerCopyTest, GoesOnFromItsCheckpointOnceAndGetsItsPolicyBack) {
  base::Child process = base::spawn({"sleep", "60"});
  auto copy = make(mark_of(process));
  engine_->kept = std::move(process);
  copy.go_on();
  EXPECT_EQ(engine_->calls, (std::vector<std::string>{"restore ferry-job", "drop ferry-job", R"(policy {"Name":"always"})"}));
  engine_->calls.clear();
  copy.go_on();  // whoever finishes the job once more
  EXPECT_EQ(engine_->calls.front(), "drop ferry-job");
}

TEST_F(ContainerCopyTest, AFreshOneIsNotTakenForIt) {
  auto copy = make("00112233445566778899aabbccddeeff");
  EXPECT_THROW(copy.go_on(), base::Error);
  EXPECT_EQ(engine_->calls, std::vector<std::string>{"restore ferry-job"});  // its checkpoint is kept
}

TEST_F(ContainerCopyTest, WithoutACheckpointOnlyThePolicyIsPutBack) {
  auto copy = make("");
  engine_->process = base::spawn({"sleep", "60"});
  copy.go_on();
  EXPECT_EQ(engine_->calls, std::vector<std::string>{R"(policy {"Name":"always"})"});
}

TEST_F(ContainerCopyTest, OneThatWasCreatedByAKilledFerryIsRemovedByItsName) {
  auto copy = make("", "");
  engine_->started = false;
  copy.remove();
  EXPECT_EQ(engine_->calls, std::vector<std::string>{"remove"});
  auto other = make("", "");  // started by somebody else since
  other.remove();
  EXPECT_TRUE(engine_->calls.empty());
}

TEST_F(ContainerCopyTest, TheJournalKeepsAllOfIt) {
  Logbook book;
  const ContainerNote note{{"docker", "web"}, "c1", "ferry-job", "ab", {{"Name", "always"}}, true};
  book.notes.emplace_back(kNoteContainer, to_note(note));
  EXPECT_EQ(to_note(container_note_of(book)), to_note(note));
}

}  // namespace
}  // namespace ferry::migration
