#include "frontends/browse/browser.h"

#include <gmock/gmock.h>

#include "frontends/browse/rows_screen.h"
#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

namespace cairn::browse {
namespace {

using testing::HasSubstr;
using testing::Not;

class BrowserTest : public testing::Test {
 protected:
  void SetUp() override {
    InitForTests(memory_);
    writer_ = std::make_unique<Machine>(memory_, 1);
    reader_ = std::make_unique<Machine>(store_, 2);
    Backup({{"a.txt", "first\n"}, {"b.txt", RandomText(1, 3000)}});
    view_ = view::LiveView::Open(*reader_->repository, reader_->context.job, {}, [this](const Finding& finding) {
              messages_.Add(finding);
            }).value();
    ASSERT_OK(view_->snapshots().Look(view::ViewTree::Look::kUsual));
    browser_ = std::make_unique<Browser>(
        BrowseWorld{.view = *view_,
                    .context = reader_->context.job,
                    .readers = *readers_,
                    .messages = messages_,
                    .repository = "repo",
                    .restore = [this](const RestoreRequest& request, const JobContext&,
                                      const FindingSink&) { return Restore(request); },
                    .tables = [](const ShownDatabase&, const std::stop_token&) -> Result<std::vector<TableRow>> {
                      return std::vector<TableRow>{{.name = "orders"}, {.name = "it's"}};
                    },
                    .rows = [this](const ShownDatabase&, const std::string& table, const RowRange& range,
                                   const std::stop_token&) { return Rows(table, range); },
                    .commands =
                        [](const ShownDatabase&, const std::string& table) {
                          return std::vector<ShellCommand>{{.what = "all of it", .line = "restore " + table}};
                        }});
    browser_->Poll();
  }

  void Backup(const MemoryFiles& files) {
    writer_->context.clock.Advance(std::chrono::hours(1));
    EXPECT_OK(writer_->Backup(files));
  }
  Result<RestoreReport> Restore(const RestoreRequest& request) {
    asked_ = request;
    return RestoreReport{.files = 1, .failed = fails_, .verified = 1};
  }
  Result<RowPage> Rows(const std::string& table, const RowRange& range) const {
    if (table != "orders") return Error(ErrorCode::kUnsupported, "it is partitioned");
    RowPage page{.columns = {"id", "what"}, .rows = {}};
    for (uint64_t i = range.skip; i < rows_ && page.rows.size() < range.count; ++i) {
      page.rows.push_back({std::to_string(i), i == 3 ? "two\nlines" : fmt::format("item {}", i)});
    }
    page.is_end = range.skip + page.rows.size() == rows_;
    return page;
  }
  void OpenRows(const std::string& table) {
    const auto folders = view_->snapshots().Look(view::ViewTree::Look::kUsual).value();
    const view::ShownSnapshot snapshot = folders->Find("by-id")->entries.begin()->second.snapshot;
    browser_->Open(std::make_unique<RowsScreen>(*browser_, ShownDatabase{.snapshot = snapshot}, table));
    browser_->Poll();
  }
  void Press(KeyCode code) {
    browser_->OnKey({code});
    browser_->Poll();
  }
  void Type(std::string_view text) {
    for (const char c : text) browser_->OnKey({KeyCode::kCharacter, std::string(1, c)});
    browser_->Poll();
  }
  std::string Screen(size_t rows = 24, size_t columns = 80) {
    browser_->Poll();
    Canvas canvas(rows, columns);
    browser_->Draw(canvas);
    std::string text;
    for (size_t i = 0; i < rows; ++i) text += canvas.Line(i) + "\n";
    return text;
  }
  // Data and metadata cannot be read any more.
  void BreakStore() {
    store_.FailWhere([](const StoreCall&) { return true; }, FaultStore::Broken());
  }

  MemoryStore memory_;
  FaultStore store_{memory_};
  std::unique_ptr<Machine> writer_, reader_;
  const std::unique_ptr<Executor> readers_ = MakeInlineExecutor();
  Messages messages_;
  std::unique_ptr<view::LiveView> view_;
  std::unique_ptr<Browser> browser_;
  RestoreRequest asked_;
  uint64_t fails_ = 0, rows_ = 1000;
};

TEST_F(BrowserTest, WalksIntoASnapshotAndBack) {
  EXPECT_THAT(Screen(), HasSubstr("1 snapshot"));
  Press(KeyCode::kEnter);
  EXPECT_THAT(Screen(), HasSubstr("a.txt"));
  Press(KeyCode::kEnter);
  EXPECT_THAT(Screen(), HasSubstr("first"));
  Press(KeyCode::kEscape);
  Press(KeyCode::kBackspace);
  EXPECT_THAT(Screen(), HasSubstr("1 snapshot"));
  Press(KeyCode::kBackspace);
  EXPECT_FALSE(browser_->has_ended());
  Type("q");
  EXPECT_TRUE(browser_->has_ended());
}

TEST_F(BrowserTest, RestoresWhatIsMarkedAndNothingElse) {
  Press(KeyCode::kEnter);
  Type("j ");
  EXPECT_THAT(Screen(), HasSubstr("1 marked"));
  Type("r");
  Press(KeyCode::kEnter);
  EXPECT_THAT(Screen(), HasSubstr("into which folder?"));
  Type("/q/out");
  Press(KeyCode::kEnter);
  EXPECT_THAT(Screen(), HasSubstr("1 read back, and right"));
  EXPECT_EQ(asked_.target, "/q/out");
  EXPECT_FALSE(asked_.replaces);
  EXPECT_TRUE(asked_.take(ToBytes(AsBytes("b.txt")), Node()));
  EXPECT_FALSE(asked_.take(ToBytes(AsBytes("a.txt")), Node()));
}

TEST_F(BrowserTest, WhatCouldNotBeRestoredIsSaid) {
  fails_ = 7;
  Type("r/out");
  Press(KeyCode::kEnter);
  EXPECT_THAT(Screen(), HasSubstr("7 could not be restored whole"));
  EXPECT_FALSE(asked_.take);
}

TEST_F(BrowserTest, LettersThatAreTypedAreNoCommands) {
  Press(KeyCode::kEnter);
  Type("/q?");
  EXPECT_FALSE(browser_->has_ended());
  EXPECT_THAT(Screen(), HasSubstr("filter: q?"));
  Press(KeyCode::kEscape);
  EXPECT_THAT(Screen(), HasSubstr("2 entries"));
}

TEST_F(BrowserTest, AFolderThatCannotBeReadSaysSoAndIsReadAgain) {
  BreakStore();
  Press(KeyCode::kEnter);
  const std::string text = Screen();
  EXPECT_THAT(text, HasSubstr("this folder"));
  EXPECT_THAT(text, Not(HasSubstr("the folder is empty")));
  store_.ClearFaults();
  Type("R");
  EXPECT_THAT(Screen(), HasSubstr("a.txt"));
}

TEST_F(BrowserTest, VersionsAreNumberedByContent) {
  Backup({{"a.txt", "second\n"}, {"b.txt", "x"}});
  Backup({{"a.txt", "first\n"}});
  reader_->context.clock.Advance(std::chrono::seconds(60));
  EXPECT_THAT(Screen(), HasSubstr("1 snapshot"));
  EXPECT_THAT(Screen(), HasSubstr("3 snapshots"));
  Press(KeyCode::kEnter);
  Type("v");
  const std::string text = Screen();
  EXPECT_THAT(text, HasSubstr("2 versions in 3 of 3 snapshots"));
  EXPECT_THAT(text, HasSubstr("#1  this one"));
  EXPECT_THAT(text, HasSubstr("#2  differs"));
  EXPECT_THAT(text, HasSubstr("#1  the same"));
}

TEST_F(BrowserTest, RowsOfATableComeAsFarAsTheyAreLookedAt) {
  OpenRows("orders");
  EXPECT_THAT(Screen(), HasSubstr("200 rows so far"));
  EXPECT_THAT(Screen(), HasSubstr("two\\nlines"));
  Type("G");
  EXPECT_THAT(Screen(), HasSubstr("400 rows so far"));
  for (int i = 0; i < 8; ++i) {
    Type("G");
    Screen();
  }
  EXPECT_THAT(Screen(), HasSubstr(" 1,000 rows\n"));
  EXPECT_THAT(Screen(), HasSubstr("item 999"));
  Type("gjjj");
  Press(KeyCode::kEnter);
  EXPECT_THAT(Screen(), HasSubstr("row 4 of orders"));
  EXPECT_THAT(Screen(), HasSubstr(" what  two\n       lines\n"));
  Press(KeyCode::kEscape);
  Type(">");
  EXPECT_THAT(Screen(), HasSubstr("from column 2 of 2"));
}

TEST_F(BrowserTest, RowsThatAreFilteredAreLookedForToTheEnd) {
  OpenRows("orders");
  Type("/item 987");
  for (int i = 0; i < 8; ++i) Screen();
  EXPECT_THAT(Screen(), HasSubstr(" 1,000 rows   1 of them called"));
}

TEST_F(BrowserTest, ATableWithoutRowsSaysWhy) {
  OpenRows("parts");
  EXPECT_THAT(Screen(), HasSubstr("the rows cannot be shown: it is partitioned"));
  rows_ = 0;
  OpenRows("orders");
  EXPECT_THAT(Screen(), HasSubstr("the table has no rows"));
}

TEST_F(BrowserTest, DrawsOnAnySize) {
  Press(KeyCode::kEnter);
  for (const size_t rows : {1, 2, 4, 5, 6, 9, 40}) {
    for (const size_t columns : {1, 5, 19, 20, 21, 43, 300}) {
      Screen(rows, columns);
      Type("r");
      Screen(rows, columns);
      Press(KeyCode::kEscape);
      Type("?");
      Screen(rows, columns);
      Press(KeyCode::kEscape);
    }
  }
  EXPECT_THAT(Screen(), HasSubstr("2 entries"));
}

}  // namespace
}  // namespace cairn::browse
