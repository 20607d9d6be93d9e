#include "frontends/import/sqlite_log.h"

#include <algorithm>

namespace cairn::import {
namespace {

constexpr size_t kHeaderBytes = 32, kFrameHeaderBytes = 24;
constexpr uint32_t kMagic = 0x377f0682;  // its last bit: sums are of big-endian words

uint32_t BigEndian(ByteSpan bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}
uint32_t LittleEndian(ByteSpan bytes) {
  return uint32_t{bytes[3]} << 24 | uint32_t{bytes[2]} << 16 | uint32_t{bytes[1]} << 8 | bytes[0];
}

// Runs from the header through all frames.
struct LogSum {
  bool is_big_endian = false;
  uint32_t first = 0, second = 0;

  void Add(ByteSpan bytes) {  // a multiple of 8
    for (; !bytes.empty(); bytes = bytes.subspan(8)) {
      first += Word(bytes) + second;
      second += Word(bytes.subspan(4)) + first;
    }
  }
  bool Is(ByteSpan written) const { return first == BigEndian(written) && second == BigEndian(written.subspan(4)); }

 private:
  uint32_t Word(ByteSpan bytes) const { return is_big_endian ? BigEndian(bytes) : LittleEndian(bytes); }
};

Result<void> Fill(ByteStream& stream, MutableByteSpan target) {
  while (!target.empty()) {
    ASSIGN_OR_RETURN(const size_t got, stream.Read(target));
    if (got == 0) return Corrupt("it is cut short");
    target = target.subspan(got);
  }
  return {};
}

Result<void> CheckFrames(ByteStream& stream, uint64_t frames, ByteSpan header, LogSum sum,
                         const std::stop_token& stop) {
  const ByteSpan salts = header.subspan(16, 8);
  Bytes frame(kFrameHeaderBytes + BigEndian(header.subspan(8)));
  std::optional<uint64_t> damaged, ended;  // the first that is; the first of an earlier run
  for (uint64_t number = 1; number <= frames; ++number) {
    if (stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    RETURN_IF_ERROR(Fill(stream, frame));
    const ByteSpan head = ByteSpan(frame).first(kFrameHeaderBytes);
    // Both are others in every run.
    const bool is_first = std::ranges::equal(head.subspan(8, 4), salts.first(4));
    const bool is_second = std::ranges::equal(head.subspan(12, 4), salts.subspan(4));
    if (is_first != is_second) return Corrupt("frame {} is damaged", number);
    if (!is_first) {
      if (!ended) ended = number;
      continue;
    }
    if (ended) return Corrupt("frame {} is damaged: others of its run are behind it", *ended);
    if (!damaged) {
      sum.Add(head.first(8));
      sum.Add(ByteSpan(frame).subspan(kFrameHeaderBytes));
      if (!sum.Is(head.subspan(16))) damaged = number;
    }
    const bool is_commit = BigEndian(head.subspan(4)) != 0;
    if (damaged && is_commit) return Corrupt("frame {} is damaged: its checksum is another", *damaged);
  }
  return {};
}

}  // namespace

Result<void> CheckLog(const SharedFd& log, uint64_t size, const std::stop_token& stop) {
  FileStream stream(log, 0, size);
  Bytes header(kHeaderBytes);
  if (size < kHeaderBytes) return Corrupt("it is cut short: less than the header of a log");
  RETURN_IF_ERROR(Fill(stream, header));
  const uint32_t magic = BigEndian(header), page_bytes = BigEndian(ByteSpan(header).subspan(8));
  LogSum sum{(magic & 1) != 0};
  sum.Add(ByteSpan(header).first(24));
  const bool is_whole = (magic & ~1U) == kMagic && sum.Is(ByteSpan(header).subspan(24)) && page_bytes >= 512 &&
                        page_bytes <= 65'536 && (page_bytes & (page_bytes - 1)) == 0;
  if (!is_whole) return Corrupt("its header is damaged");
  const uint64_t frame_bytes = kFrameHeaderBytes + page_bytes;
  if ((size - kHeaderBytes) % frame_bytes != 0) return Corrupt("it is cut short: it ends within a frame");
  return CheckFrames(stream, (size - kHeaderBytes) / frame_bytes, header, sum, stop);
}

}  // namespace cairn::import
