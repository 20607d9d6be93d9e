#include "chunker/stream_chunker.h"

#include <algorithm>
#include <cstring>

namespace cairn::chunker {

StreamChunker::StreamChunker(const ChunkerParams& params, const GearTable& table)
    : params_(params), thresholds_(GearThresholds::From(params)), table_(table) {}

void StreamChunker::Append(std::span<const uint8_t> piece) {
  if (piece.empty()) return;
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ < piece.size() && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < piece.size()) buffer_.resize(std::max(buffer_.size() * 2, end_ + piece.size()));
  std::memcpy(buffer_.data() + end_, piece.data(), piece.size());
  end_ += piece.size();
}

uint32_t StreamChunker::CutLength(std::span<const uint8_t> data) {
  if (params_.kind == ChunkerKind::kFixed) return data.size() >= params_.size_max ? params_.size_max : 0;
  return FindCut(data, params_, thresholds_, table_, &scan_);
}

std::optional<std::span<const uint8_t>> StreamChunker::Next() {
  if (begin_ == end_) return std::nullopt;
  const std::span<const uint8_t> data(buffer_.data() + begin_, end_ - begin_);
  uint32_t length = CutLength(data);
  if (length == 0) {
    if (!finished_) return std::nullopt;
    length = static_cast<uint32_t>(data.size());
    scan_ = GearScan{};
  }
  begin_ += length;
  return data.first(length);
}

void StreamChunker::Reset() {
  begin_ = end_ = 0;
  scan_ = GearScan{};
  finished_ = false;
}

}  // namespace cairn::chunker
