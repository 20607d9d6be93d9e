#include "frontends/browse/text_screen.h"

namespace cairn::browse {

TextScreen::TextScreen(ScreenHost& host, std::string title, std::vector<TextLine> lines)
    : Screen(host), title_(std::move(title)) {
  text_.Set(std::move(lines));
}

TextScreen::TextScreen(ScreenHost& host, std::string title, const Read& read) : Screen(host), title_(std::move(title)) {
  reading_.Start(world().readers, read);
}

void TextScreen::Poll() {
  auto read = reading_.Take();
  if (!read) return;
  if (*read) {
    text_.Set(**std::move(read));
  } else {
    text_.Set({{read->error().message(), kError}});
  }
}

void TextScreen::Draw(Canvas& canvas, const ScreenLines& lines) {
  if (reading_.is_under_way() && lines.count > 0) {
    canvas.PutLine(lines.first, " reading; Esc leaves it", kDim);
  } else {
    text_.Draw(canvas, lines.first, lines.count);
  }
}

std::string TextScreen::Status() const { return reading_.is_under_way() ? "reading" : text_.Position(); }

std::string TextScreen::Keys() const { return "Up Down PgUp PgDn move   g G begin, end   Esc back   ? help"; }

bool TextScreen::OnKey(const Key& key) { return text_.OnKey(key); }

std::vector<TextLine> HelpLines() {
  std::vector<TextLine> lines;
  const auto title = [&](const char* text) {
    if (!lines.empty()) lines.push_back({""});
    lines.push_back({text, kBold});
  };
  const auto key = [&](const char* keys, const char* what) {
    lines.push_back({fmt::format("  {:<22}{}", keys, what)});
  };
  title("Walking");
  key("Up Down  k j", "one line");
  key("PgUp PgDn", "one page");
  key("Home End  g G", "first, last");
  key("Enter Right l", "open a snapshot or a folder; preview a file");
  key("Backspace Left h", "back, and out of the folder");
  key("Esc", "back; ends a filter, and leaves what takes too long");
  title("Finding");
  key("/", "only names with these letters; *.txt: the whole name");
  key("s S", "sort by name, size, time; the other way round");
  key("v", "this path in all snapshots, and where it differs");
  key("R", "look again");
  title("Looking");
  key("p F3", "the first MiB of a file, as text or as bytes");
  key("i", "all that is known of it");
  key("t", "the tables of a database, their rows, how to restore one");
  key("< >", "other columns of rows");
  key("m", "messages");
  title("Restoring");
  key("Space", "mark, or take the mark away; marks stay when you walk");
  key("u", "take all marks of this snapshot away");
  key("r F5", "restore what is marked, or else what the cursor is on, into a folder");
  lines.push_back({""});
  lines.push_back({"  Nothing that is there is replaced, unless you say so. What is restored is read back."});
  title("Ending");
  key("q", "end; Ctrl-C too");
  return lines;
}

}  // namespace cairn::browse
