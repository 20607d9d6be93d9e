#include "engine/jobs/item_copy.h"

#include <algorithm>
#include <deque>
#include <set>
#include <unordered_set>

#include "engine/jobs/sealed_frames.h"
#include "engine/jobs/tree_rewriter.h"
#include "engine/tree/list_builder.h"
#include "engine/tree/list_reader.h"
#include "engine/tree/tree_cursor.h"

namespace cairn {
namespace {

constexpr size_t kRememberedMax = 1'000'000;  // about 100 MiB; forgetting costs reading again, no more
// What is fetched together: no more of it is in memory than ReadSealedFrames has under way, but for its places.
constexpr size_t kAheadBlobsMax = 16'384;
constexpr size_t kAheadNodesMax = 4'096;

}  // namespace

// A cursor goes through the tree ahead of the rewriting, and decides of each node whether the target has its content.
// Of what it has not, the blobs are copied together, by their places, before the rewriting comes to them; it then finds
// them in copied_. Whatever cannot be had so is read when its turn comes, which tells why.
class ItemCopy::Run {
 public:
  Run(ItemCopy& copy, WriteSession& session, const SnapshotItem& item)
      : copy_(copy),
        session_(session),
        item_(item),
        writer_(session.NewBlobWriter(copy.context_.limits.frame_bytes_files)),
        cursor_(copy.reader_, item.root) {
    if (copy_.parent_ != nullptr) copy_.parent_->Begin(item);
  }

  Result<void> Copy(SnapshotItem& item, const TreePath& place) {
    auto subtree = RewriteTree(
        copy_.reader_, *writer_, item.root,
        [&](const TreePath& path, Node& node) -> Result<bool> {
          if (copy_.context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while copying");
          auto copied = CopyNode(path, node);
          if (!copied) return std::move(copied).error().While("copying /" + PathForPeople(JoinPath(place, path)));
          return true;
        },
        [&](const TreePath& path, const Error& error) -> Result<void> {
          return Error(error).While("folder /" + PathForPeople(path.empty() ? place : JoinPath(place, path)));
        });
    is_over_ = true;
    auto command_line = subtree && item.command_line ? CopyBlob(item.command_line->id) : Result<BlobId>(BlobId());
    RETURN_IF_ERROR(writer_->Finish());
    RETURN_IF_ERROR(subtree);
    RETURN_IF_ERROR(command_line);
    if (item.command_line) item.command_line->id = *command_line;
    item.root = subtree->root;
    return {};
  }

 private:
  // --- ahead ---

  // Goes on with the cursor until there is enough to fetch, and copies it.
  Result<void> LookAhead() {
    if (copy_.copied_.size() >= kRememberedMax) copy_.copied_.clear();
    wanted_.clear();
    wanted_bytes_ = 0;
    taken_up_.clear();
    while (!is_over_ && !IsEnough()) {
      if (!part_) {
        RETURN_IF_ERROR(Advance());
      } else if (!GatherPart()) {
        part_.reset();
        is_over_ = true;  // who comes to it tells why
      }
    }
    return Fetch();
  }

  bool IsEnough() const {
    return wanted_.size() >= kAheadBlobsMax || decided_.size() >= kAheadNodesMax ||
           wanted_bytes_ >= copy_.context_.limits.memory_bytes;
  }

  Result<void> Advance() {
    auto next = cursor_.Next();
    is_over_ = !next || *next == nullptr;
    if (is_over_) return {};
    Node node = **next;
    ASSIGN_OR_RETURN(const bool taken_over, TakeOver(cursor_.path(), node));
    for (const Attribute& attribute : node.attributes) {
      if (!taken_over && attribute.blob) RETURN_IF_ERROR(Gather(attribute.blob->id, 0));
    }
    if (!taken_over && node.content) part_ = *node.content;
    part_offset_ = 0;
    part_bytes_ = node.size;
    decided_.push_back(taken_over ? std::optional(std::move(node)) : std::nullopt);
    return {};
  }

  // Of a long file, a part of its list at a time.
  Result<void> GatherPart() {
    const uint64_t bytes_max = copy_.context_.limits.memory_bytes / 4;
    const uint64_t end = part_bytes_ - part_offset_ > bytes_max ? part_offset_ + bytes_max : UINT64_MAX;
    RETURN_IF_ERROR(
        ForEachEntry(copy_.reader_, *part_, part_offset_, end, [&](uint64_t, const ListEntry& entry) -> Result<void> {
          if (entry.type == ListEntry::Type::kHole) return {};
          return Gather(entry.id, entry.length);
        }));
    part_offset_ = end;
    if (end == UINT64_MAX) part_.reset();
    return {};
  }

  Result<void> Gather(const BlobId& id, uint64_t length) {
    if (const auto copied = copy_.copied_.find(id); copied != copy_.copied_.end()) {
      ASSIGN_OR_RETURN(const bool known, session_.Knows(copied->second, std::nullopt));
      if (known) return {};
    }
    if (!wanted_.insert(id).second) return {};
    wanted_bytes_ += length;
    ASSIGN_OR_RETURN(const auto locations, copy_.source_index_.Find(id));
    const auto location =
        std::ranges::find_if(locations, [](const BlobLocation& one) { return one.pack.kind == BlobKind::kData; });
    if (location == locations.end()) return {};
    if (taken_up_.emplace(location->pack.name, location->frame_number).second) frames_.push_back(*location);
    return {};
  }

  // A frame that is lost may be whole elsewhere.
  Result<void> Fetch() {
    return ReadSealedFrames(copy_.source_.store(), std::exchange(frames_, {}), copy_.context_,
                            [&](const BlobLocation& frame, Result<ByteSpan> sealed) -> Result<void> {
                              auto plain = sealed ? copy_.reader_.OpenSealed(frame, *sealed)
                                                  : Result<Bytes>(std::move(sealed).error());
                              if (plain) return AddFrom(*frame.frame, *plain);
                              return IsLoss(plain.error().code()) ? Result<void>() : std::move(plain).error();
                            });
  }

  Result<void> AddFrom(const FrameEntry& frame, ByteSpan plain) {
    size_t offset = 0;
    for (const BlobEntry& blob : frame.blobs) {
      const ByteSpan bytes = plain.subspan(offset, blob.length);
      offset += blob.length;
      if (wanted_.erase(blob.id) > 0) RETURN_IF_ERROR(Add(blob.id, bytes));
    }
    return {};
  }

  // --- the content of files ---

  Result<void> CopyNode(const TreePath& path, Node& node) {
    if (decided_.empty() && !is_over_) RETURN_IF_ERROR(LookAhead());
    bool taken_over = false;
    if (!decided_.empty()) {
      const std::optional<Node> decided = std::move(decided_.front());
      decided_.pop_front();
      taken_over = decided.has_value();
      if (taken_over) {
        node.content = decided->content;
        node.attributes = decided->attributes;
      }
    } else {
      ASSIGN_OR_RETURN(taken_over, TakeOver(path, node));
    }
    return taken_over ? Result<void>() : CopyContent(node);
  }

  // Takes the content of a file over that the target has, whole and in packs that stay.
  Result<bool> TakeOver(const TreePath& path, Node& node) {
    const std::optional<Node> copy = copy_.parent_ != nullptr ? copy_.parent_->Find(path, node) : std::nullopt;
    if (!copy) return false;
    bool all_known = true;
    const auto need = [&](const BlobId& id, std::optional<uint32_t> length) -> Result<void> {
      ASSIGN_OR_RETURN(const bool known, session_.Knows(id, length));
      all_known = all_known && known;
      return {};
    };
    for (const Attribute& attribute : copy->attributes) {
      if (attribute.blob) RETURN_IF_ERROR(need(attribute.blob->id, std::nullopt));
    }
    auto read = ForEachListBlob(*copy_.target_, *copy->content, [&](const BlobId& id) -> Result<bool> {
      RETURN_IF_ERROR(need(id, std::nullopt));
      return true;
    });
    if (read) {
      read = ForEachEntry(*copy_.target_, *copy->content, 0, UINT64_MAX,
                          [&](uint64_t, const ListEntry& entry) -> Result<void> {
                            return entry.type == ListEntry::Type::kHole ? Result<void>() : need(entry.id, std::nullopt);
                          });
    }
    if (!read || !all_known) return false;
    node.content = copy->content;
    node.attributes = copy->attributes;
    ++copy_.report_.files_unchanged;
    copy_.context_.progress.bytes_done += node.size;
    return true;
  }

  Result<void> CopyContent(Node& node) {
    for (Attribute& attribute : node.attributes) {
      if (!attribute.blob) continue;
      ASSIGN_OR_RETURN(attribute.blob->id, CopyBlob(attribute.blob->id));
    }
    if (!node.content) return {};
    ListBuilder list(*writer_, ListAverage(node.chunker ? node.chunker : item_.chunker));
    RETURN_IF_ERROR(ForEachEntry(copy_.reader_, *node.content, 0, UINT64_MAX,
                                 [&](uint64_t, const ListEntry& entry) -> Result<void> {
                                   ListEntry copy = entry;
                                   if (entry.type != ListEntry::Type::kHole) {
                                     ASSIGN_OR_RETURN(copy.id, CopyBlob(entry.id));
                                   }
                                   return list.AddEntry(copy);
                                 }));
    ASSIGN_OR_RETURN(node.content, list.Finish());
    return {};
  }

  // --- blobs ---

  Result<BlobId> CopyBlob(const BlobId& id) {
    ASSIGN_OR_RETURN(const auto copied, Copied(id));
    if (copied) return *copied;
    // The rest of a file that is longer than what was looked at ahead; not what could not be fetched.
    if (part_ && !wanted_.contains(id)) {
      RETURN_IF_ERROR(LookAhead());
      ASSIGN_OR_RETURN(const auto now, Copied(id));
      if (now) return *now;
    }
    ASSIGN_OR_RETURN(const auto plain, copy_.reader_.ReadBlob(BlobKind::kData, id));
    RETURN_IF_ERROR(Add(id, *plain));
    return copy_.copied_.at(id);
  }

  // By an earlier session it may have been; since then a prune may have begun to remove it.
  Result<std::optional<BlobId>> Copied(const BlobId& id) {
    const auto copied = copy_.copied_.find(id);
    if (copied == copy_.copied_.end()) return std::optional<BlobId>();
    ASSIGN_OR_RETURN(const bool known, session_.Knows(copied->second, std::nullopt));
    return known ? std::optional(copied->second) : std::nullopt;
  }

  Result<void> Add(const BlobId& id, ByteSpan plain) {
    ASSIGN_OR_RETURN(const BlobWriter::Added added, writer_->Add(BlobKind::kData, plain));
    if (added.is_new) {
      ++copy_.report_.blobs_copied;
      copy_.report_.bytes_copied += plain.size();
    }
    copy_.context_.progress.bytes_done += plain.size();
    copy_.copied_.insert_or_assign(id, added.id);
    return {};
  }

  ItemCopy& copy_;
  WriteSession& session_;
  const SnapshotItem& item_;
  const std::unique_ptr<BlobWriter> writer_;
  TreeCursor cursor_;
  bool is_over_ = false;                     // the cursor is at the end, or met what it cannot read
  std::deque<std::optional<Node>> decided_;  // of the nodes between the two; with a node: whose content it has
  std::optional<Content> part_;              // of the file that the cursor is at, where there is more of it
  uint64_t part_offset_ = 0, part_bytes_ = 0;
  // Of what is looked at together:
  std::unordered_set<BlobId> wanted_;  // and not copied yet
  uint64_t wanted_bytes_ = 0;
  std::set<std::pair<PackName, uint32_t>> taken_up_;
  std::vector<BlobLocation> frames_;
};

Result<void> ItemCopy::Copy(WriteSession& session, SnapshotItem& item, const TreePath& place) {
  const SnapshotItem before = item;
  return Run(*this, session, before).Copy(item, place);
}

}  // namespace cairn
