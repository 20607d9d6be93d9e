#include "frontends/cli/sorted_lines.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace cairn {
namespace {

constexpr size_t kKeyBytes = SortedLines::Key().size();
constexpr size_t kRecordBytes = kKeyBytes + 12;  // key, offset of the line, its size
constexpr uint64_t kSorterBytes = 8 * kMiB;

void PutNumber(uint8_t* target, uint64_t number, size_t size) {
  for (size_t i = 0; i < size; ++i) target[i] = static_cast<uint8_t>(number >> (8 * (size - 1 - i)));
}
uint64_t NumberAt(const uint8_t* source, size_t size) {
  uint64_t number = 0;
  for (size_t i = 0; i < size; ++i) number = number << 8 | source[i];
  return number;
}

}  // namespace

SortedLines::SortedLines(const std::string& folder)
    : folder_(folder), sorter_({.folder = folder, .record_bytes = kRecordBytes, .memory_bytes = kSorterBytes}) {}

SortedLines::~SortedLines() {
  if (file_ >= 0) ::close(file_);
}

Result<void> SortedLines::Add(const Key& key, const std::string& line) {
  std::array<uint8_t, kRecordBytes> record{};
  std::ranges::copy(key, record.begin());
  PutNumber(record.data() + kKeyBytes, spilled_ + text_.size(), 8);
  PutNumber(record.data() + kKeyBytes + 8, line.size(), 4);
  text_ += line;
  if (text_.size() > kTextBytesMax) RETURN_IF_ERROR(Spill());
  return sorter_.Add(record);
}

Result<void> SortedLines::Spill() {
  if (file_ < 0) {
    std::string path = folder_ + "/lines-XXXXXX";
    file_ = ::mkostemp(path.data(), O_CLOEXEC);
    if (file_ < 0) return ErrnoError(errno, "making a file for lines to be sorted in " + folder_);
    ::unlink(path.c_str());
  }
  for (size_t done = 0; done < text_.size();) {
    const ssize_t wrote =
        ::pwrite(file_, text_.data() + done, text_.size() - done, static_cast<off_t>(spilled_ + done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return ErrnoError(errno, "writing lines to be sorted in " + folder_);
    done += static_cast<size_t>(wrote);
  }
  spilled_ += text_.size();
  text_.clear();
  return {};
}

Result<std::string> SortedLines::LineAt(uint64_t offset, uint32_t size) const {
  if (offset >= spilled_) return text_.substr(offset - spilled_, size);
  std::string line(size, '\0');
  for (size_t done = 0; done < line.size();) {
    const ssize_t got = ::pread(file_, line.data() + done, line.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return ErrnoError(got < 0 ? errno : EIO, "reading sorted lines in " + folder_);
    done += static_cast<size_t>(got);
  }
  return line;
}

Result<void> SortedLines::ForEach(const std::function<Result<void>(const std::string& line)>& each) {
  RETURN_IF_ERROR(sorter_.EndAdding());
  ASSIGN_OR_RETURN(const auto reader, sorter_.Read({}, {}, kSorterBytes));
  for (;;) {
    ASSIGN_OR_RETURN(const ByteSpan record, reader->Next());
    if (record.empty()) return {};
    const uint8_t* place = record.data() + kKeyBytes;
    ASSIGN_OR_RETURN(const std::string line, LineAt(NumberAt(place, 8), static_cast<uint32_t>(NumberAt(place + 8, 4))));
    RETURN_IF_ERROR(each(line));
  }
}

}  // namespace cairn
