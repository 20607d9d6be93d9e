#include "engine/jobs/sealed_frames.h"

#include <algorithm>
#include <span>
#include <tuple>

#include "engine/pack/pack_reader.h"
#include "engine/repo/get_each.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

// Frames side by side in one pack.
struct Run {
  std::span<const BlobLocation> frames;
  uint64_t bytes = 0;
};

std::vector<Run> RunsOf(const std::vector<BlobLocation>& frames, uint64_t bytes_max) {
  std::vector<Run> runs;
  for (size_t i = 0; i < frames.size(); ++i) {
    const BlobLocation& frame = frames[i];
    const uint64_t length = frame.frame->sealed_length;
    if (!runs.empty()) {
      Run& last = runs.back();
      const BlobLocation& first = last.frames.front();
      const bool is_next = first.pack.name == frame.pack.name && first.pack.kind == frame.pack.kind &&
                           first.frame_offset + last.bytes == frame.frame_offset;
      if (is_next && last.bytes + length <= bytes_max) {
        last.frames = std::span(last.frames.data(), last.frames.size() + 1);
        last.bytes += length;
        continue;
      }
    }
    runs.push_back({std::span(&frame, 1), length});
  }
  return runs;
}

}  // namespace

Result<void> ReadSealedFrames(
    ObjectStore& store, std::vector<BlobLocation> frames, const JobContext& context,
    const std::function<Result<void>(const BlobLocation& frame, Result<ByteSpan> sealed)>& each) {
  std::ranges::sort(frames, {}, [](const BlobLocation& frame) {
    return std::tuple(frame.pack.kind, frame.pack.name, frame.frame_offset);
  });
  const uint64_t bytes_max = std::clamp<uint64_t>(context.limits.memory_bytes / 64, kMiB, 4 * kMiB);
  const std::vector<Run> runs = RunsOf(frames, bytes_max);
  const auto get = [&](size_t number) {
    const BlobLocation& first = runs[number].frames.front();
    return store.GetRange(PackObjectName(first.pack.kind, first.pack.name), first.frame_offset, runs[number].bytes);
  };
  return GetEachBy(runs.size(), get, context, [&](size_t number, const Result<Bytes>& bytes) -> Result<void> {
    uint64_t offset = 0;
    for (const BlobLocation& frame : runs[number].frames) {
      if (!bytes) {
        RETURN_IF_ERROR(each(frame, bytes.error()));
        continue;
      }
      const ByteSpan sealed = ByteSpan(*bytes).subspan(offset, frame.frame->sealed_length);
      offset += sealed.size();
      auto right = VerifyFrame(frame.pack.name, frame.frame_offset, *frame.frame, sealed);
      RETURN_IF_ERROR(each(frame, right ? Result<ByteSpan>(sealed) : Result<ByteSpan>(right.error())));
    }
    return {};
  });
}

}  // namespace cairn
