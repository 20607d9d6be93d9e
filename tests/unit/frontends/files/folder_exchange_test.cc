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
  FolderExchange::Options Options(const std::string& entry = "") const { return {folder_.path(), entry, "0123abcd"}; }
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
  ASSERT_TRUE(exchange->Remove());
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
  ASSERT_TRUE(exchange->Remove());
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
  EXPECT_EQ(exchange->late(), std::vector<std::string>{"both"});
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
      EXPECT_FALSE(FolderExchange::Make(Options(), log_)) << "what has to be put back first is refused";
      auto found = FolderExchange::Find(Options());
      ASSERT_TRUE(found);
      ASSERT_NE(*found, nullptr);
      ASSERT_TRUE((*found)->PutBack());
      ExpectOld();
      EXPECT_EQ((*found)->late().size(), some_placed ? 1U : 0U) << "it may be somebody's";
      ASSERT_TRUE((*found)->Remove());
    }
  }
}

TEST_F(FolderExchangeTest, WhatADeadOneHadNotUsedGoes) {
  {
    MakeFilled();
  }
  auto next = Make();
  ASSERT_NE(next, nullptr);
  EXPECT_TRUE(fs::is_empty(next->new_folder()));
  ExpectOld();
}

TEST_F(FolderExchangeTest, OneThatLivesIsLeftAlone) {
  auto living = MakeFilled();
  const auto other = FolderExchange::Make({folder_.path(), "", "89abcdef"}, log_);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code(), ErrorCode::kBusy);
  EXPECT_TRUE(Has(".cairn-replace-0123abcd/new/new"));
}

TEST_F(FolderExchangeTest, CarriesWhatIsToStay) {
  Put("cache", "kept");
  auto exchange = MakeFilled();
  ASSERT_TRUE(exchange->Exchange());
  ASSERT_TRUE(exchange->Carry({"cache", "both", "nothing/there"}));
  EXPECT_EQ(Get("cache"), "kept");
  EXPECT_EQ(Get("both"), "new");
  ASSERT_TRUE(exchange->PutBack());
  ExpectOld();
  EXPECT_EQ(Get("cache"), "kept");
}

}  // namespace
}  // namespace cairn
