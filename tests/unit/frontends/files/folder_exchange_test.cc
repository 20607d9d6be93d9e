#include "frontends/files/folder_exchange.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/recording_log.h"
#include "tests/support/temp_folder.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

class FolderExchangeTest : public testing::Test {
 protected:
  FolderExchangeTest() {
    Put("old", "1");
    Put("both", "old");
  }
  void Put(const std::string& name, const std::string& text) { std::ofstream(Path(name)) << text; }
  std::string Get(const std::string& name) const {
    std::ifstream file(Path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  bool Has(const std::string& name) const { return fs::exists(Path(name)); }
  FolderExchange::Options Options(const std::string& entry = "") const {
    return {.folder = folder_.path(), .entry = entry, .run = "0123abcd"};
  }
  std::unique_ptr<FolderExchange> Make(const std::string& entry = "") {
    auto made = FolderExchange::Make(Options(entry), log_);
    EXPECT_TRUE(made) << (made ? "" : made.error().message());
    return made ? *std::move(made) : nullptr;
  }
  std::unique_ptr<FolderExchange> MakeFilled() {
    auto exchange = Make();
    Put(".cairn-replace-0123abcd/new/both", "new");
    Put(".cairn-replace-0123abcd/new/new", "2");
    return exchange;
  }
  void ExpectOld() const {
    EXPECT_EQ(Get("both"), "old");
    EXPECT_TRUE(Has("old"));
    EXPECT_FALSE(Has("new"));
  }

  TempFolder folder_;
  RecordingLog log_;
};

TEST_F(FolderExchangeTest, EntriesChangePlacesAndTheFolderStays) {
  struct stat before{}, after{};
  ASSERT_EQ(::stat(folder_.path().c_str(), &before), 0);
  auto exchange = MakeFilled();
  ASSERT_TRUE(exchange->Exchange());
  EXPECT_EQ(Get("both"), "new");
  EXPECT_EQ(Get("new"), "2");
  EXPECT_FALSE(Has("old"));
  EXPECT_EQ(Get(".cairn-replace-0123abcd/former/old"), "1");
  const auto refused = exchange->Remove(false);
  ASSERT_FALSE(refused) << "what was there is still needed";
  ASSERT_TRUE(exchange->Remove(true));
  ASSERT_EQ(::stat(folder_.path().c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_FALSE(Has(".cairn-replace-0123abcd"));
}

TEST_F(FolderExchangeTest, PutBackIsAsBeforeWithTheTimesOfTheFolder) {
  struct stat before{}, after{};
  ASSERT_EQ(::stat(folder_.path().c_str(), &before), 0);
  auto exchange = MakeFilled();
  ASSERT_TRUE(exchange->Exchange());
  ASSERT_TRUE(exchange->PutBack());
  ExpectOld();
  ASSERT_TRUE(exchange->Remove(false));
  ASSERT_EQ(::stat(folder_.path().c_str(), &after), 0);
  EXPECT_EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

TEST_F(FolderExchangeTest, OneEntryAlone) {
  auto exchange = Make("both");
  Put(".cairn-replace-0123abcd-both/new/both", "new");
  ASSERT_TRUE(exchange->Exchange());
  EXPECT_EQ(Get("both"), "new");
  EXPECT_TRUE(Has("old"));
  ASSERT_TRUE(exchange->PutBack());
  ExpectOld();
}

TEST_F(FolderExchangeTest, WhatIsMadeInTheWayIsKept) {
  auto exchange = MakeFilled();
  ASSERT_TRUE(exchange->Exchange());
  fs::remove(Path("both"));
  Put(".cairn-replace-0123abcd/new/both", "in the way of what goes back");
  Put("both", "somebody's");
  Put("more", "somebody's");
  ASSERT_TRUE(exchange->PutBack());
  EXPECT_EQ(Get("both"), "old");
  EXPECT_EQ(Get("more"), "somebody's");
  EXPECT_TRUE(exchange->has_late());
  EXPECT_FALSE(exchange->Remove(true)) << "it is somebody's";
  exchange.reset();
  EXPECT_FALSE(FolderExchange::Make({.folder = folder_.path(), .entry = "", .run = "89abcdef"}, log_));
}

// Each state in which a process may die, by hand.
TEST_F(FolderExchangeTest, ALaterProcessPutsBackWhatADeadOneLeft) {
  const std::string work = ".cairn-replace-0123abcd/";
  for (const bool all_taken : {false, true}) {
    for (const bool some_placed : {false, true}) {
      if (some_placed && !all_taken) continue;
      {
        MakeFilled();
      }  // its lock goes
      fs::create_directory(Path(work + "taking"));
      fs::rename(Path("old"), Path(work + "taking/old"));
      if (all_taken) {
        fs::rename(Path("both"), Path(work + "taking/both"));
        fs::rename(Path(work + "taking"), Path(work + "former"));
      }
      if (some_placed) fs::rename(Path(work + "new/both"), Path("both"));
      EXPECT_FALSE(FolderExchange::Make({.folder = folder_.path(), .entry = "", .run = "89abcdef"}, log_))
          << "what has to be put back first is refused";
      auto found = FolderExchange::Find(Options());
      ASSERT_TRUE(found);
      ASSERT_NE(*found, nullptr);
      ASSERT_TRUE((*found)->PutBack());
      ExpectOld();
      EXPECT_EQ((*found)->has_late(), some_placed) << "it may be somebody's";
      fs::remove_all(Path(".cairn-replace-0123abcd"));
    }
  }
}

TEST_F(FolderExchangeTest, WhatADeadOneHadNotUsedGoes) {
  { MakeFilled(); }
  const auto next = FolderExchange::Make({.folder = folder_.path(), .entry = "", .run = "89abcdef"}, log_);
  ASSERT_TRUE(next);
  EXPECT_FALSE(Has(".cairn-replace-0123abcd"));
  EXPECT_TRUE(fs::is_empty((*next)->new_folder()));
  ExpectOld();
}

TEST_F(FolderExchangeTest, OneThatLivesIsLeftAlone) {
  auto living = MakeFilled();
  const auto other = FolderExchange::Make({.folder = folder_.path(), .entry = "", .run = "89abcdef"}, log_);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code(), ErrorCode::kBusy);
  EXPECT_TRUE(Has(".cairn-replace-0123abcd/new/new"));
}

TEST_F(FolderExchangeTest, CarriesWhatIsToStay) {
  Put("cache", "kept");
  fs::create_directory(Path("made"));
  Put("made/cache", "kept too");
  fs::create_directory(Path("led"));
  Put("led/cache", "not led away");
  auto exchange = MakeFilled();
  fs::create_symlink("/tmp", Path(".cairn-replace-0123abcd/new/led"));
  ASSERT_TRUE(exchange->Exchange());
  const auto in_the_way = exchange->Carry({"cache", "both", "made/cache", "led/cache"});
  ASSERT_TRUE(in_the_way);
  EXPECT_EQ(*in_the_way, (std::vector<std::string>{"both", "led/cache"}));
  EXPECT_EQ(Get("made/cache"), "kept too");
  EXPECT_EQ(Get("cache"), "kept");
  EXPECT_EQ(Get("both"), "new");
  ASSERT_TRUE(exchange->PutBack());
  ExpectOld();
  EXPECT_EQ(Get("cache"), "kept");
  EXPECT_EQ(Get("made/cache"), "kept too");
  EXPECT_EQ(Get("led/cache"), "not led away");
}

TEST_F(FolderExchangeTest, WhatComesWhereNothingWasIsNotReplaced) {
  auto made = FolderExchange::Make({.folder = folder_.path(), .entry = "x", .run = "0123abcd", .exists = false}, log_);
  ASSERT_TRUE(made);
  Put(".cairn-replace-0123abcd-x/new/x", "new");
  Put("x", "precious");
  const auto exchanged = (*made)->Exchange();
  ASSERT_FALSE(exchanged);
  EXPECT_EQ(exchanged.error().code(), ErrorCode::kAlreadyExists);
  EXPECT_EQ(Get("x"), "precious");
}

TEST_F(FolderExchangeTest, AFolderWithAGroupOfItsOwnAndOnesThatMayNotBeWrittenTo) {
  ASSERT_EQ(::chmod(folder_.path().c_str(), 02775), 0);
  fs::create_directory(Path("shut"));
  ASSERT_EQ(::chmod(Path("shut").c_str(), 0555), 0);
  auto exchange = MakeFilled();
  ASSERT_TRUE(exchange->Exchange());
  ASSERT_TRUE(exchange->PutBack());
  struct stat status{};
  ASSERT_EQ(::stat(Path("shut").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0555U);
}

TEST_F(FolderExchangeTest, NamesThatBeginAlikeHaveFoldersOfTheirOwn) {
  const std::string name(200, 'n');
  auto one = FolderExchange::Make({.folder = folder_.path(), .entry = name + "1", .run = "0123abcd"}, log_);
  auto other = FolderExchange::Make({.folder = folder_.path(), .entry = name + "2", .run = "0123abcd"}, log_);
  EXPECT_TRUE(one);
  EXPECT_TRUE(other);
}

}  // namespace
}  // namespace cairn
