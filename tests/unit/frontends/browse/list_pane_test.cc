#include "frontends/browse/list_pane.h"

#include <gmock/gmock.h>

namespace cairn::browse {
namespace {

using testing::ElementsAre;

ListRow File(std::string name, uint64_t size = 0, int64_t seconds = 0) {
  return {.name = std::move(name), .size = size, .time = {.seconds = seconds}};
}
ListRow Folder(std::string name) { return {.name = std::move(name), .is_first = true}; }

std::vector<std::string> Seen(const ListPane& list) {
  std::vector<std::string> names;
  for (const size_t row : list.order()) names.push_back(list.row(row).name);
  return names;
}
std::string Current(const ListPane& list) { return list.row(list.current()).name; }

class ListPaneTest : public testing::Test {
 protected:
  // The list as lines, without the titles.
  std::vector<std::string> Drawn(size_t rows, size_t columns = 40) {
    Canvas canvas(rows + 1, columns);
    list_.Draw(
        canvas, 0, rows + 1,
        {{.title = "Name"}, {.title = "Size", .width = 6, .is_number = true, .screen_columns_min = 20}},
        [this](size_t row) { return RowText{.cells = {list_.row(row).name, std::to_string(list_.row(row).size)}}; });
    std::vector<std::string> lines;
    for (size_t i = 1; i <= rows; ++i) lines.push_back(canvas.Line(i));
    return lines;
  }
  void Fill(size_t count) {
    std::vector<ListRow> rows;
    for (size_t i = 0; i < count; ++i) rows.push_back(File(std::string(1, static_cast<char>('a' + i))));
    list_.Append(std::move(rows));
    list_.Settle();
  }

  ListPane list_;
};

TEST_F(ListPaneTest, SortsFoldersFirstInEveryOrder) {
  list_.Append({File("b", 1, 30), Folder("z"), File("a", 2, 10), File("c", 3, 20), Folder("y")});
  list_.Settle();
  EXPECT_THAT(Seen(list_), ElementsAre("y", "z", "a", "b", "c"));
  list_.SetSort(SortBy::kSize, false);
  EXPECT_THAT(Seen(list_), ElementsAre("y", "z", "c", "a", "b"));
  list_.SetSort(SortBy::kTime, false);
  EXPECT_THAT(Seen(list_), ElementsAre("y", "z", "b", "c", "a"));
  list_.SetSort(SortBy::kTime, true);
  EXPECT_THAT(Seen(list_), ElementsAre("y", "z", "a", "c", "b"));
  list_.SetSort(SortBy::kName, true);
  EXPECT_THAT(Seen(list_), ElementsAre("z", "y", "c", "b", "a"));
}

TEST_F(ListPaneTest, FiltersByPartOrPattern) {
  list_.Append({File("Notes.TXT"), File("a.txt"), File("txt.d"), File("other")});
  list_.SetFilter("txt");
  EXPECT_THAT(Seen(list_), ElementsAre("Notes.TXT", "a.txt", "txt.d"));
  list_.SetFilter("*.txt");
  EXPECT_THAT(Seen(list_), ElementsAre("Notes.TXT", "a.txt"));
  list_.SetFilter("nothing");
  EXPECT_TRUE(list_.empty());
  EXPECT_TRUE(list_.OnKey({KeyCode::kDown}));
  list_.SetFilter("");
  EXPECT_EQ(list_.count_seen(), 4);
}

TEST_F(ListPaneTest, TheCursorStaysOnItsRow) {
  Fill(5);
  list_.MoveBy(2);
  EXPECT_EQ(Current(list_), "c");
  list_.Append({File("aa"), File("ab")});
  list_.Settle();
  EXPECT_EQ(Current(list_), "c");
  list_.SetSort(SortBy::kName, true);
  EXPECT_EQ(Current(list_), "c");
  list_.Replace({File("a"), File("c"), File("x")});
  EXPECT_EQ(Current(list_), "c");
  list_.Replace({File("a"), File("x")});
  EXPECT_EQ(list_.count_seen(), 2);
}

TEST_F(ListPaneTest, WhoHasNotMovedSeesTheFirstRow) {
  list_.Append({File("m")});
  list_.Append({File("a")});
  list_.Settle();
  EXPECT_EQ(Current(list_), "a");
}

TEST_F(ListPaneTest, ScrollsNoFurtherThanItMust) {
  Fill(6);
  EXPECT_THAT(Drawn(3, 12), ElementsAre(" a", " b", " c"));
  list_.MoveBy(3);
  EXPECT_THAT(Drawn(3, 12), ElementsAre(" b", " c", " d"));
  list_.OnKey({KeyCode::kEnd});
  EXPECT_THAT(Drawn(3, 12), ElementsAre(" d", " e", " f"));
  list_.MoveBy(-1);
  EXPECT_THAT(Drawn(3, 12), ElementsAre(" d", " e", " f"));
  EXPECT_THAT(Drawn(6, 12), ElementsAre(" a", " b", " c", " d", " e", " f"));  // a larger window has no empty lines
}

TEST_F(ListPaneTest, PagesAndEnds) {
  Fill(20);
  Drawn(5);
  list_.OnKey({KeyCode::kPageDown});
  EXPECT_EQ(Current(list_), "e");
  list_.OnKey({KeyCode::kEnd});
  EXPECT_EQ(Current(list_), "t");
  list_.OnKey({KeyCode::kDown});
  EXPECT_EQ(Current(list_), "t");
  list_.OnKey({KeyCode::kCharacter, "g"});
  EXPECT_EQ(Current(list_), "a");
  list_.OnKey({KeyCode::kUp});
  EXPECT_EQ(Current(list_), "a");
}

TEST_F(ListPaneTest, ColumnsAreAlignedAndLeftOutWhereThereIsNoRoom) {
  list_.Append({File("short", 7), File("a name that is long enough", 12345)});
  list_.Settle();
  EXPECT_THAT(Drawn(2, 24), ElementsAre(" a name that is…   12345", " short                 7"));
  EXPECT_THAT(Drawn(2, 12), ElementsAre(" a name tha…", " short"));
  for (size_t columns = 1; columns < 12; ++columns) EXPECT_EQ(Drawn(2, columns).size(), 2);
}

TEST_F(ListPaneTest, SelectsByName) {
  Fill(5);
  list_.Select("d");
  EXPECT_EQ(Current(list_), "d");
  list_.Select("not there");
  EXPECT_EQ(Current(list_), "d");
}

}  // namespace
}  // namespace cairn::browse
