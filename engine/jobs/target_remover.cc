#include "engine/jobs/target_remover.h"

#include <algorithm>
#include <cerrno>

namespace cairn {

Result<void> TargetRemover::RemoveOthers(const TreePath& target, const TreePath& source, const std::set<Bytes>& names) {
  const auto existing = sink_.Existing(target);
  // A dry run into nothing, or a folder of which nothing was taken.
  if (!existing || !existing->has_value() || (*existing)->type != NodeType::kFolder) return {};
  if (IsSpared(target, **existing)) return {};
  if (left_out_ != nullptr && left_out_->Others(PathBelow(source, item_place_), names)) return {};
  RETURN_IF_ERROR(Empty({.target = target, .source = source}, names));
  return {};
}

Result<bool> TargetRemover::RemoveInside(const TreePath& target, const TreePath& source) {
  const auto existing = sink_.Existing(target);
  if (!existing || !existing->has_value() || IsSpared(target, **existing)) return true;
  return Empty({.target = target, .source = source}, {});
}

Result<std::vector<Bytes>> TargetRemover::List(const TreePath& target) {
  auto names = sink_.List(target);
  if (names) return names;
  const Error& error = names.error();
  const bool is_gone =
      error.code() == ErrorCode::kNotFound || error.system_errno() == ELOOP || error.system_errno() == ENOTDIR;
  if (!is_gone) {
    ++report_.failed;
    Tell(Finding::Severity::kWarning, Error(error).While("nothing in it is deleted"), target);
  }
  return names;
}

// True: something stays in the folder. With a stack of its own, for folders may be nested deeply.
Result<bool> TargetRemover::Empty(Folder first, const std::set<Bytes>& but) {
  std::vector<Folder> open;
  const auto enter = [&](Folder folder) {
    auto names = List(folder.target);
    if (!names) {
      folder.is_kept = true;
    } else {
      folder.names = *std::move(names);
      folder.is_marked = left_out_ != nullptr &&
                         std::ranges::any_of(folder.names, [&](const Bytes& name) { return left_out_->Marks(name); });
    }
    open.push_back(std::move(folder));
  };
  enter(std::move(first));
  for (;;) {
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while deleting");
    Folder& top = open.back();
    if (top.next == top.names.size()) {
      const bool is_kept = top.is_kept;
      const TreePath target = std::move(top.target);
      open.pop_back();
      if (open.empty()) return is_kept;
      if (is_kept || !Remove(target)) open.back().is_kept = true;
      continue;
    }
    const Bytes name = std::move(top.names[top.next++]);
    if (open.size() == 1 && but.contains(name)) continue;
    const TreePath target = JoinPath(top.target, name);
    const auto existing = sink_.Existing(target);
    if (existing && !existing->has_value()) continue;
    if (!existing) {
      ++report_.failed;
      Tell(Finding::Severity::kWarning, existing.error(), target);
    }
    if (!existing || Spares(top, name, target, **existing)) {
      top.is_kept = true;
    } else if ((*existing)->type == NodeType::kFolder) {
      enter({.target = target, .source = JoinPath(top.source, name)});
    } else if (!Remove(target)) {
      top.is_kept = true;
    }
  }
}

bool TargetRemover::Spares(const Folder& folder, const Bytes& name, const TreePath& target,
                           const SinkExisting& existing) {
  if (IsSpared(target, existing)) return true;
  const TreePath source = JoinPath(folder.source, name);
  if (options_.take) {
    Node node;
    node.name = name;
    node.type = existing.type;
    if (!options_.take(source, node)) return true;
  }
  // No backup holds one, nor what is of a type that nobody knows here: that it is not in the snapshot says nothing.
  if (existing.type == NodeType::kSocket) return true;
  // What marks a folder stays too: without it the next run would delete what it spared.
  return left_out_ != nullptr && (folder.is_marked || left_out_->Entry(PathBelow(source, item_place_), existing));
}

bool TargetRemover::IsSpared(const TreePath& target, const SinkExisting& existing) {
  if (const auto* place = options_.FindProtected(existing)) {
    Tell(Finding::Severity::kNote, MakeError(ErrorCode::kBusy, "it is {}: nothing in it is deleted", place->name),
         target);
    return true;
  }
  // Who backed up, or restores, may have had nothing mounted there: what it holds is another's.
  if (!mount_) {
    const auto root = sink_.Existing({});
    mount_ = root && root->has_value() ? (*root)->mount : existing.mount;
  }
  if (existing.mount == *mount_) return false;
  Tell(Finding::Severity::kNote,
       Error(ErrorCode::kBusy,
             "another file system is mounted there: nothing in it is deleted (restore to it alone to have that done)"),
       target);
  return true;
}

bool TargetRemover::Remove(const TreePath& target) {
  if (options_.dry_run) {
    Tell(Finding::Severity::kNote, Error(ErrorCode::kNotFound, "it is not in the snapshot, and would be deleted"),
         target);
    ++report_.removed;
    return true;
  }
  auto removed = sink_.Remove(target);
  if (!removed) {
    ++report_.failed;
    Tell(Finding::Severity::kWarning, removed.error(), target);
    return false;
  }
  ++report_.removed;
  if (context_.progress.on_item) context_.progress.on_item("deleted", PathForPeople(target));
  return true;
}

void TargetRemover::Tell(Finding::Severity severity, const Error& error, const TreePath& target) {
  if (severity != Finding::Severity::kNote) ++context_.progress.errors;
  if (findings_) findings_({severity, error.code(), PathForPeople(target), error.message()});
}

}  // namespace cairn
