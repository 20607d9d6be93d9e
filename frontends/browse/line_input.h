// One line that is being typed.
#pragma once

#include <string>

#include "frontends/browse/canvas.h"
#include "frontends/browse/key.h"

namespace cairn::browse {

// UTF-8; the cursor stands between characters. One thread.
class LineInput {
 public:
  LineInput() = default;
  explicit LineInput(std::string text) : text_(std::move(text)), at_(text_.size()) {}
  const std::string& text() const { return text_; }
  // Whether the key was one for it.
  bool OnKey(const Key& key);
  // Behind a label, with the cursor.
  void Draw(Canvas& canvas, size_t row, size_t column, size_t width) const;

 private:
  size_t Before() const;
  size_t After() const;

  static constexpr size_t kBytesMax = 4096;
  std::string text_;
  size_t at_ = 0;  // in bytes
};

}  // namespace cairn::browse
