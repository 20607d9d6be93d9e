#include "frontends/view/joined_view.h"

#include <algorithm>

namespace cairn::view {

JoinedView::JoinedView(std::string head, std::shared_ptr<const FileView> body, std::string tail)
    : head_(std::move(head)),
      body_(std::move(body)),
      body_bytes_(body_ == nullptr ? 0 : body_->size()),
      tail_(std::move(tail)) {}

Result<size_t> JoinedView::Read(uint64_t offset, MutableByteSpan target) const {
  size_t filled = 0;
  const auto copy = [&](const std::string& text, uint64_t begin) {
    const uint64_t at = offset + filled;
    if (at < begin || at - begin >= text.size()) return;
    const size_t part = std::min<uint64_t>(text.size() - (at - begin), target.size() - filled);
    std::copy_n(text.begin() + static_cast<ptrdiff_t>(at - begin), part,
                target.begin() + static_cast<ptrdiff_t>(filled));
    filled += part;
  };
  copy(head_, 0);
  const uint64_t body_end = head_.size() + body_bytes_;
  const uint64_t at = offset + filled;
  if (filled < target.size() && at >= head_.size() && at < body_end) {
    const size_t part = std::min<uint64_t>(target.size() - filled, body_end - at);
    ASSIGN_OR_RETURN(const size_t got, body_->Read(at - head_.size(), target.subspan(filled, part)));
    if (got != part) return Corrupt("{} of {} bytes are there from byte {} on", got, part, at - head_.size());
    filled += part;
  }
  copy(tail_, body_end);
  return filled;
}

Result<void> JoinedView::Touch(uint64_t offset, uint64_t size) const {
  const uint64_t end = offset + std::min(size, UINT64_MAX - offset);
  if (body_ == nullptr || end <= head_.size()) return {};
  const uint64_t begin = std::max<uint64_t>(offset, head_.size());
  return body_->Touch(begin - head_.size(), end - begin);
}

Result<std::optional<uint64_t>> JoinedView::NextData(uint64_t offset) const {
  return offset < size() ? std::optional(offset) : std::nullopt;
}

Result<std::optional<uint64_t>> JoinedView::NextHole(uint64_t offset) const {
  return offset < size() ? std::optional(size()) : std::nullopt;
}

}  // namespace cairn::view
