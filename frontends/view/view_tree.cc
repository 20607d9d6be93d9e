#include "frontends/view/view_tree.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "engine/tree/directory_reader.h"
#include "engine/tree/snapshot_tree.h"

namespace cairn::view {
namespace {

constexpr uint64_t kRootNumber = 1;
constexpr size_t kNodesKeptMax = 4096, kLinkCountsKeptMax = 8, kToldMax = 1000;
constexpr uint64_t kEntriesWalkedMax = 1 << 20;  // of a file's list, for what its holes take
constexpr mode_t kFolderMode = S_IFDIR | 0555;

// Nothing: of a kind that a file system has no place for.
std::optional<mode_t> FileType(NodeType type) {
  switch (type) {
    case NodeType::kFile:
      return S_IFREG;
    case NodeType::kFolder:
      return S_IFDIR;
    case NodeType::kSymlink:
      return S_IFLNK;
    case NodeType::kCharDevice:
      return S_IFCHR;
    case NodeType::kBlockDevice:
      return S_IFBLK;
    case NodeType::kFifo:
      return S_IFIFO;
    default:
      return std::nullopt;
  }
}

timespec ToTimespec(const WireTime& time) {
  timespec result{};
  result.tv_sec = time.seconds;
  result.tv_nsec = time.nanoseconds;
  return result;
}

Error GoneFolder(const Place& folder) {
  return MakeError(ErrorCode::kNotFound, "there is no folder /{} any more", PathForPeople(folder.name))
      .WithErrno(ENOENT);
}

Error NotAFolder() { return Error(ErrorCode::kInvalidArgument, "it is no folder").WithErrno(ENOTDIR); }

}  // namespace

ViewTree::ViewTree(Folders folders, BlobSource& blobs, files::OwnerNames& names, const ViewTreeOptions& options,
                   FindingSink findings)
    : folders_(std::move(folders)),
      blobs_(blobs),
      names_(names),
      options_(options),
      findings_(std::move(findings)),
      made_(blobs, options.stop) {}

Place ViewTree::Root() {
  Place root;
  root.number = kRootNumber;
  return root;
}

// Positive and above the root's: some programs take an inode for a signed number.
void ViewTree::Number(Place& place, Numbered by, const Place& above, ByteSpan what) const {
  WireWriter writer;
  writer.U8(static_cast<uint8_t>(by));
  const bool in_tree = by == Numbered::kByLinkGroup;
  writer.U64(in_tree ? above.tree_number : above.number);
  writer.U64(in_tree ? above.tree_check : above.check);
  writer.Raw(what);
  const Bytes bytes = std::move(writer).Take();
  place.number = std::max<uint64_t>(number_hash_(bytes) >> 1, kRootNumber + 1);
  place.check = check_hash_(bytes);
}

Place ViewTree::EntryPlace(const Place& folder, const std::string& name, const SnapshotFolders::Entry& entry) const {
  if (entry.kind == SnapshotFolders::Kind::kSnapshot) return RootPlace(folder, entry.snapshot);
  Place place;
  if (entry.kind == SnapshotFolders::Kind::kLatest) {
    place.kind = Place::Kind::kLatest;
    place.is_folder = false;
    place.name = ToBytes(AsBytes(entry.target));
    place.snapshot = entry.snapshot;
    Number(place, Numbered::kByName, folder, AsBytes(name + "/" + entry.target));  // another link is another inode
    return place;
  }
  place.name = JoinPath(folder.name, AsBytes(name));
  Number(place, Numbered::kByName, folder, AsBytes(name));
  return place;
}

Place ViewTree::RootPlace(const Place& folder, const ShownSnapshot& snapshot) const {
  Place place;
  place.kind = Place::Kind::kItems;
  place.snapshot = snapshot;
  Number(place, Numbered::kBySnapshot, folder, snapshot->id.bytes());
  const auto& items = snapshot->inner.items;
  if (items.size() != 1) return place;
  place.kind = Place::Kind::kNode;
  place.directory = items.front().root;
  place.tree_number = place.number;
  place.tree_check = place.check;
  return place;
}

Place ViewTree::ItemPlace(const Place& items, uint32_t item) const {
  Place place;
  place.kind = Place::Kind::kNode;
  place.snapshot = items.snapshot;
  place.item = item;
  place.directory = items.snapshot->inner.items[item].root;
  Number(place, Numbered::kByName, items, AsBytes(items.snapshot->inner.items[item].name));
  place.tree_number = place.number;
  place.tree_check = place.check;
  return place;
}

Place ViewTree::NodePlace(const Place& folder, const BlobId& directory, const Node& node) const {
  Place place;
  place.kind = Place::Kind::kNode;
  place.snapshot = folder.snapshot;
  place.item = folder.item;
  place.tree_number = folder.tree_number;
  place.tree_check = folder.tree_check;
  place.directory = directory;
  place.name = node.name;
  place.is_folder = node.type == NodeType::kFolder;
  if (node.link_group && node.type != NodeType::kFolder) {
    Number(place, Numbered::kByLinkGroup, folder, *node.link_group);
  } else {
    Number(place, Numbered::kByName, folder, node.name);
  }
  return place;
}

struct stat ViewTree::StatusAbove(const Place& place, const WireTime& modified) const {
  struct stat status{};
  status.st_ino = place.number;
  status.st_mode = kFolderMode;
  if (place.kind == Place::Kind::kLatest) {
    status.st_mode = S_IFLNK | 0777;
    status.st_size = static_cast<off_t>(place.name.size());
  }
  status.st_nlink = 1;
  status.st_uid = options_.owner_is_root ? 0 : static_cast<uid_t>(options_.user);
  status.st_gid = options_.owner_is_root ? 0 : static_cast<gid_t>(options_.group);
  status.st_blksize = 4096;
  status.st_mtim = status.st_ctim = status.st_atim = ToTimespec(modified);
  return status;
}

struct stat ViewTree::StatusOfNode(const Place& place, const Node& node) {
  struct stat status = StatusAbove(place, node.modified);
  if (place.name.empty()) return status;
  status.st_mode = FileType(node.type).value_or(S_IFREG) | (node.mode & 07777);
  if (!options_.owner_is_root) {
    const bool by_name = !options_.numeric_ids;
    const auto user = by_name && !node.user.empty() ? names_.UserId(node.user) : std::nullopt;
    const auto group = by_name && !node.group.empty() ? names_.GroupId(node.group) : std::nullopt;
    status.st_uid = static_cast<uid_t>(user.value_or(node.uid));
    status.st_gid = static_cast<gid_t>(group.value_or(node.gid));
  }
  if (node.changed) status.st_ctim = ToTimespec(*node.changed);
  if (node.device) status.st_rdev = makedev(node.device->major, node.device->minor);
  if (node.type == NodeType::kSymlink) status.st_size = static_cast<off_t>(node.target.size());
  if (node.content) {
    status.st_size = static_cast<off_t>(node.size);
    // Where the lists are damaged, it is said when the file is read.
    const auto bytes = options_.counts ? BytesOutsideHoles(blobs_, *node.content, node.size, kEntriesWalkedMax)
                                       : Result<uint64_t>(node.size);
    const uint64_t taken = bytes ? *bytes : node.size;
    status.st_blocks = static_cast<blkcnt_t>(taken / 512 + (taken % 512 != 0 ? 1 : 0));
  }
  status.st_nlink = LinksOf(place, node);
  return status;
}

// A snapshot does not say how many names a file has: those in it are counted, where that is soon done.
uint32_t ViewTree::LinksOf(const Place& place, const Node& node) {
  if (!options_.counts || !node.link_group || node.type == NodeType::kFolder) return 1;
  const auto counts = CountLinks(place);
  if (counts == nullptr) return 2;
  const auto found = counts->find(ToBytes(*node.link_group));
  return found == counts->end() ? 1 : found->second;
}

std::shared_ptr<const ViewTree::LinkCounts> ViewTree::CountLinks(const Place& place) {
  const SnapshotTotals& totals = place.snapshot->inner.totals;
  if (totals.files + totals.folders + totals.others > options_.link_entries_max) return nullptr;
  const BlobId& root = place.snapshot->inner.items[place.item].root;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(links_, root, [](const auto& one) { return one.first; });
    if (found != links_.end()) {
      links_.splice(links_.begin(), links_, found);
      return found->second;
    }
  }
  auto counts = std::make_shared<LinkCounts>();
  uint64_t entries = 0;
  TreeVisitor visitor;
  visitor.each = [&](const TreePath&, const Node& node) -> Result<bool> {
    if (++entries > options_.link_entries_max) return Error(ErrorCode::kUnsupported, "too many to count");
    if (node.link_group) ++(*counts)[ToBytes(*node.link_group)];
    return true;
  };
  visitor.failed = [](const TreePath&, const Error&) -> Result<void> { return {}; };
  if (!WalkTree(blobs_, root, TreePath(), visitor)) counts = nullptr;
  if (counts != nullptr)
    std::erase_if(*counts, [](const auto& one) { return one.second == 1; });  // the others are else
  const std::lock_guard lock(mutex_);
  links_.emplace_front(root, counts);
  uint64_t kept = 0;
  for (const auto& one : links_) kept += one.second == nullptr ? 0 : one.second->size();
  while (links_.size() > 1 && (links_.size() > kLinkCountsKeptMax || kept > options_.link_entries_max)) {
    kept -= links_.back().second == nullptr ? 0 : links_.back().second->size();
    links_.pop_back();
  }
  return counts;
}

void ViewTree::Keep(const Place& place, std::shared_ptr<const Node> node) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_number_.find(place.number); found != by_number_.end()) {
    recent_.erase(found->second);
    by_number_.erase(found);
  }
  recent_.push_front({place.number, place.check, std::move(node)});
  by_number_.emplace(place.number, recent_.begin());
  if (recent_.size() <= kNodesKeptMax) return;
  by_number_.erase(recent_.back().number);
  recent_.pop_back();
}

Result<std::shared_ptr<const Node>> ViewTree::NodeOf(const Place& place) {
  if (place.kind != Place::Kind::kNode) return std::shared_ptr<const Node>();
  if (place.name.empty()) {
    auto root = std::make_shared<Node>();
    root->type = NodeType::kFolder;
    root->modified = place.snapshot->inner.start;
    root->subtree = Subtree{0, place.directory};
    return std::shared_ptr<const Node>(std::move(root));
  }
  {
    const std::lock_guard lock(mutex_);
    const auto found = by_number_.find(place.number);
    if (found != by_number_.end() && found->second->check == place.check) {
      recent_.splice(recent_.begin(), recent_, found->second);
      return found->second->node;
    }
  }
  ASSIGN_OR_RETURN(auto found, FindNode(blobs_, place.directory, place.name));
  if (!found) return Corrupt("directory {} no longer has the name", place.directory.ToHex());
  auto node = std::make_shared<const Node>(*std::move(found));
  Keep(place, node);
  return node;
}

Result<BlobId> ViewTree::DirectoryOf(const Place& folder) {
  if (folder.kind != Place::Kind::kNode) return NotAFolder();
  if (folder.name.empty()) return folder.directory;
  ASSIGN_OR_RETURN(const auto node, NodeOf(folder));
  if (!node->subtree) return NotAFolder();
  return node->subtree->root;
}

FoundPlace ViewTree::FoundNode(const Place& folder, const BlobId& directory, const Node& node) {
  FoundPlace found{.name = node.name, .place = NodePlace(folder, directory, node)};
  found.status = StatusOfNode(found.place, node);
  Keep(found.place, std::make_shared<const Node>(node));
  return found;
}

Result<std::optional<FoundPlace>> ViewTree::FindEntry(const Place& folder, ByteSpan name) {
  if (folder.number == kRootNumber) {
    for (FoundPlace& entry : ListRoot()) {
      if (Equal(entry.name, name)) return std::optional<FoundPlace>(std::move(entry));
    }
    return std::optional<FoundPlace>();
  }
  ASSIGN_OR_RETURN(const auto folders, folders_(Look::kUsual));
  const SnapshotFolders::Folder* listed = folders->Find(AsText(folder.name));
  if (listed == nullptr) return GoneFolder(folder);
  auto entry = listed->entries.find(AsText(name));
  if (entry == listed->entries.end() && name.size() == 2 * SnapshotId::kSize) {  // a whole id
    entry = std::ranges::find_if(listed->entries, [&](const auto& one) {
      return one.second.kind == SnapshotFolders::Kind::kSnapshot && one.second.snapshot->id.ToHex() == AsText(name);
    });
  }
  if (entry == listed->entries.end()) return std::optional<FoundPlace>();
  FoundPlace found{.name = ToBytes(name), .place = EntryPlace(folder, entry->first, entry->second)};
  ASSIGN_OR_RETURN(found.status, Status(found.place));
  return std::optional<FoundPlace>(std::move(found));
}

Result<std::optional<FoundPlace>> ViewTree::Find(const Place& folder, ByteSpan name) {
  if (folder.kind == Place::Kind::kFolders) return FindEntry(folder, name);
  if (folder.kind == Place::Kind::kItems) {
    const auto& items = folder.snapshot->inner.items;
    for (uint32_t i = 0; i < items.size(); ++i) {
      if (items[i].name != AsText(name)) continue;
      FoundPlace found{.name = ToBytes(name), .place = ItemPlace(folder, i)};
      found.status = StatusAbove(found.place, folder.snapshot->inner.start);
      return std::optional<FoundPlace>(std::move(found));
    }
    return std::optional<FoundPlace>();
  }
  std::optional<Error> not_made;
  if (HasMade(folder)) {
    auto made = FindMade(folder, name);
    if (folder.kind == Place::Kind::kMade || (made && *made)) return made;
    if (!made) not_made = WhyNotMade(folder, made.error());
  }
  ASSIGN_OR_RETURN(const BlobId directory, DirectoryOf(folder));
  auto node = FindNode(blobs_, directory, name);
  if (node && !*node && not_made) return *not_made;  // it may be there
  if (!node && node.error().code() == ErrorCode::kUnsupported) {
    if (!ToldBefore(node.error().message()) && findings_) {
      findings_({Finding::Severity::kWarning, ErrorCode::kUnsupported, "view", node.error().message()});
    }
    return std::optional<FoundPlace>();
  }
  RETURN_IF_ERROR(node);
  if (!*node || !FileType((*node)->type)) return std::optional<FoundPlace>();
  return std::optional<FoundPlace>(FoundNode(folder, directory, **node));
}

// They are there before any snapshot is known.
Result<WireTime> ViewTree::ModifiedAbove(const Place& folder) {
  const bool is_at_top = std::ranges::find(folder.name, '/') == folder.name.end();
  ASSIGN_OR_RETURN(const auto folders, folders_(is_at_top ? Look::kAtOnce : Look::kUsual));
  if (folders == nullptr) return options_.opened;
  const SnapshotFolders::Folder* found = folders->Find(AsText(folder.name));
  if (found == nullptr) return GoneFolder(folder);
  return found->modified == WireTime() ? options_.opened : found->modified;
}

std::vector<FoundPlace> ViewTree::ListRoot() {
  std::vector<FoundPlace> entries;
  for (const std::string_view name : SnapshotFolders::kTop) {
    FoundPlace found{.name = ToBytes(AsBytes(name)), .place = EntryPlace(Root(), std::string(name), {})};
    const auto modified = ModifiedAbove(found.place);
    found.status = StatusAbove(found.place, modified ? *modified : options_.opened);
    entries.push_back(std::move(found));
  }
  return entries;
}

Result<struct stat> ViewTree::Status(const Place& place) {
  if (place.kind == Place::Kind::kFolders) {
    ASSIGN_OR_RETURN(const WireTime modified, ModifiedAbove(place));
    return StatusAbove(place, modified);
  }
  if (place.kind == Place::Kind::kMade) {
    if (place.is_folder) return StatusOfMade(place, 0);
    ASSIGN_OR_RETURN(const auto file, made_.Open(place.directory, ToString(place.name)));
    return StatusOfMade(place, file->size());
  }
  if (place.kind != Place::Kind::kNode || place.name.empty()) return StatusAbove(place, place.snapshot->inner.start);
  ASSIGN_OR_RETURN(const auto node, NodeOf(place));
  return StatusOfNode(place, *node);
}

Result<Bytes> ViewTree::Target(const Place& link) {
  if (link.kind == Place::Kind::kLatest) return link.name;
  ASSIGN_OR_RETURN(const auto node, NodeOf(link));
  if (node == nullptr || node->type != NodeType::kSymlink) {
    return Error(ErrorCode::kInvalidArgument, "it is no symbolic link").WithErrno(EINVAL);
  }
  return node->target;
}

Result<std::optional<Bytes>> ViewTree::Attribute(const Place& place, std::string_view name) {
  ASSIGN_OR_RETURN(const auto node, NodeOf(place));
  if (node == nullptr) return std::optional<Bytes>();
  const auto found =
      std::ranges::find(node->attributes, name, [](const cairn::Attribute& one) { return AsText(one.name); });
  if (found == node->attributes.end()) return std::optional<Bytes>();
  if (!found->blob) return std::optional<Bytes>(found->value.value_or(Bytes()));
  ASSIGN_OR_RETURN(const BlobView value, blobs_.ViewBlob(BlobKind::kData, found->blob->id));
  return std::optional<Bytes>(ToBytes(value.bytes));
}

Result<std::shared_ptr<const FileView>> ViewTree::OpenFile(const Place& place) {
  if (place.kind == Place::Kind::kMade && !place.is_folder) return made_.Open(place.directory, ToString(place.name));
  ASSIGN_OR_RETURN(auto node, NodeOf(place));
  if (node == nullptr || !node->content) {
    return Error(ErrorCode::kInvalidArgument, "it has no bytes").WithErrno(EINVAL);
  }
  return std::make_shared<const BlobFileView>(blobs_, std::move(node));
}

// Folders of snapshots, and items.
class ViewTree::FixedList : public ViewTree::List {
 public:
  explicit FixedList(std::vector<FoundPlace> entries) : entries_(std::move(entries)) {}
  Result<std::optional<FoundPlace>> Next() override {
    if (next_ == entries_.size()) return std::optional<FoundPlace>();
    return std::optional<FoundPlace>(entries_[next_++]);
  }

 private:
  const std::vector<FoundPlace> entries_;
  size_t next_ = 0;
};

class ViewTree::NodeList : public ViewTree::List {
 public:
  NodeList(ViewTree& tree, Place folder, const BlobId& directory)
      : tree_(tree), folder_(std::move(folder)), directory_(directory), cursor_(tree.blobs_, directory) {}

  Result<std::optional<FoundPlace>> Next() override {
    for (;;) {
      auto node = cursor_.Next();
      if (!node) {
        const Error& error = node.error();
        const bool is_told = error.code() == ErrorCode::kUnsupported;
        if (is_told && !tree_.ToldBefore(error.message()) && tree_.findings_) {
          tree_.findings_({Finding::Severity::kWarning, error.code(), "view", error.message()});
        }
        if (is_told) continue;
        if (!IsLoss(error.code())) return error;
        failed_ = error;
        if (++failures_ > kFailuresMax) return error;  // of a root that cannot be read there is no end
        continue;
      }
      if (*node == nullptr) {
        if (failed_) return *std::exchange(failed_, std::nullopt);
        return std::optional<FoundPlace>();
      }
      if (!FileType((*node)->type)) continue;
      return std::optional<FoundPlace>(tree_.FoundNode(folder_, directory_, **node));
    }
  }

 private:
  static constexpr unsigned kFailuresMax = 10'000;
  ViewTree& tree_;
  const Place folder_;
  const BlobId directory_;
  DirectoryCursor cursor_;
  std::optional<Error> failed_;
  unsigned failures_ = 0;
};

Result<std::unique_ptr<ViewTree::List>> ViewTree::OpenFolder(const Place& folder, Sizes sizes) {
  std::vector<FoundPlace> entries;
  if (folder.number == kRootNumber) return std::make_unique<FixedList>(ListRoot());
  if (folder.kind == Place::Kind::kFolders) {
    ASSIGN_OR_RETURN(const auto folders, folders_(Look::kUsual));
    const SnapshotFolders::Folder* listed = folders->Find(AsText(folder.name));
    if (listed == nullptr) return GoneFolder(folder);
    for (const auto& [name, entry] : listed->entries) {
      FoundPlace found{.name = ToBytes(AsBytes(name)), .place = EntryPlace(folder, name, entry)};
      WireTime modified;
      if (entry.snapshot != nullptr) {
        modified = entry.snapshot->inner.start;
      } else if (const auto* below = folders->Find(AsText(found.place.name))) {
        modified = below->modified;
      }
      found.status = StatusAbove(found.place, modified);
      entries.push_back(std::move(found));
    }
    return std::make_unique<FixedList>(std::move(entries));
  }
  if (folder.kind == Place::Kind::kItems) {
    const auto& items = folder.snapshot->inner.items;
    for (uint32_t i = 0; i < items.size(); ++i) {
      FoundPlace found{.name = ToBytes(AsBytes(items[i].name)), .place = ItemPlace(folder, i)};
      found.status = StatusAbove(found.place, folder.snapshot->inner.start);
      entries.push_back(std::move(found));
    }
    return std::make_unique<FixedList>(std::move(entries));
  }
  if (folder.kind == Place::Kind::kMade) return OpenMade(folder, nullptr, sizes);
  ASSIGN_OR_RETURN(const BlobId directory, DirectoryOf(folder));
  auto nodes = std::make_unique<NodeList>(*this, folder, directory);
  if (!HasMade(folder)) return nodes;
  return OpenMade(folder, std::move(nodes), sizes);
}

bool ViewTree::ToldBefore(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (told_.size() > kToldMax) told_.clear();
  return !told_.insert(text).second;
}

Error ViewTree::Judge(const Place& place, const std::string& what, const Error& error) {
  const bool is_gone = place.kind == Place::Kind::kFolders && error.code() == ErrorCode::kNotFound;
  if (is_gone || error.code() == ErrorCode::kInvalidArgument || error.code() == ErrorCode::kInterrupted) return error;
  // Of a store that is away all errors are the same, whatever was to be read.
  const bool is_away = error.code() == ErrorCode::kStoreAway;
  const bool is_new = !ToldBefore(is_away ? error.message() : what + ": " + error.message());
  if (is_new && IsLoss(error.code()) && place.snapshot != nullptr) {
    const auto folders = folders_(Look::kDoubt);
    if (folders && !(*folders)->Has(place.snapshot->id)) {
      const std::string gone = fmt::format("snapshot {} was forgotten meanwhile", place.snapshot->id.Short());
      if (findings_ && !ToldBefore(gone)) findings_({Finding::Severity::kWarning, ErrorCode::kNotFound, what, gone});
      return Error(ErrorCode::kNotFound, gone).WithErrno(ESTALE);
    }
  }
  if (findings_ && is_new) {
    findings_({SeverityOf(error), error.code(), is_away ? "view" : what, error.message()});
  }
  return Error(error.code(), error.message());  // the store's errno is not that of who reads here
}

}  // namespace cairn::view
