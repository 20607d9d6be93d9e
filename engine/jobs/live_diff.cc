#include "engine/jobs/live_diff.h"

#include <algorithm>
#include <array>
#include <vector>

#include "engine/tree/directory_reader.h"
#include "engine/tree/list_reader.h"
#include "engine/tree/walk_path.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

// The bytes of a file of the source one behind the other, holes as zeros.
class LiveBytes {
 public:
  explicit LiveBytes(SourceFile& file) : file_(file) {}

  // Fills `target`; false where the file ends before.
  Result<bool> Fill(MutableByteSpan target) {
    while (!target.empty()) {
      ASSIGN_OR_RETURN(const uint64_t here, Here());
      if (here == 0) return false;
      const auto piece = static_cast<size_t>(std::min<uint64_t>(here, target.size()));
      if (extent_.hole) {
        std::ranges::fill(target.first(piece), 0);
        extent_.length -= piece;
        target = target.subspan(piece);
        continue;
      }
      ASSIGN_OR_RETURN(const size_t got, file_.Read(target.first(piece)));
      if (got == 0) extent_.length = 0;  // it has shrunk: the next question says so
      if (got == 0 && std::exchange(has_ended_, true)) return false;
      extent_.length -= got;
      target = target.subspan(got);
    }
    return true;
  }

  // Whether so many zeros follow; a hole of any size costs nothing.
  Result<bool> AreZeros(uint64_t count) {
    std::array<uint8_t, 65'536> buffer{};
    while (count > 0) {
      ASSIGN_OR_RETURN(const uint64_t here, Here());
      if (here == 0) return false;
      uint64_t piece = std::min(here, count);
      if (extent_.hole) {
        extent_.length -= piece;
      } else {
        piece = std::min<uint64_t>(piece, buffer.size());
        const MutableByteSpan bytes = MutableByteSpan(buffer).first(piece);
        ASSIGN_OR_RETURN(const bool all, Fill(bytes));
        if (!all || !std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; })) return false;
      }
      count -= piece;
    }
    return true;
  }

  Result<bool> IsAtEnd() {
    ASSIGN_OR_RETURN(const uint64_t here, Here());
    if (here == 0) return true;
    std::array<uint8_t, 1> one{};
    if (extent_.hole) return false;
    ASSIGN_OR_RETURN(const bool more, Fill(one));
    return !more;
  }

 private:
  // Bytes of the extent in hand; 0: the end.
  Result<uint64_t> Here() {
    if (extent_.length == 0) {
      ASSIGN_OR_RETURN(extent_, file_.NextExtent());
    }
    return extent_.length;
  }

  SourceFile& file_;
  SourceFile::Extent extent_;
  bool has_ended_ = false;
};

class LiveDiff {
 public:
  LiveDiff(const JobContext& context, BlobSource& blobs, const BlobHasher& hasher, const TreePath& place,
           const LiveDiffOptions& options, const EachLiveDifference& each, const FindingSink& findings)
      : context_(context),
        blobs_(blobs),
        hasher_(hasher),
        path_(place),
        options_(options),
        each_(each),
        findings_(findings) {}

  Result<void> Run(const BlobId& before, std::shared_ptr<SourceFolder> live) {
    ASSIGN_OR_RETURN(std::vector<SourceEntry> entries, live->List());
    Enter(&before, std::move(live), std::move(entries), path_.get().size());
    while (!stack_.empty()) RETURN_IF_ERROR(Step());
    return {};
  }

 private:
  struct Frame {
    std::unique_ptr<DirectoryCursor> before;  // nothing: not there
    const Node* node = nullptr;               // that is next
    std::shared_ptr<SourceFolder> live;       // nothing: not there
    std::vector<SourceEntry> entries;
    size_t next = 0;
    size_t length_above = 0;
  };

  void Enter(const BlobId* before, std::shared_ptr<SourceFolder> live, std::vector<SourceEntry> entries,
             size_t length_above) {
    Frame frame;
    if (before != nullptr) frame.before = std::make_unique<DirectoryCursor>(blobs_, *before);
    frame.live = std::move(live);
    frame.entries = std::move(entries);
    frame.length_above = length_above;
    stack_.push_back(std::move(frame));
  }

  Result<void> Step() {
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    Frame& frame = stack_.back();
    if (frame.before != nullptr && frame.node == nullptr) {
      auto next = frame.before->Next().While("the folder /" + PathForPeople(path_.get()));
      RETURN_IF_ERROR(next);
      frame.node = *next;
      if (frame.node == nullptr) frame.before.reset();
    }
    const Node* node = frame.node;
    const SourceEntry* entry = frame.next < frame.entries.size() ? &frame.entries[frame.next] : nullptr;
    if (node == nullptr && entry == nullptr) {
      path_.Leave(frame.length_above);
      stack_.pop_back();
      return {};
    }
    if (node != nullptr && entry != nullptr && node->name != entry->name) {
      if (node->name < entry->name) {
        entry = nullptr;
      } else {
        node = nullptr;
      }
    }
    if (node != nullptr) frame.node = nullptr;
    if (entry != nullptr) ++frame.next;
    return Visit(frame, node, entry);
  }

  // Both stay where they are until the frame is asked for the next.
  Result<void> Visit(Frame& frame, const Node* node, const SourceEntry* entry) {
    const size_t length = path_.Enter(node != nullptr ? node->name : entry->name);
    std::optional<Difference> what;
    if (node == nullptr) {
      what = Difference::kAdded;
    } else if (entry == nullptr) {
      what = Difference::kRemoved;
    } else {
      auto compared = Compare(*frame.live, *node, *entry);
      if (!compared && EndsJob(compared.error().code())) return std::move(compared).error();
      if (compared) {
        what = *compared;
      } else if (tree_error_) {
        return *std::move(tree_error_);
      } else {
        Tell(compared.error());
      }
    }
    if (what) RETURN_IF_ERROR(each_(path_.get(), *what, node, entry));
    return Descend(frame, node, entry, length);
  }

  Result<void> Descend(Frame& frame, const Node* node, const SourceEntry* entry, size_t length) {
    const BlobId* before = node != nullptr && node->subtree ? &node->subtree->root : nullptr;
    std::shared_ptr<SourceFolder> live;
    std::vector<SourceEntry> entries;
    if (entry != nullptr && entry->type == NodeType::kFolder) {
      auto opened = frame.live->OpenFolder(*entry);
      auto listed = opened ? (*opened)->List() : Result<std::vector<SourceEntry>>(opened.error());
      if (!listed) {
        // Nothing is known of what is in it: it is not told as removed.
        Tell(listed.error());
        path_.Leave(length);
        return {};
      }
      live = *std::move(opened);
      entries = *std::move(listed);
    }
    if (before == nullptr && live == nullptr) {
      path_.Leave(length);
      return {};
    }
    if (stack_.size() >= limits::kFolderDepthMax) {
      Tell(MakeError(ErrorCode::kUnsupported, "folders are nested deeper than {}", limits::kFolderDepthMax));
      path_.Leave(length);
      return {};
    }
    Enter(before, std::move(live), std::move(entries), length);
    return {};
  }

  Result<std::optional<Difference>> Compare(SourceFolder& folder, const Node& node, const SourceEntry& entry) {
    using Found = std::optional<Difference>;
    if (node.type != entry.type) return Found(Difference::kType);
    const bool has_device = node.type == NodeType::kCharDevice || node.type == NodeType::kBlockDevice;
    if (has_device && node.device != entry.device) return Found(Difference::kContent);
    std::optional<SourceMetadata> metadata;
    if (options_.attributes || node.type == NodeType::kSymlink) {
      ASSIGN_OR_RETURN(metadata, folder.ReadMetadata(entry));
    }
    if (node.type == NodeType::kSymlink && node.target != metadata->target) return Found(Difference::kContent);
    if (node.type == NodeType::kFile) {
      ASSIGN_OR_RETURN(const bool same, IsSameFile(folder, node, entry));
      if (!same) return Found(Difference::kContent);
    }
    const bool same_metadata = node.mode == entry.mode && node.uid == entry.uid && node.gid == entry.gid &&
                               node.modified == entry.modified &&
                               (!options_.attributes || HasAttributes(node, *metadata));
    return same_metadata ? Found() : Found(Difference::kMetadata);
  }

  Result<bool> IsSameFile(SourceFolder& folder, const Node& node, const SourceEntry& entry) {
    if (node.size != entry.size) return false;
    if (!options_.reads_content) return node.modified == entry.modified;
    if (!node.content) return Corrupt("file {} has no content", PathForPeople(node.name));
    ASSIGN_OR_RETURN(const auto file, folder.OpenFile(entry));
    LiveBytes bytes(*file);
    bool is_same = true;
    std::optional<Error> unread;  // of the source
    auto walked =
        ForEachEntry(blobs_, *node.content, 0, UINT64_MAX, [&](uint64_t, const ListEntry& one) -> Result<void> {
          if (!is_same) return Error(ErrorCode::kBusy, "ended");
          auto same = HasEntry(bytes, one);
          if (!same) unread = same.error();
          is_same = same && *same;
          return {};
        });
    if (unread) return *std::move(unread);
    if (!is_same) return false;
    if (!walked) {
      tree_error_ = Error(walked.error()).While("/" + PathForPeople(path_.get()));
      return *tree_error_;
    }
    return bytes.IsAtEnd();
  }

  Result<bool> HasEntry(LiveBytes& bytes, const ListEntry& entry) {
    if (entry.type == ListEntry::Type::kHole) return bytes.AreZeros(entry.length);
    chunk_.resize(entry.length);
    for (uint64_t i = 0; i < entry.count; ++i) {
      if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
      ASSIGN_OR_RETURN(const bool all, bytes.Fill(chunk_));
      if (!all || hasher_.Compute(BlobKind::kData, chunk_) != entry.id) return false;
      context_.progress.bytes_done += entry.length;
    }
    return true;
  }

  // A value that is a blob is compared where this role knows how its id is made.
  bool HasAttributes(const Node& node, const SourceMetadata& metadata) const {
    const bool has_flags = node.type == NodeType::kFile || node.type == NodeType::kFolder;
    if (has_flags && node.flags != metadata.flags) return false;
    return std::ranges::equal(node.attributes, metadata.attributes, [&](const Attribute& one, const auto& other) {
      if (one.name != other.first) return false;
      if (one.value) return *one.value == other.second;
      if (one.blob->length != other.second.size()) return false;
      return !hasher_.Has(BlobKind::kData) || hasher_.Compute(BlobKind::kData, other.second) == one.blob->id;
    });
  }

  void Tell(const Error& error) const {
    findings_({Finding::Severity::kWarning, error.code(), "/" + PathForPeople(path_.get()), error.message()});
  }

  const JobContext& context_;
  BlobSource& blobs_;
  const BlobHasher& hasher_;
  WalkPath path_;
  const LiveDiffOptions& options_;
  const EachLiveDifference& each_;
  const FindingSink& findings_;
  std::vector<Frame> stack_;
  Bytes chunk_;
  std::optional<Error> tree_error_;  // of the repository, not of the source
};

}  // namespace

Result<void> DiffLive(const JobContext& context, BlobSource& blobs, const BlobHasher& hasher, const BlobId& before,
                      std::shared_ptr<SourceFolder> live, const TreePath& place, const LiveDiffOptions& options,
                      const EachLiveDifference& each, const FindingSink& findings) {
  CHECK(!options.reads_content || hasher.Has(BlobKind::kData));
  return LiveDiff(context, blobs, hasher, place, options, each, findings).Run(before, std::move(live));
}

}  // namespace cairn
