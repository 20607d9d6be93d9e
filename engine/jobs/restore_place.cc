// How a file ends: in its place, verified, or told as failed. Declared in file_restorer.h.
#include <algorithm>
#include <cerrno>

#include "engine/jobs/restore_window.h"
#include "engine/tree/list_reader.h"
#include "repo-format/tree_path.h"

namespace cairn {

void FileRestorer::FailFile(OpenFile& file, uint64_t offset, uint64_t length, const Error& error) {
  if (IsOfStore(error)) return EndByStore(error);
  if (!IsStop(error)) TellFailure(true, file, offset, length, error);
}

void FileRestorer::EndByStore(const Error& error) {
  const std::lock_guard lock(report_mutex_);
  if (target_end_) target_end_ = error;
  is_ended_ = true;
}

void FileRestorer::FailTarget(OpenFile& file, uint64_t offset, uint64_t length, const Error& error) {
  {
    const std::lock_guard lock(file.mutex);
    if (file.refused) return;  // once is enough: the rest of it is not tried
    file.refused = true;
  }
  if (!Ends(error, file.plan.path)) return TellFailure(false, file, offset, length, error);
  const std::lock_guard lock(report_mutex_);
  if (target_end_) target_end_ = Error(error).While(PathForPeople(file.plan.path));
  is_ended_ = true;
}

void FileRestorer::TellFailure(bool is_source, OpenFile& file, uint64_t offset, uint64_t length, const Error& error) {
  {
    const std::lock_guard lock(file.mutex);
    file.failed = true;
  }
  ++context_.progress.errors;
  const std::lock_guard lock(report_mutex_);
  if (findings_) {
    findings_({is_source ? SeverityOf(error) : Finding::Severity::kWarning, error.code(),
               is_source ? "/" + PathForPeople(file.plan.source) : PathForPeople(file.plan.path),
               fmt::format("bytes {} to {} could not be restored: {}", offset, offset + length, error.message())});
  }
}

// When nobody writes it any more.
void FileRestorer::FinishFile(OpenFile& file) {
  file.is_finished = true;
  const bool is_whole = !file.failed && !file.refused && file.written == file.wanted;
  if (is_ended_ && (!is_whole || file.file == nullptr)) return;
  const Node& node = file.plan.node;
  bool is_placed = false;
  if (!file.refused) {
    if (auto opened = OpenTarget(file); !opened) FailTarget(file, 0, node.size, opened.error());
    if (is_ended_ && file.file == nullptr) return;
  }
  if (file.file != nullptr) {
    auto placed = PlaceFile(file);
    file.file.reset();
    if (!placed && IsStop(placed.error())) {  // it is not there, and nothing is to be said of it
      is_cut_off_ = true;
      return;
    }
    if (!placed && IsOfStore(placed.error())) return EndByStore(placed.error());
    if (!placed && Ends(placed.error(), file.plan.path)) return FailTarget(file, 0, node.size, placed.error());
    if (!placed) TellFailure(false, file, 0, node.size, placed.error());
    is_placed = placed.has_value();
    ++context_.progress.items_done;
  }
  if (is_placed && !file.failed && context_.progress.on_item) {
    context_.progress.on_item("restored", PathForPeople(file.plan.path));
  }
  const std::lock_guard lock(report_mutex_);
  if (file.failed) ++counts_.failed;
  if (file.failed && node.link_group) {
    outcomes_[*node.link_group] = is_placed ? Outcome::kIncomplete : Outcome::kNotPlaced;
  }
  if (!is_placed) return;
  ++counts_.files;
  counts_.bytes += node.size;
  counts_.bytes_written += file.written;
  if (options_.verify && !file.failed) ++counts_.verified;
}

// A file with a hole where bytes were lost is still better than none, though not than another: it was named.
Result<void> FileRestorer::PlaceFile(OpenFile& file) {
  const Node& node = file.plan.node;
  RETURN_IF_ERROR(file.file->SetSize(node.size));
  if (!file.failed && file.written != file.wanted) {
    return MakeError(ErrorCode::kIo, "{} of its {} bytes that were due have been written", file.written, file.wanted);
  }
  if (file.failed && file.plan.is_there && !file.file->is_in_place()) {
    return Error(ErrorCode::kBusy, "what stands there is left, for what there is of it is incomplete");
  }
  if (file.failed && file.plan.whole_or_nothing) {
    return Error(ErrorCode::kCorrupt,
                 "what there is of it is incomplete, and would be a broken database: it is left out");
  }
  if (options_.verify && !file.failed) RETURN_IF_ERROR(VerifyFile(file));
  auto attributes = ReadAttributes(blobs_, node);
  const bool ends = !attributes && (IsStop(attributes.error()) || IsOfStore(attributes.error()));
  if (ends) return std::move(attributes).error();
  if (!attributes) {
    FailFile(file, 0, 0, attributes.error());
    attributes = std::vector<std::pair<Bytes, Bytes>>();
  }
  Node shown = node;
  // With its own time a later restore would take what is incomplete for unchanged, and with a later one for newer.
  if (file.failed && shown.modified.seconds > INT64_MIN) --shown.modified.seconds;
  RETURN_IF_ERROR(file.file->SetMetadata(shown, *attributes));
  return file.file->Finish(node.size);
}

// Reads the file back and computes every id again.
Result<void> FileRestorer::VerifyFile(OpenFile& file) {
  RETURN_IF_ERROR(repository_.keyring().data_id_key());
  Bytes bytes;
  return ForEachEntry(
      blobs_, *file.plan.node.content, 0, UINT64_MAX, [&](uint64_t offset, const ListEntry& entry) -> Result<void> {
        const uint64_t piece = entry.type == ListEntry::Type::kHole ? kMiB : entry.length;
        for (uint64_t done = 0; done < entry.TotalBytes(); done += bytes.size()) {
          if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while verifying");
          bytes.resize(std::min(piece, entry.TotalBytes() - done));
          ASSIGN_OR_RETURN(const size_t got, file.file->ReadAt(offset + done, bytes));
          if (got != bytes.size()) return Corrupt("reading back: it ends after byte {}", offset + done + got);
          const bool same = entry.type == ListEntry::Type::kHole
                                ? std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; })
                                : repository_.hasher().Compute(BlobKind::kData, bytes) == entry.id;
          if (!same) return Corrupt("reading back: the bytes from {} on differ from what was written", offset + done);
        }
        return {};
      });
}

bool EndsTarget(const Error& error) { return error.code() == ErrorCode::kNoSpace || error.system_errno() == EROFS; }

Result<std::vector<std::pair<Bytes, Bytes>>> ReadAttributes(BlobSource& blobs, const Node& node) {
  std::vector<std::pair<Bytes, Bytes>> attributes;
  for (const Attribute& attribute : node.attributes) {
    if (!attribute.blob) {
      attributes.emplace_back(attribute.name, attribute.value.value_or(Bytes()));
      continue;
    }
    ASSIGN_OR_RETURN(const auto value, blobs.ReadBlob(BlobKind::kData, attribute.blob->id)
                                           .While("extended attribute " + PathForPeople(attribute.name)));
    attributes.emplace_back(attribute.name, *value);
  }
  return attributes;
}

}  // namespace cairn
