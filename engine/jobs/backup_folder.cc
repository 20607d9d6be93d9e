#include "engine/jobs/backup_folder.h"

namespace cairn {
namespace {

constexpr size_t kPathBytesKept = 4 * kKiB;

}  // namespace

BackupFolder::BackupFolder(AddingSink& metadata_sink, FileCacheWriter* next_cache)
    : metadata_sink_(metadata_sink),
      next_cache_(next_cache),
      builder_(std::make_unique<DirectoryBuilder>(metadata_sink)) {}

BackupFolder::BackupFolder(std::shared_ptr<BackupFolder> parent, const SourceEntry& entry, uint64_t number)
    : metadata_sink_(parent->metadata_sink_),
      next_cache_(parent->next_cache_),
      parent_(std::move(parent)),
      number_in_parent_(number),
      mark_(entry.mark),
      depth_(parent_->depth_ + 1),
      is_path_kept_(parent_->is_path_kept_ && parent_->path_.size() + entry.name.size() < kPathBytesKept),
      path_(is_path_kept_ ? JoinPath(parent_->path_, entry.name) : entry.name),
      builder_(std::make_unique<DirectoryBuilder>(metadata_sink_)),
      cached_(Path()) {}

TreePath BackupFolder::Path() const {
  if (is_path_kept_) return path_;
  std::vector<const BackupFolder*> way;
  const BackupFolder* above = this;
  for (; !above->is_path_kept_; above = above->parent_.get()) way.push_back(above);
  TreePath full = above->path_;
  for (auto folder = way.rbegin(); folder != way.rend(); ++folder) {
    full.push_back('/');
    Append(full, (*folder)->path_);
  }
  return full;
}

Result<void> BackupFolder::Complete(uint64_t number, std::optional<CachedEntry> done) {
  const std::lock_guard lock(mutex_);
  const uint64_t place = number - first_;
  if (waiting_.size() <= place) waiting_.resize(place + 1);
  waiting_[place] = {true, std::move(done)};
  while (!waiting_.empty() && waiting_.front().complete) {
    const Slot slot = std::move(waiting_.front());
    waiting_.pop_front();
    ++first_;
    if (!slot.entry) continue;
    if (next_cache_ != nullptr) {
      cached_.Add(*slot.entry);
      next_cache_->Take(cached_, false);
    }
    RETURN_IF_ERROR(builder_->Add(slot.entry->node));
  }
  return {};
}

void BackupFolder::SetCount(uint64_t count) {
  const std::lock_guard lock(mutex_);
  count_ = count;
}

Result<std::optional<Subtree>> BackupFolder::TakeSubtree() {
  {
    const std::lock_guard lock(mutex_);
    if (finished_ || !count_ || first_ != *count_) return std::optional<Subtree>();
    finished_ = true;
  }
  ASSIGN_OR_RETURN(const Subtree subtree, builder_->Finish());
  builder_.reset();
  if (next_cache_ != nullptr) next_cache_->Take(cached_, true);
  return std::optional<Subtree>(subtree);
}

Result<void> BackupFolder::CompleteInParent(const Subtree& subtree) {
  node->subtree = subtree;
  auto done = CachedEntry::Of(*node, mark_);
  node.reset();
  return parent_->Complete(number_in_parent_, std::move(done));
}

}  // namespace cairn
