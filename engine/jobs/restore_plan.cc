// What the files of a window want, and where that is. Declared in file_restorer.h.
#include <algorithm>
#include <utility>

#include "engine/jobs/restore_window.h"
#include "engine/tree/list_reader.h"

namespace cairn {
namespace {

constexpr size_t kPartsMax = 2;      // that run while the next is planned
constexpr size_t kFramesInTurn = 4;  // that a file's blobs lie in by turns, as after a few changes of it
constexpr size_t kBlobsPassedOver = 16;
constexpr uint64_t kEntriesShare = 32;  // of the memory, for what the index says of the frames of a window

}  // namespace

// Notes which blobs the file needs. It is opened here only where that says which, or where it has holes.
Result<void> FileRestorer::PlanFile(FilePlan plan) {
  OpenFile& file = *open_->files.emplace_back(std::make_unique<OpenFile>());
  file.plan = std::move(plan);
  const Node& node = file.plan.node;
  if (file.plan.in_place) {
    if (auto opened = OpenTarget(file); !opened) {
      FailTarget(file, 0, node.size, opened.error());
      return TargetEnd();
    }
  }
  bool is_target = false;  // that an error is of
  uint64_t planned_end = 0;
  Result<void> part;
  const auto walked =
      ForEachEntry(blobs_, *node.content, 0, UINT64_MAX, [&](uint64_t offset, const ListEntry& entry) -> Result<void> {
        if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while restoring");
        // Not behind the last entry: a window that is full then is the caller's to begin.
        if (open_->wants.size() >= context_.limits.window_blobs) part = BeginPart();
        RETURN_IF_ERROR(part);
        auto planned = PlanEntry(file, offset, entry);
        is_target = !planned;
        planned_end = offset + entry.TotalBytes();
        return planned;
      });
  if (!part) return part;
  if (walked) {
    const std::lock_guard lock(file.mutex);
    file.is_planned = true;
  }
  if (walked || IsStop(walked.error())) return walked;
  if (!is_target) {  // what comes before the place where its list is damaged comes back
    FailFile(file, planned_end, node.size - std::min(planned_end, node.size), walked.error());
    return TargetEnd();
  }
  FailTarget(file, 0, node.size, walked.error());
  std::erase_if(open_->wants, [&](const Want& want) { return want.file == &file; });
  return TargetEnd();
}

// An error is of the target. Parts of the file may be written meanwhile.
Result<void> FileRestorer::PlanEntry(OpenFile& file, uint64_t offset, const ListEntry& entry) {
  const std::lock_guard lock(file.mutex);
  if (entry.type == ListEntry::Type::kHole) {
    RETURN_IF_ERROR(OpenTarget(file));
    return file.file->MakeHole(offset, entry.length);
  }
  if (file.file != nullptr && file.file->is_in_place()) {
    ASSIGN_OR_RETURN(const bool there, IsThereAlready(file, offset, entry));
    if (there) return {};
  }
  file.wanted += entry.TotalBytes();
  open_->wants.push_back({&file, offset, entry.count, entry.id, static_cast<uint32_t>(entry.length)});
  return {};
}

// What is wanted so far runs while the rest is planned: a file may be of any size.
Result<void> FileRestorer::BeginPart() {
  auto part = std::make_unique<Window>();
  part->is_part = open_->has_parts = true;
  part->wants = std::exchange(open_->wants, {});
  RETURN_IF_ERROR(Run(std::move(part)));
  for (;;) {
    Window* first = nullptr;
    {
      const std::lock_guard lock(mutex_);
      const auto is_part = [](const auto& one) { return one->is_part; };
      if (static_cast<size_t>(std::ranges::count_if(running_, is_part)) <= kPartsMax) return TargetEnd();
      first = std::ranges::find_if(running_, is_part)->get();
    }
    WaitUntilDone(*first);
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(first->stopped);
    std::erase_if(running_, [&](const auto& one) { return one.get() == first; });
  }
}

// Where it is not yet.
Result<void> FileRestorer::OpenTarget(OpenFile& file) {
  if (file.file != nullptr) return {};
  ASSIGN_OR_RETURN(file.file, sink_.OpenFile(file.plan.path, file.plan.node.size, file.plan.in_place, &file.plan.node));
  return {};
}

// Do the right bytes stand there already? Then nothing is fetched, and nothing written.
Result<bool> FileRestorer::IsThereAlready(OpenFile& file, uint64_t offset, const ListEntry& entry) {
  if (!repository_.hasher().Has(BlobKind::kData)) return false;
  Bytes bytes(entry.length);
  for (uint64_t i = 0; i < entry.count; ++i) {
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while restoring");
    auto got = file.file->ReadAt(offset + i * entry.length, bytes);
    if (!got || *got != bytes.size()) return false;
    if (repository_.hasher().Compute(BlobKind::kData, bytes) != entry.id) return false;
  }
  return true;
}

// Wants by pack and frame, neighbouring frames joined into ranges.
std::vector<FileRestorer::Range> FileRestorer::PlanFetches(const std::vector<Want>& wants) {
  // By name, number and frame: under another number the same pack may be told of otherwise, should the index learn of
  // that while blobs are looked up.
  std::map<std::tuple<PackName, uint32_t, uint32_t>, Fetch> by_frame;
  std::array<Fetch*, kFramesInTurn> recent{};  // the frame that was wanted last comes first; these are held
  const uint64_t held_bytes_max = context_.limits.memory_bytes / kEntriesShare;
  uint64_t held_bytes = 0;
  // Behind the last one that was wanted, or a few blobs on: those between are of what the file was before.
  const auto find_near = [](const Fetch* fetch, const BlobId& id) -> std::optional<uint32_t> {
    if (fetch == nullptr || fetch->location.retired || fetch->location.pack.tombstoned) return std::nullopt;
    const std::vector<BlobEntry>& blobs = fetch->blobs();
    const uint32_t begin = fetch->wants.back().blob + 1;
    for (uint32_t i = begin; i < std::min<size_t>(begin + kBlobsPassedOver, blobs.size()); ++i) {
      if (blobs[i].id == id) return i;
    }
    return std::nullopt;
  };
  for (const Want& want : wants) {
    std::optional<uint32_t> near;
    auto known = recent.begin();
    while (known != recent.end() && !(near = find_near(*known, want.id))) ++known;
    if (near) {
      (*known)->Add(want, *near);
      std::rotate(recent.begin(), known, known + 1);
      continue;
    }
    const auto locations = index_.Find(want.id);
    const auto usable = [&]() -> const BlobLocation* {
      if (!locations) return nullptr;
      const auto found = std::ranges::find(*locations, BlobKind::kData, [](const auto& one) { return one.pack.kind; });
      return found == locations->end() ? nullptr : &*found;
    }();
    if (usable == nullptr) {  // what this machine's copy of the index says may be old, or damaged
      ReadOne(want);
      continue;
    }
    Fetch& fetch = by_frame[{usable->pack.name, usable->pack.number, usable->frame_number}];
    if (fetch.location.frame == nullptr) held_bytes += fetch.Hold(*usable);
    const bool is_told_alike =
        usable->blob_number < fetch.blobs().size() && fetch.blobs()[usable->blob_number].id == want.id;
    if (!is_told_alike) {
      ReadOne(want);
      continue;
    }
    fetch.Add(want, usable->blob_number);
    known = std::ranges::find(recent, &fetch);
    if (known == recent.end()) {
      Fetch*& oldest = *--known;
      if (oldest != nullptr && held_bytes > held_bytes_max) held_bytes -= oldest->Drop();
      oldest = &fetch;
    }
    std::rotate(recent.begin(), known, known + 1);
  }
  std::vector<Range> ranges;
  const PackName* pack = nullptr;
  for (auto& [key, fetch] : by_frame) {
    const uint64_t begin = fetch.location.frame_offset;
    const uint64_t end = begin + fetch.sealed_length;
    const PackName& name = std::get<0>(key);
    const bool joins = pack != nullptr && *pack == name && ranges.back().Joins(begin, end, is_far_);
    if (!joins) ranges.push_back({.offset = begin, .size = 0, .read_over = 0, .fetches = {}});
    ranges.back().Join(begin, end);
    ranges.back().fetches.push_back(std::move(fetch));
    pack = &name;
  }
  return ranges;
}

}  // namespace cairn
