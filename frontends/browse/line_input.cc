#include "frontends/browse/line_input.h"

#include <algorithm>

#include "frontends/browse/glyphs.h"

namespace cairn::browse {
namespace {

bool Continues(char byte) { return (static_cast<uint8_t>(byte) & 0xc0) == 0x80; }

}  // namespace

size_t LineInput::Before() const {
  size_t at = at_;
  while (at > 0 && Continues(text_[--at])) {
  }
  return at;
}

size_t LineInput::After() const {
  size_t at = std::min(at_ + 1, text_.size());
  while (at < text_.size() && Continues(text_[at])) ++at;
  return at;
}

bool LineInput::OnKey(const Key& key) {
  switch (key.code) {
    case KeyCode::kCharacter:
      if (text_.size() + key.text.size() > kBytesMax) return true;
      text_.insert(at_, key.text);
      at_ += key.text.size();
      return true;
    case KeyCode::kBackspace: {
      const size_t from = Before();
      text_.erase(from, at_ - from);
      at_ = from;
      return true;
    }
    case KeyCode::kDelete:
      text_.erase(at_, After() - at_);
      return true;
    case KeyCode::kErase:
      text_.clear();
      at_ = 0;
      return true;
    case KeyCode::kLeft:
      at_ = Before();
      return true;
    case KeyCode::kRight:
      at_ = After();
      return true;
    case KeyCode::kHome:
      at_ = 0;
      return true;
    case KeyCode::kEnd:
      at_ = text_.size();
      return true;
    default:
      return false;
  }
}

void LineInput::Draw(Canvas& canvas, size_t row, size_t column, size_t width) const {
  if (width == 0) return;
  // What is before the cursor is seen to its end, and then what follows.
  const size_t before = WidthOf(text_.substr(0, at_));
  const bool fits = WidthOf(text_) < width;
  if (fits || before < width) {
    canvas.Put(row, column, width, text_);
    canvas.cursor = {true, row, column + before};
  } else {
    canvas.Put(row, column, width - 1, text_.substr(0, at_), kPlain, Canvas::Fit::kTail);
    canvas.cursor = {true, row, column + width - 1};
  }
}

}  // namespace cairn::browse
