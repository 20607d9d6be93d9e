#include "chunker/cutter.h"

#include <algorithm>

namespace cairn::chunker {
namespace {

constexpr unsigned kChunksBeforeGrowthLog = 20;  // so many chunks of the first size

}  // namespace

Cutter::Cutter(const ChunkerParams& params, const GearTable& table) : params_(params), table_(&table) { Reset(); }

void Cutter::Reset(uint64_t offset) {
  offset_ = offset;
  scan_ = GearScan{};
  grown_ = params_;
  grows_at_ = uint64_t{params_.size_average} << kChunksBeforeGrowthLog;
  thresholds_ = GearThresholds::From(grown_);
  Grow();
}

void Cutter::Grow() {
  if (offset_ < grows_at_) return;
  while (offset_ >= grows_at_) {
    if (grown_.size_max > kSizeMaxMax / 2) {
      grows_at_ = UINT64_MAX;
      break;
    }
    grown_.size_min *= 2;
    grown_.size_average *= 2;
    grown_.size_max *= 2;
    grows_at_ *= 2;
  }
  thresholds_ = GearThresholds::From(grown_);
}

uint32_t Cutter::Next(std::span<const uint8_t> data, bool ends) {
  uint32_t length = 0;
  if (grown_.kind == ChunkerKind::kFixed) {
    length = data.size() >= grown_.size_max ? grown_.size_max : 0;
  } else {
    length = FindCut(data, grown_, thresholds_, *table_, &scan_);
  }
  if (length == 0 && ends) length = static_cast<uint32_t>(data.size());
  if (length == 0) return 0;
  scan_ = GearScan{};
  offset_ += length;
  Grow();
  return length;
}

}  // namespace cairn::chunker
