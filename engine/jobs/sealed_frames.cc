#include "engine/jobs/sealed_frames.h"

#include <algorithm>
#include <deque>
#include <future>
#include <memory>
#include <span>
#include <tuple>

#include "engine/pack/pack_reader.h"
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
  const size_t at_once = std::min<size_t>(runs.size(), std::max(1U, context.limits.gets));
  const auto pool = at_once > 1 ? MakeThreadPool(static_cast<unsigned>(at_once)) : MakeInlineExecutor();
  std::deque<std::future<Result<Bytes>>> under_way;  // the first is of run `told`
  size_t begun = 0;
  for (size_t told = 0; told < runs.size(); ++told) {
    if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while reading frames");
    for (; begun < runs.size() && under_way.size() < at_once; ++begun) {
      auto task = std::make_shared<std::packaged_task<Result<Bytes>()>>([&store, &run = runs[begun]] {
        const BlobLocation& first = run.frames.front();
        return store.GetRange(PackObjectName(first.pack.kind, first.pack.name), first.frame_offset, run.bytes);
      });
      under_way.push_back(task->get_future());
      pool->Submit([task] { (*task)(); });
    }
    const Result<Bytes> bytes = under_way.front().get();
    under_way.pop_front();
    uint64_t offset = 0;
    for (const BlobLocation& frame : runs[told].frames) {
      if (!bytes) {
        RETURN_IF_ERROR(each(frame, bytes.error()));
        continue;
      }
      const ByteSpan sealed = ByteSpan(*bytes).subspan(offset, frame.frame->sealed_length);
      offset += sealed.size();
      auto right = VerifyFrame(frame.pack.name, frame.frame_offset, *frame.frame, sealed);
      RETURN_IF_ERROR(each(frame, right ? Result<ByteSpan>(sealed) : Result<ByteSpan>(right.error())));
    }
  }
  return {};
}

}  // namespace cairn
