// From the store into the files of a window. Declared in file_restorer.h.
#include <algorithm>

#include "engine/jobs/restore_window.h"

namespace cairn {

// A far store is waited for by threads of its own, and the cores have what has come.
void FileRestorer::FetchRange(Window& window, const Range& range) {
  if (IsToEnd()) return fetch_budget_.Release(range.size);
  const IndexedPack& pack = range.fetches.front().location.pack;
  auto bytes = repository_.store().GetRange(PackObjectName(pack.kind, pack.name), range.offset, range.size);
  if (far_executor_ == nullptr) return OpenRange(range, bytes);
  Submit(context_.executor, window, [this, &range, shared = std::make_shared<const Result<Bytes>>(std::move(bytes))] {
    OpenRange(range, *shared);
  });
}

void FileRestorer::OpenRange(const Range& range, const Result<Bytes>& bytes) {
  std::vector<const Fetch*> fetches;
  std::vector<BlobReader::Sealed> frames;  // of these, with what of them is wanted:
  std::vector<std::vector<uint32_t>> wanted;
  wanted.reserve(BlobReader::kFramesTogether);
  const auto open = [&] {
    blobs_.OpenSealedEach(frames, [&](size_t i, const Result<Bytes>& plain) {
      if (IsToEnd()) return false;
      if (plain) {
        WriteWants(*fetches[i], frames[i].location.frame->blobs, *plain);
      } else {
        FallBack(*fetches[i], plain.error());
      }
      return true;
    });
    fetches.clear();
    frames.clear();
    wanted.clear();
  };
  for (const Fetch& fetch : range.fetches) {
    if (IsToEnd()) break;
    if (!bytes) {
      FallBack(fetch, bytes.error());
      continue;
    }
    auto location = LocationOf(fetch);
    if (!location) {
      ReadEach(fetch);
      continue;
    }
    const ByteSpan sealed = ByteSpan(*bytes).subspan(fetch.location.frame_offset - range.offset, fetch.sealed_length);
    fetches.push_back(&fetch);
    wanted.push_back(fetch.Wanted());
    frames.push_back({*std::move(location), sealed, wanted.back()});
    if (frames.size() == BlobReader::kFramesTogether) open();
  }
  if (!IsToEnd()) open();
  fetch_budget_.Release(range.size);
  if (!bytes) return;
  const std::lock_guard lock(report_mutex_);
  counts_.bytes_fetched += range.size;
}

// With what the index says of the frame, which was planned with and may not have been held.
Result<BlobLocation> FileRestorer::LocationOf(const Fetch& fetch) {
  if (fetch.location.frame != nullptr) return fetch.location;
  ASSIGN_OR_RETURN(const std::vector<BlobLocation> locations, index_.Find(fetch.wants.front().id));
  for (const BlobLocation& one : locations) {
    const std::vector<BlobEntry>& blobs = one.frame->blobs;
    const bool is_it = one.pack.number == fetch.location.pack.number &&
                       one.frame_offset == fetch.location.frame_offset &&
                       one.frame->sealed_length == fetch.sealed_length;
    const auto is_there = [&](const Want& want) { return want.blob < blobs.size() && blobs[want.blob].id == want.id; };
    if (is_it && std::ranges::all_of(fetch.wants, is_there)) return one;
  }
  return MakeError(ErrorCode::kBusy, "pack {} left the index meanwhile", fetch.location.pack.name.ToString());
}

// What follows itself in the frame and in the file is written at once, and fails at once.
void FileRestorer::WriteWants(const Fetch& fetch, const std::vector<BlobEntry>& entries, ByteSpan plain) {
  std::vector<uint64_t> begins(1, 0);
  for (const BlobEntry& blob : entries) begins.push_back(begins.back() + blob.length);
  const auto is_simple = [&](const Want& want) {
    return want.count == 1 && begins[want.blob + 1] - begins[want.blob] == want.length;
  };
  for (size_t i = 0; i < fetch.wants.size();) {
    const Want& first = fetch.wants[i++];
    uint32_t blobs = 1;
    uint64_t end = first.offset + first.length;
    while (i < fetch.wants.size() && is_simple(first)) {
      const Want& next = fetch.wants[i];
      const bool goes_on = next.file == first.file && next.offset == end && next.blob == first.blob + blobs;
      if (!goes_on || !is_simple(next)) break;
      ++blobs, ++i;
      end += next.length;
    }
    const ByteSpan bytes = plain.subspan(begins[first.blob], begins[first.blob + blobs] - begins[first.blob]);
    blobs > 1 ? Write(*first.file, first.offset, 1, bytes) : WriteBlob(first, bytes);
  }
}

// The frame cannot be had from here: blob by blob, from wherever else it may be.
void FileRestorer::FallBack(const Fetch& fetch, const Error& why) {
  if (IsStop(why)) return;
  if (why.code() == ErrorCode::kStoreAway) return EndByStore(why);
  if (findings_ && !IsOfStore(why)) {
    const std::lock_guard lock(report_mutex_);
    const IndexedPack& pack = fetch.location.pack;
    const Finding::Severity severity = SeverityOf(why);
    const bool is_new = severity != Finding::Severity::kUnread || told_unread_.insert(pack.name).second;
    if (is_new) findings_({severity, why.code(), PackObjectName(pack.kind, pack.name).text(), why.message()});
  }
  ReadEach(fetch);
}

void FileRestorer::ReadEach(const Fetch& fetch) {
  for (const Want& want : fetch.wants) {
    if (is_ended_) return;
    ReadOne(want);
  }
}

void FileRestorer::ReadOne(const Want& want) {
  auto blob = blobs_.ReadBlob(BlobKind::kData, want.id);
  if (blob) {
    WriteBlob(want, **blob);
  } else {
    FailFile(*want.file, want.offset, want.length * want.count, blob.error());
  }
}

void FileRestorer::WriteBlob(const Want& want, ByteSpan blob) {
  OpenFile& file = *want.file;
  if (blob.size() != want.length) {
    FailFile(file, want.offset, want.length,
             Corrupt("data blob {} has {} bytes, the file's list says {}", want.id.ToHex(), blob.size(), want.length));
    return;
  }
  Write(file, want.offset, want.count, blob);
}

// `count` times, one after the other.
void FileRestorer::Write(OpenFile& file, uint64_t offset, uint64_t count, ByteSpan bytes) {
  Result<void> opened, written;
  bool is_whole = false;
  {
    const std::lock_guard lock(file.mutex);
    if (file.refused) return;
    opened = OpenTarget(file);
    for (uint64_t i = 0; i < count && opened && written; ++i) {
      if (context_.stop.stop_requested()) return;  // what follows itself may be as long as a disk
      written = file.file->WriteAt(offset + i * bytes.size(), bytes);
      if (!written) break;
      file.written += bytes.size();
      context_.progress.bytes_done += bytes.size();
    }
    is_whole = opened && written && file.is_planned && file.written == file.wanted && !file.failed;
  }
  if (!opened) return FailTarget(file, 0, file.plan.node.size, opened.error());
  if (!written) return FailTarget(file, offset, count * bytes.size(), written.error());
  if (is_whole) FinishFile(file);  // while its descriptor is open: this was the last of it
}

}  // namespace cairn
