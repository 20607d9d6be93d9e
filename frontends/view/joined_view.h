// A file that is a text, the bytes of another file, and a text.
#pragma once

#include "engine/tree/file_view.h"

namespace cairn::view {

// Memory: the texts.
class JoinedView final : public FileView {
 public:
  // `body` may be nullptr: there is nothing between.
  JoinedView(std::string head, std::shared_ptr<const FileView> body, std::string tail);
  uint64_t size() const override { return head_.size() + body_bytes_ + tail_.size(); }
  Result<size_t> Read(uint64_t offset, MutableByteSpan target) const override;
  Result<void> Touch(uint64_t offset, uint64_t size) const override;
  Result<std::optional<uint64_t>> NextData(uint64_t offset) const override;
  Result<std::optional<uint64_t>> NextHole(uint64_t offset) const override;

 private:
  const std::string head_;
  const std::shared_ptr<const FileView> body_;
  const uint64_t body_bytes_;
  const std::string tail_;
};

}  // namespace cairn::view
