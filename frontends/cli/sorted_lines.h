// Lines of text in the order of keys, of any number of them.
#pragma once

#include <array>
#include <functional>
#include <string>

#include "engine/env/record_sorter.h"
#include "repo-format/base/units.h"

namespace cairn {

// First lines are added, then they are given; those of one key in the order in which they came. One thread. Memory: 48
// MiB; the rest is in files of `folder` that have no name. Errors: kNoSpace, kIo, with the folder.
class SortedLines {
 public:
  using Key = std::array<uint8_t, 16>;
  explicit SortedLines(const std::string& folder);
  ~SortedLines();
  SortedLines(const SortedLines&) = delete;
  SortedLines& operator=(const SortedLines&) = delete;

  Result<void> Add(const Key& key, const std::string& line);
  Result<void> ForEach(const std::function<Result<void>(const std::string& line)>& each);

 private:
  static constexpr size_t kTextBytesMax = 32 * kMiB;
  Result<void> Spill();
  Result<std::string> LineAt(uint64_t offset, uint32_t size) const;

  const std::string folder_;
  RecordSorter sorter_;
  std::string text_;      // behind what is in the file
  uint64_t spilled_ = 0;  // bytes
  int file_ = -1;
};

}  // namespace cairn
