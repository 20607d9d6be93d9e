#include "frontends/view/csv_view.h"

#include <algorithm>

#include "frontends/postgres/copy_csv.h"
#include "repo-format/base/units.h"

namespace cairn::view {
namespace {

constexpr uint64_t kMarkBytes = kMiB;
constexpr size_t kPieceBytes = 256 * kKiB;
constexpr size_t kBehindBytes = kMiB;  // requests of one reader come somewhat out of order

std::string HeadOf(const std::vector<std::string>& columns) {
  const std::vector<std::optional<std::string>> names(columns.begin(), columns.end());
  std::string head;
  postgres::AppendCsvLine(names, head);
  return head;
}

}  // namespace

Result<std::shared_ptr<const CsvPlan>> CsvPlan::Make(const FileView& rows, const std::vector<std::string>& columns,
                                                     const std::stop_token& stop) {
  auto plan = std::make_shared<CsvPlan>();
  plan->head = HeadOf(columns);
  plan->columns = columns.size();
  plan->size = plan->head.size();
  plan->marks.push_back({0, plan->size});
  std::string line;
  const postgres::CopyRows* reading = nullptr;
  postgres::CopyRows reader(columns.size(), [&](std::span<const std::optional<std::string>> values) -> Result<void> {
    if (plan->size >= plan->marks.back().target + kMarkBytes) plan->marks.push_back({reading->row_begin(), plan->size});
    line.clear();
    postgres::AppendCsvLine(values, line);
    plan->size += line.size();
    return {};
  });
  reading = &reader;
  Bytes piece(kPieceBytes);
  for (uint64_t offset = 0; offset < rows.size();) {
    if (stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    ASSIGN_OR_RETURN(const size_t got, rows.Read(offset, piece));
    RETURN_IF_ERROR(reader.Take(ByteSpan(piece).first(got)));
    offset += got;
  }
  RETURN_IF_ERROR(reader.End());
  return std::shared_ptr<const CsvPlan>(std::move(plan));
}

CsvView::CsvView(std::shared_ptr<const FileView> rows, std::shared_ptr<const CsvPlan> plan)
    : rows_(std::move(rows)), plan_(std::move(plan)) {}

const CsvPlan::Mark& CsvView::MarkBefore(uint64_t offset) const {
  const auto next = std::ranges::upper_bound(plan_->marks, offset, {}, &CsvPlan::Mark::target);
  return next == plan_->marks.begin() ? plan_->marks.front() : *std::prev(next);
}

void CsvView::Seek(uint64_t offset) const {
  const CsvPlan::Mark& mark = MarkBefore(offset);
  made_.clear();
  made_begin_ = mark.target;
  source_ = mark.source;
  maker_ = std::make_unique<postgres::CopyRows>(
      plan_->columns, [this](std::span<const std::optional<std::string>> values) -> Result<void> {
        postgres::AppendCsvLine(values, made_);
        return {};
      });
}

// Makes what follows; what is far behind `wanted` goes.
Result<void> CsvView::Advance(uint64_t wanted) const {
  if (wanted > made_begin_ + 2 * kBehindBytes) {
    const uint64_t gone = std::min<uint64_t>(wanted - kBehindBytes - made_begin_, made_.size());
    made_.erase(0, gone);
    made_begin_ += gone;
  }
  Bytes piece(kPieceBytes);
  ASSIGN_OR_RETURN(const size_t got, rows_->Read(source_, piece));
  source_ += got;
  if (got == 0) return Corrupt("the rows end before byte {} of {}", made_begin_ + made_.size(), plan_->size);
  return maker_->Take(ByteSpan(piece).first(got));
}

Result<size_t> CsvView::Read(uint64_t offset, MutableByteSpan target) const {
  if (offset >= size()) return size_t{0};
  const uint64_t end = offset + std::min<uint64_t>(target.size(), size() - offset);
  const std::lock_guard lock(mutex_);
  uint64_t filled = offset;
  if (filled < plan_->head.size()) {
    const uint64_t until = std::min<uint64_t>(end, plan_->head.size());
    std::copy_n(plan_->head.begin() + static_cast<ptrdiff_t>(filled), until - filled, target.begin());
    filled = until;
  }
  while (filled < end) {
    const uint64_t made_end = made_begin_ + made_.size();
    const bool is_ahead = filled >= made_begin_ && MarkBefore(filled).target <= made_end;
    if (maker_ == nullptr || !is_ahead) {
      Seek(filled);
      continue;
    }
    if (filled >= made_end) {
      auto made = Advance(filled);
      if (!made) maker_.reset();  // it stands within a row
      RETURN_IF_ERROR(made);
      continue;
    }
    const uint64_t until = std::min(end, made_end);
    std::copy_n(made_.begin() + static_cast<ptrdiff_t>(filled - made_begin_), until - filled,
                target.begin() + static_cast<ptrdiff_t>(filled - offset));
    filled = until;
  }
  return static_cast<size_t>(end - offset);
}

Result<void> CsvView::Touch(uint64_t offset, uint64_t size) const {
  const uint64_t end = offset + std::min(size, UINT64_MAX - offset);
  const uint64_t begin = MarkBefore(offset).source;
  const auto next = std::ranges::lower_bound(plan_->marks, end, {}, &CsvPlan::Mark::target);
  const uint64_t until = next == plan_->marks.end() ? rows_->size() : next->source;
  return rows_->Touch(begin, until - begin);
}

Result<std::optional<uint64_t>> CsvView::NextData(uint64_t offset) const {
  return offset < size() ? std::optional(offset) : std::nullopt;
}

Result<std::optional<uint64_t>> CsvView::NextHole(uint64_t offset) const {
  return offset < size() ? std::optional(size()) : std::nullopt;
}

}  // namespace cairn::view
