// A table's rows of a dump as a file of CSV.
#pragma once

#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/tree/file_view.h"
#include "frontends/postgres/copy_text.h"

namespace cairn::view {

// How long the CSV of some rows is, and from where on each part of it is made. Immutable.
struct CsvPlan {
  struct Mark {
    uint64_t source = 0, target = 0;  // of the same row: in the rows as they are kept, and in the CSV
  };
  std::string head;  // the names of the columns
  size_t columns = 0;
  std::vector<Mark> marks;  // ascending, one for each MiB or so
  uint64_t size = 0;

  // Reads all rows. `columns` are their names.
  static Result<std::shared_ptr<const CsvPlan>> Make(const FileView& rows, const std::vector<std::string>& columns,
                                                     const std::stop_token& stop);
};

// Who reads on gets each row made once; who jumps waits for up to a MiB before the place. Memory: about 2 MiB while it
// is open, and the longest row.
class CsvView final : public FileView {
 public:
  CsvView(std::shared_ptr<const FileView> rows, std::shared_ptr<const CsvPlan> plan);
  uint64_t size() const override { return plan_->size; }
  Result<size_t> Read(uint64_t offset, MutableByteSpan target) const override;
  Result<void> Touch(uint64_t offset, uint64_t size) const override;
  Result<std::optional<uint64_t>> NextData(uint64_t offset) const override;
  Result<std::optional<uint64_t>> NextHole(uint64_t offset) const override;

 private:
  const CsvPlan::Mark& MarkBefore(uint64_t offset) const;
  void Seek(uint64_t offset) const;
  Result<void> Advance(uint64_t wanted) const;

  const std::shared_ptr<const FileView> rows_;
  const std::shared_ptr<const CsvPlan> plan_;
  mutable std::mutex mutex_;
  // Guarded by mutex_, as what follows: a stretch of the file, and what makes the next.
  mutable std::string made_;
  mutable uint64_t made_begin_ = 0;
  mutable uint64_t source_ = 0;
  mutable std::unique_ptr<postgres::CopyRows> maker_;
};

}  // namespace cairn::view
