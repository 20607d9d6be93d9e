// A screen with text: help, what is known of a file, its first bytes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "frontends/browse/reading.h"
#include "frontends/browse/screen.h"
#include "frontends/browse/text_pane.h"

namespace cairn::browse {

class TextScreen : public Screen {
 public:
  TextScreen(ScreenHost& host, std::string title, std::vector<TextLine> lines);
  // What another thread reads; it may be left before that is there.
  using Read = Reading<std::vector<TextLine>>::Read;
  TextScreen(ScreenHost& host, std::string title, const Read& read);

  std::string Title() const override { return title_; }
  void Draw(Canvas& canvas, const ScreenLines& lines) override;
  std::string Status() const override;
  std::string Keys() const override;
  void Poll() override;
  bool OnKey(const Key& key) override;
  void MoveToEnd() { text_.MoveToEnd(); }

 private:
  const std::string title_;
  TextPane text_;
  Reading<std::vector<TextLine>> reading_;
};

// What all keys do.
std::vector<TextLine> HelpLines();

}  // namespace cairn::browse
