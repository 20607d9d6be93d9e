#include "engine/tree/read_ahead.h"

#include <algorithm>

namespace cairn {

ReadAhead::ReadAhead(std::shared_ptr<const FileView> file, Executor& executor, const ReadAheadOptions& options)
    : file_(std::move(file)), executor_(executor), options_(options) {}

ReadAhead::~ReadAhead() { *is_ended_ = true; }

// What is to be read ahead now, from and to multiples of a stretch; nothing where both are equal.
ReadAhead::Stretch ReadAhead::Next(uint64_t offset, uint64_t size) {
  const uint64_t near = options_.stretch_bytes;  // the kernel's own reading ahead comes in several requests at once
  const uint64_t end = std::min(file_->size(), offset + std::min(size, file_->size()));
  const std::lock_guard lock(mutex_);
  const bool goes_on = offset + near >= position_ && offset <= position_ + near;
  if (!goes_on) {
    position_ = end;
    run_ = ahead_ = 0;
    return {};
  }
  const bool is_first = run_ == 0;
  position_ = std::max(position_, end);
  run_ += size;
  if (is_first) return {};  // one request is no direction
  const uint64_t window = std::min(options_.window_bytes, 2 * std::max(run_, options_.stretch_bytes));
  const auto up = [&](uint64_t value) { return (value + near - 1) / near * near; };
  const Stretch stretch{std::max(ahead_, up(position_)), std::min(up(position_ + window), up(file_->size()))};
  if (stretch.begin >= stretch.end) return {};
  ahead_ = stretch.end;
  return stretch;
}

void ReadAhead::Asked(uint64_t offset, uint64_t size) {
  if (options_.window_bytes == 0 || offset >= file_->size()) return;
  const Stretch wanted = Next(offset, size);
  for (uint64_t begin = wanted.begin; begin < wanted.end; begin += options_.stretch_bytes) {
    executor_.Submit([file = file_, is_ended = is_ended_, begin, bytes = options_.stretch_bytes] {
      if (!*is_ended) IgnoreError(file->Touch(begin, bytes), "the reader comes to it, and is told");
    });
  }
}

}  // namespace cairn
