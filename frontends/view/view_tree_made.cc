// What is made of a database, in the tree that it is shown in.
#include <cerrno>

#include "frontends/view/view_tree.h"
#include "repo-format/tree_path.h"

namespace cairn::view {
namespace {

// Databases are nobody else's to read.
constexpr mode_t kMadeFileMode = S_IFREG | 0400, kMadeFolderMode = S_IFDIR | 0500;

std::string NameOf(const Place& folder) { return folder.kind == Place::Kind::kMade ? ToString(folder.name) : ""; }

}  // namespace

bool ViewTree::HasMade(const Place& folder) {
  if (folder.kind == Place::Kind::kMade) return folder.is_folder;
  return folder.kind == Place::Kind::kNode && folder.name.empty() &&
         folder.snapshot->inner.items[folder.item].kind == ItemKind::kPostgres;
}

Place ViewTree::MadePlace(const Place& folder, const DatabaseFiles::Entry& entry) const {
  Place place = folder;
  place.kind = Place::Kind::kMade;
  place.is_folder = entry.is_folder;
  place.name = ToBytes(AsBytes(entry.name));
  Number(place, Numbered::kByName, folder, AsBytes(entry.name));
  return place;
}

struct stat ViewTree::StatusOfMade(const Place& place, uint64_t size) const {
  struct stat status = StatusAbove(place, place.snapshot->inner.start);
  status.st_mode = place.is_folder ? kMadeFolderMode : kMadeFileMode;
  status.st_size = static_cast<off_t>(size);
  status.st_blocks = static_cast<blkcnt_t>(size / 512 + (size % 512 != 0 ? 1 : 0));
  return status;
}

Result<FoundPlace> ViewTree::FoundMade(const Place& folder, const DatabaseFiles::Entry& entry, Sizes sizes) {
  FoundPlace found{.name = ToBytes(AsBytes(entry.name)), .place = MadePlace(folder, entry)};
  if (entry.is_made_whole && sizes == Sizes::kThatAreKnown) {
    found.status = StatusOfMade(found.place, 0);
    found.has_size = false;
    return found;
  }
  ASSIGN_OR_RETURN(found.status, Status(found.place));
  return found;
}

Result<std::optional<FoundPlace>> ViewTree::FindMade(const Place& folder, ByteSpan name) {
  ASSIGN_OR_RETURN(const auto entry, made_.Find(folder.directory, NameOf(folder), AsText(name)));
  if (!entry) return std::optional<FoundPlace>();
  ASSIGN_OR_RETURN(auto found, FoundMade(folder, *entry, Sizes::kAll));
  return std::optional<FoundPlace>(std::move(found));
}

// Where the description of a database is damaged, that is told, and what stands there is shown without what would be
// made of it: nothing. What keeps it from being read now (a store that is away) is an Error: what was not found for
// that would be taken for absent for ever.
std::optional<Error> ViewTree::WhyNotMade(const Place& folder, const Error& error) {
  const SnapshotItem& item = folder.snapshot->inner.items[folder.item];
  const std::string what = folder.snapshot->id.Short() + ":" + PathForPeople(AsBytes(item.name));
  const Error judged = Judge(folder, what, error);
  if (IsLoss(judged.code()) && judged.system_errno() == 0) return std::nullopt;
  if (judged.code() == ErrorCode::kUnsupported) return std::nullopt;
  return judged;
}

// What stands in the folder itself, then what is made.
class ViewTree::MadeList : public ViewTree::List {
 public:
  MadeList(ViewTree& tree, Place folder, std::unique_ptr<List> before, std::vector<DatabaseFiles::Entry> entries,
           Sizes sizes)
      : tree_(tree),
        folder_(std::move(folder)),
        before_(std::move(before)),
        entries_(std::move(entries)),
        sizes_(sizes) {}

  Result<std::optional<FoundPlace>> Next() override {
    if (before_ != nullptr) {
      ASSIGN_OR_RETURN(auto found, before_->Next());
      if (found) return found;
      before_.reset();
    }
    if (next_ == entries_.size()) return std::optional<FoundPlace>();
    const DatabaseFiles::Entry& entry = entries_[next_++];
    auto found = tree_.FoundMade(folder_, entry, sizes_);
    // One that cannot be made is there, and who reads it is told.
    if (!found) found = tree_.FoundMade(folder_, entry, Sizes::kThatAreKnown);
    RETURN_IF_ERROR(found);
    return std::optional<FoundPlace>(*std::move(found));
  }

 private:
  ViewTree& tree_;
  const Place folder_;
  std::unique_ptr<List> before_;
  const std::vector<DatabaseFiles::Entry> entries_;
  const Sizes sizes_;
  size_t next_ = 0;
};

Result<std::unique_ptr<ViewTree::List>> ViewTree::OpenMade(const Place& folder, std::unique_ptr<List> before,
                                                           Sizes sizes) {
  auto entries = made_.List(folder.directory, NameOf(folder));
  if (!entries && before == nullptr) return entries.error();
  if (!entries) {
    if (auto why = WhyNotMade(folder, entries.error())) return *std::move(why);
  }
  return std::make_unique<MadeList>(*this, folder, std::move(before),
                                    entries ? *std::move(entries) : std::vector<DatabaseFiles::Entry>(), sizes);
}

}  // namespace cairn::view
