#include "frontends/cli/wanted_blobs.h"

#include <algorithm>

#include "repo-format/list_blob.h"

namespace cairn {
namespace {

constexpr size_t kDigitsMin = 4;
constexpr size_t kCleanMax = 500'000;

Result<void> CheckDigits(const std::string& text, const char* what) {
  const bool is_hex = text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (is_hex && text.size() >= kDigitsMin && text.size() <= 2 * BlobId::kSize) return {};
  return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no id of a {}: {} to {} hexadecimal digits, in lower case",
                   text, what, kDigitsMin, 2 * BlobId::kSize);
}

}  // namespace

Result<void> WantedBlobs::Add(const std::string& text) {
  RETURN_IF_ERROR(CheckDigits(text, "blob"));
  if (text.size() < 2 * BlobId::kSize) {
    prefixes_.push_back(text);
    return {};
  }
  ASSIGN_OR_RETURN(const BlobId id, BlobId::Parse(text));
  ids_.insert(id);
  return {};
}

Result<void> WantedBlobs::AddPack(Index& index, const std::string& text) {
  const std::string digits = text.substr(0, text.find('-'));
  RETURN_IF_ERROR(CheckDigits(digits, "pack"));
  std::vector<IndexedPack> packs = index.Packs();
  std::erase_if(packs, [&](const IndexedPack& pack) { return !pack.name.ToString().starts_with(text); });
  if (packs.empty()) {
    return MakeError(ErrorCode::kNotFound, "the index has no pack {}: cairn repair index takes in those of the store",
                     text);
  }
  if (packs.size() > 1) {
    return MakeError(ErrorCode::kInvalidArgument, "{} packs begin with {}, the first are {} and {}: give more digits",
                     packs.size(), text, packs[0].name.ToString(), packs[1].name.ToString());
  }
  ASSIGN_OR_RETURN(const auto frames, index.Frames(packs.front().number));
  for (const IndexedFrame& frame : frames) {
    for (const BlobEntry& blob : frame.entry->blobs) ids_.insert(blob.id);
  }
  return {};
}

bool WantedBlobs::Has(const BlobId& id) const {
  if (ids_.contains(id)) return true;
  if (prefixes_.empty()) return false;
  const std::string hex = id.ToHex();
  return std::ranges::any_of(prefixes_, [&](const std::string& prefix) { return hex.starts_with(prefix); });
}

// In one node.
class WantedBlobs::Search {
 public:
  Search(const WantedBlobs& wanted, size_t found_max) : wanted_(wanted), found_max_(found_max) {}

  void Look(const BlobId& id) {
    if (wanted_.Has(id) && found_.size() < found_max_ && std::ranges::find(found_, id) == found_.end()) {
      found_.push_back(id);
    }
  }
  void Look(const std::vector<ListEntry>& entries) {
    for (const ListEntry& entry : entries) {
      if (entry.type != ListEntry::Type::kHole) Look(entry.id);
    }
  }
  Result<void> LookBelow(BlobSource& blobs, const BlobId& root) {
    std::vector<BlobId> waiting{root};
    while (!waiting.empty()) {
      const BlobId id = waiting.back();
      waiting.pop_back();
      if (wanted_.clean_.contains(id) || !lists_.insert(id).second) continue;
      Look(id);
      ASSIGN_OR_RETURN(const auto plain, blobs.ReadBlob(BlobKind::kMetadata, id));
      ASSIGN_OR_RETURN(const ListBlob list, ListBlob::Parse(*plain).While("list " + id.ToHex()));
      Look(list.entries);
      for (const ListChild& child : list.children) waiting.push_back(child.id);
    }
    return {};
  }
  std::vector<BlobId>& found() { return found_; }
  const std::unordered_set<BlobId>& lists() const { return lists_; }

 private:
  const WantedBlobs& wanted_;
  const size_t found_max_;
  std::vector<BlobId> found_;
  std::unordered_set<BlobId> lists_;
};

Result<std::vector<BlobId>> WantedBlobs::In(BlobSource& blobs, const Node& node, size_t found_max) {
  Search search(*this, found_max);
  for (const Attribute& attribute : node.attributes) {
    if (attribute.blob) search.Look(attribute.blob->id);
  }
  if (node.content && node.content->depth == 0) search.Look(node.content->entries);
  if (node.content && node.content->depth > 0) RETURN_IF_ERROR(search.LookBelow(blobs, node.content->root.id));
  if (search.found().empty() && clean_.size() + search.lists().size() <= kCleanMax) {
    clean_.insert(search.lists().begin(), search.lists().end());
  }
  return std::move(search.found());
}

}  // namespace cairn
