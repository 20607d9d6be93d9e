#include "engine/index/dropped_packs.h"

#include <algorithm>
#include <utility>

#include "engine/index/index_rows.h"

namespace cairn {
namespace {

class RowFilter final : public rocksdb::CompactionFilter {
 public:
  RowFilter(std::vector<bool> dropped, size_t number_at) : dropped_(std::move(dropped)), number_at_(number_at) {}

  const char* Name() const override { return "cairn.DroppedPacks"; }
  // Whether the row goes. What is not understood stays: it is for who reads it to tell.
  bool Filter(int, const rocksdb::Slice& key, const rocksdb::Slice&, std::string*, bool*) const override {
    if (key.size() < number_at_) return false;
    const auto number = index_rows::ParseNumber(AsBytes({key.data() + number_at_, key.size() - number_at_}));
    return number && *number < dropped_.size() && dropped_[*number];
  }

 private:
  const std::vector<bool> dropped_;
  const size_t number_at_;
};

class Factory final : public rocksdb::CompactionFilterFactory {
 public:
  Factory(std::shared_ptr<const DroppedPacks> dropped, size_t number_at)
      : dropped_(std::move(dropped)), number_at_(number_at) {}

  const char* Name() const override { return "cairn.DroppedPacks"; }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context&) override {
    return std::make_unique<RowFilter>(dropped_->Numbers(), number_at_);
  }

 private:
  const std::shared_ptr<const DroppedPacks> dropped_;
  const size_t number_at_;
};

}  // namespace

void DroppedPacks::Set(std::vector<bool> numbers) {
  const std::lock_guard lock(mutex_);
  numbers_ = std::move(numbers);
}

void DroppedPacks::Add(const std::vector<uint32_t>& numbers) {
  if (numbers.empty()) return;
  const std::lock_guard lock(mutex_);
  const uint32_t last = *std::ranges::max_element(numbers);
  if (numbers_.size() <= last) numbers_.resize(size_t{last} + 1);
  for (const uint32_t number : numbers) numbers_[number] = true;
}

std::vector<bool> DroppedPacks::Numbers() const {
  const std::lock_guard lock(mutex_);
  return numbers_;
}

std::shared_ptr<rocksdb::CompactionFilterFactory> LeaveOutDropped(std::shared_ptr<const DroppedPacks> dropped,
                                                                  size_t number_at) {
  return std::make_shared<Factory>(std::move(dropped), number_at);
}

}  // namespace cairn
