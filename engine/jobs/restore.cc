#include "engine/jobs/restore.h"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <map>
#include <set>

#include "engine/jobs/file_restorer.h"
#include "engine/jobs/target_remover.h"
#include "engine/tree/snapshot_tree.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

class RestoreRun {
 public:
  RestoreRun(const JobContext& context, Repository& repository, Index& index, const LoadedSnapshot& snapshot,
             Sink& sink, const RestoreOptions& options, FindingSink findings)
      : context_(context),
        snapshot_(snapshot),
        sink_(sink),
        options_(options),
        findings_(std::move(findings)),
        blobs_(repository, index, context, context.limits.memory_bytes / 8, findings_),
        files_(context, repository, index, blobs_, sink, options, report_, findings_),
        windows_max_(repository.store().is_far() ? kWindowsFar : 1) {}

  Result<RestoreReport> Run() {
    sink_.SetFindingSink(findings_);
    ASSIGN_OR_RETURN(const SnapshotPlace place, FindInSnapshot(blobs_, snapshot_, options_.path));
    if (place.item != nullptr) {
      RETURN_IF_ERROR(RestoreItem(place, {}));
    } else {
      RETURN_IF_ERROR(RestoreItems());
    }
    RETURN_IF_ERROR(CloseAll());
    if (options_.take && !any_taken_) {
      return MakeError(ErrorCode::kNotFound, "nothing in snapshot {} is what was asked for", snapshot_.id.Short());
    }
    return std::move(report_);
  }

 private:
  struct OpenFolder {
    TreePath target;
    bool taken = false;          // itself; else only what is below it may be
    bool made = false;           // on the target, or found there
    bool was_there = false;      // before
    bool blocked = false;        // something else stands there, and stays
    bool is_protected = false;   // or in a folder that is: nothing in it is deleted
    WireTime modified = {};      // of its node
    std::set<Bytes> names = {};  // in the snapshot; an empty one: they are not all known
  };
  struct Removal {
    TreePath target, source;
    std::set<Bytes> names;
  };
  struct FirstName {  // of a link group
    TreePath path;
    std::pair<uint64_t, uint64_t> file;  // as SinkExisting's; zeros: it is restored
  };
  struct Link {  // another name of a file
    TreePath target, source;
    Node node;
  };
  struct WindowEnd {  // what waits for a window of files
    std::vector<Link> links;
    std::vector<Removal> removals;                   // of folders that were left
    std::vector<std::pair<TreePath, Node>> folders;  // that were left, for their metadata
    uint64_t held = 0;                               // bytes, about
  };

  // Each into a folder of its name. Where an Error ends that, what is left is named too.
  Result<void> RestoreItems() {
    const std::vector<SnapshotItem>& items = snapshot_.inner.items;
    for (size_t i = 0; i < items.size(); ++i) {
      auto restored = RestoreWhole(items[i]);
      if (restored) continue;
      for (size_t left = i; left < items.size(); ++left) {
        ++report_.failed;
        Tell(Finding::Severity::kWarning,
             MakeError(restored.error().code(), "it is not restored{}", left == i ? " whole" : ""),
             snapshot_.inner.PlaceOf(items[left]));
      }
      return std::move(restored).While("item " + PathForPeople(AsBytes(items[i].name)));
    }
    return {};
  }

  Result<void> RestoreWhole(const SnapshotItem& item) {
    SnapshotPlace place{.path = snapshot_.inner.PlaceOf(item), .inside = {}, .item = &item};
    place.node = FolderOfItem(snapshot_.inner, item);
    const bool is_walked =
        !options_.take || options_.take(place.path, place.node) || (options_.descend && options_.descend(place.path));
    return is_walked ? RestoreItem(place, place.path) : Result<void>();
  }

  Result<void> RestoreItem(const SnapshotPlace& place, const TreePath& target) {
    item_ = place.item;
    item_place_ = snapshot_.inner.PlaceOf(*item_);
    first_of_group_.clear();  // groups are an item's own
    not_made_.clear();
    files_.ForgetOutcomes();
    RETURN_IF_ERROR(MakeRemover(target));
    if (!place.is_folder()) {  // a single file, by its own name
      if (options_.take && !options_.take(place.path, place.node)) return {};
      any_taken_ = true;
      return Visit(JoinPath(target, place.node.name), place.node, place.path);
    }
    source_prefix_ = place.path;
    target_prefix_ = target;
    // The target itself is there; an item's folder in it is made as any other, and has no metadata of its own.
    const bool is_target = target.empty();
    const bool is_taken = is_target || !options_.take || options_.take(place.path, place.node);
    open_.push_back({.target = target, .taken = is_taken, .made = is_target, .is_protected = IsProtected(target)});
    bool is_made = true;
    if (!is_target && is_taken) {
      ASSIGN_OR_RETURN(is_made, MakeOpenFolders());
    }
    if (!is_made) {
      open_.pop_back();
      return {};
    }
    RETURN_IF_ERROR(WalkFolder(place.node.subtree->root, {}));
    RETURN_IF_ERROR(LeaveFolder(target, place.path, nullptr));
    return CloseAll();  // what comes next has other rules of what is deleted
  }

  // Nothing is deleted where the snapshot may lack what was there.
  Result<void> MakeRemover(const TreePath& prefix) {
    remover_ = nullptr;
    if (!options_.remove_others) return {};
    std::unique_ptr<LeftOut> left_out;
    if (item_->unread_nodes > 0) {
      Tell(Finding::Severity::kWarning,
           MakeError(ErrorCode::kUnsupported,
                     "nothing is deleted: when it was backed up {} files or folders could not be read, and are missing "
                     "in the snapshot",
                     item_->unread_nodes),
           prefix);
      return {};
    }
    if (options_.left_out) {
      auto made = options_.left_out(*item_);
      if (!made) {
        Tell(Finding::Severity::kWarning,
             std::move(made).error().While("nothing is deleted, for what the backup left out is not known"), prefix);
        return {};
      }
      left_out = *std::move(made);
    }
    remover_ = std::make_unique<TargetRemover>(context_, sink_, options_, item_place_, std::move(left_out), report_,
                                               findings_);
    return {};
  }

  Result<void> WalkFolder(const BlobId& root, const TreePath& relative) {
    TreeVisitor visitor;
    visitor.each = [&](const TreePath& path, const Node& node) -> Result<bool> {
      if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while restoring");
      if (remover_ != nullptr) open_.back().names.insert(node.name);
      const TreePath source = Below(source_prefix_, path);
      const bool taken = !options_.take || options_.take(source, node);
      if (node.type == NodeType::kFolder) {
        if (!taken && options_.descend && !options_.descend(source)) return false;
        if (!taken && !options_.descend) return false;
        open_.push_back({.target = Below(target_prefix_, path),
                         .taken = taken,
                         .is_protected = IsProtected(Below(target_prefix_, path)),
                         .modified = node.modified});
        if (!taken) return true;
        ASSIGN_OR_RETURN(const bool made, MakeOpenFolders());
        if (!made) open_.pop_back();
        return made;
      }
      if (!taken) return true;
      ASSIGN_OR_RETURN(const bool made, MakeOpenFolders());
      if (made) RETURN_IF_ERROR(Visit(Below(target_prefix_, path), node, source));
      return true;
    };
    visitor.after = [&](const TreePath& path, const Node& node) {
      return LeaveFolder(Below(target_prefix_, path), Below(source_prefix_, path), &node);
    };
    visitor.failed = [&](const TreePath& path, const Error& error) -> Result<void> {
      ++report_.failed;
      open_.back().names.insert(Bytes());  // its names are not all known: nothing in it may be removed
      TellDamage(error, Below(source_prefix_, path));
      return {};
    };
    return WalkTree(blobs_, root, relative, visitor);
  }

  // Asked only where something may be deleted.
  bool IsProtected(const TreePath& target) {
    if (remover_ == nullptr || options_.protected_places.empty() || target.empty()) return false;
    if (!open_.empty() && open_.back().is_protected) return true;
    const auto existing = sink_.Existing(target);
    return !existing || (existing->has_value() && options_.FindProtected(**existing) != nullptr);
  }

  static TreePath Below(const TreePath& prefix, const TreePath& path) {
    return prefix.empty() ? path : path.empty() ? prefix : JoinPath(prefix, path);
  }

  // A folder that is only on the way to what is taken is made when something in it is. False: what is in it cannot be
  // restored, which was told.
  Result<bool> MakeOpenFolders() {
    any_taken_ = true;
    for (OpenFolder& folder : open_) {
      if (folder.blocked) return false;
      if (folder.made) continue;
      folder.made = true;
      const auto existing = sink_.Existing(folder.target);
      folder.was_there = existing && existing->has_value();
      if (folder.was_there) folder.blocked = Blocks(folder, **existing);
      if (folder.blocked) return false;
      if (options_.dry_run) continue;
      auto made = sink_.MakeFolder(folder.target);
      if (made) continue;
      if (files_.Ends(made.error(), folder.target)) return std::move(made).error().While(PathForPeople(folder.target));
      ++report_.failed;
      Tell(Finding::Severity::kWarning, made.error(), folder.target);
    }
    return true;
  }

  // What is no folder, and stands where one belongs: a link on the way to what was asked for is not for us to replace.
  bool Blocks(const OpenFolder& folder, const SinkExisting& existing) {
    if (const auto* place = options_.FindProtected(existing); place != nullptr && place->from_writing) {
      ++report_.failed;
      Tell(Finding::Severity::kWarning,
           MakeError(ErrorCode::kInvalidArgument, "it is {}: nothing is restored into it", place->name), folder.target);
      return true;
    }
    if (existing.type == NodeType::kFolder) return false;
    Node node;
    node.type = NodeType::kFolder;
    node.modified = folder.modified;
    if (folder.taken && !Skips(existing, node)) return false;
    ++(folder.taken ? report_.files_skipped : report_.failed);
    Tell(folder.taken ? Finding::Severity::kNote : Finding::Severity::kWarning,
         MakeError(ErrorCode::kAlreadyExists, "a {} stands there and is left: nothing is restored below it",
                   Name(existing.type)),
         folder.target);
    return true;
  }

  // A folder with something in it is somebody's; only --delete may take that away for a file.
  Result<bool> IsInUse(const TreePath& target, const TreePath& source, const SinkExisting& existing, const Node& node) {
    if (existing.type != NodeType::kFolder || node.type == NodeType::kFolder) return false;
    ASSIGN_OR_RETURN(const std::vector<Bytes> names, sink_.List(target));
    if (names.empty() || remover_ == nullptr || !IsWhole(source)) return !names.empty();
    return remover_->RemoveInside(target, source);
  }

  // All in it was planned: what does not belong goes, and its metadata waits for the window's end.
  Result<void> LeaveFolder(const TreePath& target, const TreePath& source, const Node* node) {
    OpenFolder folder = std::move(open_.back());
    open_.pop_back();
    const bool is_known = IsWhole(source) && !folder.names.contains(Bytes());
    if (remover_ != nullptr && is_known && !folder.is_protected) {
      waiting_.held += target.size() + source.size() + kHeldCost;
      for (const Bytes& name : folder.names) waiting_.held += name.size() + kHeldCost / 4;
      waiting_.removals.push_back({target, source, std::move(folder.names)});
    }
    // One that is only on the way, and was there, keeps what it has.
    if (node == nullptr || !folder.made || (!folder.taken && folder.was_there)) return {};
    ++report_.folders;
    waiting_.held += target.size() + kHeldCost;
    if (!options_.dry_run) waiting_.folders.emplace_back(target, *node);
    return waiting_.held >= kHeldMax ? CloseWindow() : Result<void>();
  }

  // Folders above the paths that were backed up hold a part only: nothing in them is anybody's to remove.
  bool IsWhole(const TreePath& seen) const {
    if (item_->kind != ItemKind::kFiles) return false;
    const TreePath source = PathBelow(seen, item_place_);
    for (const Bytes& given : item_->paths) {
      ByteSpan path = given;
      while (!path.empty() && path.front() == '/') path = path.subspan(1);
      while (!path.empty() && path.back() == '/') path = path.first(path.size() - 1);
      if (path.empty()) return true;
      const bool below = source.size() >= path.size() && Equal(ByteSpan(source).first(path.size()), path) &&
                         (source.size() == path.size() || source[path.size()] == '/');
      if (below) return true;
    }
    return false;
  }

  // Programs that have a database open would go on in the file that was replaced, and SQLite would write the journal of
  // another database over what is restored.
  std::optional<Error> RefuseDatabase(const TreePath& target, const Node& node, bool is_there) {
    if (item_->kind != ItemKind::kSqlite || node.type != NodeType::kFile) return std::nullopt;
    if (is_there) {
      return Error(
          ErrorCode::kAlreadyExists,
          "a file stands there, and is left, for programs may have it open as their database: end them and move "
          "it away, with its -wal, -shm and -journal, or restore into another folder");
    }
    for (const std::string_view journal : {"-wal", "-journal"}) {
      TreePath path = target;
      Append(path, AsBytes(journal));
      const auto existing = sink_.Existing(path);
      if (!existing && existing.error().system_errno() == ENAMETOOLONG) continue;
      if (!existing) return existing.error();
      if (!existing->has_value()) continue;
      return MakeError(ErrorCode::kAlreadyExists,
                       "the journal {} of another database stands beside it, which SQLite would write over what is "
                       "restored: move that away, or restore into another folder",
                       PathForPeople(path));
    }
    return std::nullopt;
  }

  // Anything but a folder.
  Result<void> Visit(const TreePath& target, const Node& node, const TreePath& source) {
    auto existing = sink_.Existing(target);
    if (!existing) {
      ++report_.failed;
      Tell(Finding::Severity::kWarning, existing.error(), target);
      return {};
    }
    const bool is_skipped = *existing && options_.overwrite == Overwrite::kNever;
    if (const auto refused = is_skipped ? std::nullopt : RefuseDatabase(target, node, existing->has_value())) {
      ++report_.failed;
      Tell(Finding::Severity::kWarning, *refused, target);
      return {};
    }
    if (*existing && Skips(**existing, node)) {
      // What looks the same may be another file than the name that it shall share one with.
      const auto first = node.link_group ? first_of_group_.find(*node.link_group) : first_of_group_.end();
      if (first != first_of_group_.end() && options_.overwrite == Overwrite::kIfChanged &&
          first->second.file != (*existing)->file) {
        return AddLink(target, source, node);
      }
      ++report_.files_skipped;
      TellItem("left", target);
      // What stays may be another state: the other names of the group are no links to that.
      if (node.link_group && LooksTheSame(**existing, node)) {
        first_of_group_.emplace(*node.link_group, FirstName{target, (*existing)->file});
      }
      return {};
    }
    if (*existing) {
      if (const auto* place = options_.FindProtected(**existing)) {
        ++report_.failed;
        Tell(Finding::Severity::kWarning, MakeError(ErrorCode::kInvalidArgument, "it is {}, and is left", place->name),
             target);
        return {};
      }
      ASSIGN_OR_RETURN(const bool in_use, IsInUse(target, source, **existing, node));
      if (in_use) {
        ++report_.failed;
        Tell(Finding::Severity::kWarning,
             MakeError(ErrorCode::kAlreadyExists,
                       "a folder with something in it stands there, and is left (--delete "
                       "replaces it by the {}, where nothing in it is to be spared)",
                       Name(node.type)),
             target);
        return {};
      }
    }
    if (node.link_group) {
      const auto [first, is_new] = first_of_group_.emplace(*node.link_group, FirstName{target, {}});
      if (!is_new) return AddLink(target, source, node);
    }
    return Write(target, source, node, *existing ? (*existing)->type : node.type, existing->has_value());
  }

  Result<void> AddLink(const TreePath& target, const TreePath& source, const Node& node) {
    waiting_.links.push_back({target, source, node});
    waiting_.held += target.size() + source.size() + kHeldCost;
    return waiting_.held >= kHeldMax ? CloseWindow() : Result<void>();
  }

  Result<void> Write(const TreePath& target, const TreePath& source, const Node& node, NodeType existing,
                     bool is_there) {
    if (options_.dry_run) {
      ++(node.type == NodeType::kFile ? report_.files : report_.others);
      TellItem("to restore", target);
      report_.bytes += node.size;
      return {};
    }
    if (node.type == NodeType::kFile) {
      // What is written in place and is not finished would be newer than any: no rule of times may come upon it.
      const bool no_times = options_.overwrite == Overwrite::kAlways || options_.overwrite == Overwrite::kIfChanged;
      const bool is_file_there = is_there && existing == NodeType::kFile;
      const bool whole_or_nothing = item_->kind == ItemKind::kSqlite;
      RETURN_IF_ERROR(files_.Add({target, source, node, is_file_there && no_times, is_file_there, whole_or_nothing}));
      return files_.is_full() ? CloseWindow() : Result<void>();
    }
    auto made = MakeSpecial(target, node);
    if (made) {
      ++report_.others;
      TellItem("restored", target);
      ++context_.progress.items_done;
      return {};
    }
    const bool ends = made.error().code() == ErrorCode::kArchived || files_.Ends(made.error(), target);
    if (ends) return std::move(made).While(PathForPeople(target));
    ++report_.failed;
    if (node.link_group) not_made_.insert(*node.link_group);
    Tell(Finding::Severity::kWarning, made.error(), target);
    return {};
  }

  bool Skips(const SinkExisting& existing, const Node& node) const {
    switch (options_.overwrite) {
      case Overwrite::kAlways:
        return false;
      case Overwrite::kNever:
        return true;
      case Overwrite::kIfNewer:
        return existing.modified >= node.modified;
      case Overwrite::kIfChanged:
        return LooksTheSame(existing, node);
    }
    return false;
  }

  static bool LooksTheSame(const SinkExisting& existing, const Node& node) {
    return existing.type == node.type && existing.modified == node.modified &&
           (node.type != NodeType::kFile || existing.size == node.size);
  }

  Result<void> MakeSpecial(const TreePath& target, const Node& node) {
    RETURN_IF_ERROR(sink_.MakeSpecial(target, node));
    ASSIGN_OR_RETURN(const auto attributes, ReadAttributes(blobs_, node));
    return sink_.SetMetadata(target, node, attributes);
  }

  // The window that is open begins, and what ran meanwhile ends. Where something may be deleted nothing runs meanwhile:
  // what is removed makes room for what comes next.
  Result<void> CloseWindow() {
    RETURN_IF_ERROR(files_.Begin());
    running_.push_back(std::exchange(waiting_, {}));
    const size_t running_max = remover_ != nullptr ? 0 : windows_max_;
    while (running_.size() > running_max) RETURN_IF_ERROR(EndWindow());
    return {};
  }

  Result<void> CloseAll() {
    RETURN_IF_ERROR(CloseWindow());
    while (!running_.empty()) RETURN_IF_ERROR(EndWindow());
    return {};
  }

  // Files first, then the other names of files, then folders, those inside before those around them.
  Result<void> EndWindow() {
    RETURN_IF_ERROR(files_.Finish());
    WindowEnd end = std::move(running_.front());
    running_.pop_front();
    RETURN_IF_ERROR(MakeLinks(std::move(end.links)));
    for (const Removal& removal : end.removals) {
      RETURN_IF_ERROR(remover_->RemoveOthers(removal.target, removal.source, removal.names));
    }
    for (const auto& [path, node] : end.folders) {
      auto attributes = ReadAttributes(blobs_, node);
      const ErrorCode code = attributes ? ErrorCode::kIo : attributes.error().code();
      if (EndsJob(code) || code == ErrorCode::kArchived) return std::move(attributes).error();
      if (!attributes) TellDamage(attributes.error(), path);
      auto set = sink_.SetMetadata(path, node, attributes ? *attributes : std::vector<std::pair<Bytes, Bytes>>());
      if (!set || !attributes) ++report_.failed;
      if (!set) Tell(Finding::Severity::kWarning, set.error(), path);
    }
    return {};
  }

  // Where the first name of a file could not be placed, the next one takes its part.
  Result<void> MakeLinks(std::vector<Link> links) {
    while (!links.empty()) {
      std::vector<Link> later;
      std::set<LinkGroup> again;  // of which another name is written in this round
      for (const Link& link : links) RETURN_IF_ERROR(MakeOneLink(link, again, later));
      if (!again.empty()) RETURN_IF_ERROR(files_.BeginAndFinishAll());
      links = std::move(later);
    }
    return {};
  }

  Result<void> MakeOneLink(const Link& link, std::set<LinkGroup>& again, std::vector<Link>& later) {
    const LinkGroup& group = *link.node.link_group;
    if (again.contains(group)) {
      later.push_back(link);
      return {};
    }
    FirstName& first = first_of_group_.at(group);
    const FileRestorer::Outcome outcome = files_.OutcomeOf(group);
    if (outcome == FileRestorer::Outcome::kNotPlaced && link.node.type == NodeType::kFile && !options_.dry_run) {
      first = {link.target, {}};
      again.insert(group);
      files_.ForgetOutcome(group);
      return files_.Add({link.target, link.source, link.node, false, true});
    }
    if (not_made_.erase(group) > 0) {  // a device, a fifo, a link: made at once, or not at all
      first = {link.target, {}};
      return Write(link.target, link.source, link.node, link.node.type, false);
    }
    auto made = options_.dry_run ? Result<void>() : sink_.MakeLink(link.target, first.path);
    if (!made && files_.Ends(made.error(), link.target)) return std::move(made).While(PathForPeople(link.target));
    const bool is_whole = made && outcome == FileRestorer::Outcome::kWhole;
    if (made) ++report_.files;
    if (is_whole) TellItem(options_.dry_run ? "to restore" : "restored", link.target);
    if (is_whole) return {};
    ++report_.failed;
    if (!made) Tell(Finding::Severity::kWarning, made.error(), link.target);
    if (made) {
      Tell(Finding::Severity::kWarning,
           MakeError(ErrorCode::kIo, "it is another name of {}, which could not be restored whole",
                     PathForPeople(first.path)),
           link.target);
    }
    return {};
  }

  void TellDamage(const Error& error, const TreePath& source) {
    ++context_.progress.errors;
    if (findings_) findings_({SeverityOf(error), error.code(), "/" + PathForPeople(source), error.message()});
  }

  void TellItem(std::string_view action, const TreePath& path) {
    if (context_.progress.on_item) context_.progress.on_item(action, PathForPeople(path));
  }

  // Of the target.
  void Tell(Finding::Severity severity, const Error& error, const TreePath& path) {
    if (severity != Finding::Severity::kNote) ++context_.progress.errors;
    if (findings_) findings_({severity, error.code(), PathForPeople(path), error.message()});
  }

  const JobContext& context_;
  const LoadedSnapshot& snapshot_;
  Sink& sink_;
  const RestoreOptions& options_;
  static constexpr size_t kWindowsFar = 2;         // that run at once: one alone may be a few round trips
  static constexpr uint64_t kHeldMax = 16 * kMiB;  // bytes of names that wait for the window's end, about
  static constexpr uint64_t kHeldCost = 256;       // of each, beside its name

  const FindingSink findings_;
  RestoreReport report_;
  BlobReader blobs_;
  FileRestorer files_;
  const size_t windows_max_;
  const SnapshotItem* item_ = nullptr;
  TreePath item_place_;  // in the snapshot: where several are, all paths of sources begin with it
  TreePath source_prefix_, target_prefix_;
  std::vector<OpenFolder> open_;  // from the target's top down to where the walk is
  bool any_taken_ = false;
  std::map<LinkGroup, FirstName> first_of_group_;
  std::set<LinkGroup> not_made_;            // of what is no file
  WindowEnd waiting_;                       // of the window that is open
  std::deque<WindowEnd> running_;           // of those that run
  std::unique_ptr<TargetRemover> remover_;  // nothing: nothing of this item's target is deleted
};

}  // namespace

const RestoreOptions::Protected* RestoreOptions::FindProtected(const SinkExisting& existing) const {
  const auto found = std::ranges::find(protected_places, existing.file, &Protected::file);
  return found == protected_places.end() ? nullptr : &*found;
}

Result<RestoreReport> RunRestore(const JobContext& context, Repository& repository, Index& index,
                                 const LoadedSnapshot& snapshot, Sink& sink, const RestoreOptions& options,
                                 FindingSink findings) {
  RETURN_IF_ERROR(repository.keyring().Need(Rights::kContentKey | Rights::kMetadataKey, "restoring"));
  if (!snapshot.opened) return MakeError(ErrorCode::kNoRight, "snapshot {} cannot be opened", snapshot.id.ToHex());
  // Findings come from several threads, one at a time.
  auto mutex = std::make_shared<std::mutex>();
  FindingSink one_at_a_time = [mutex, findings = std::move(findings)](const Finding& finding) {
    const std::lock_guard lock(*mutex);
    if (findings) findings(finding);
  };
  auto report = RestoreRun(context, repository, index, snapshot, sink, options, one_at_a_time).Run();
  // After an Error too; no file is open any more.
  if (auto closed = sink.Close(); !closed) {
    ++context.progress.errors;
    one_at_a_time({Finding::Severity::kWarning, closed.error().code(), "target", closed.error().message()});
    if (report) ++report->failed;
  }
  return report;
}

}  // namespace cairn
