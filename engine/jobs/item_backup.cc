#include "engine/jobs/item_backup.h"

#include <algorithm>
#include <cerrno>
#include <deque>

#include "repo-format/limits.h"
#include "repo-format/node_check.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

constexpr uint64_t kBatchFiles = 64;
constexpr uint64_t kBatchBytes = 4 * kMiB;
// So many files of a batch are open while one is read: a disk that has several to bring is quicker than one that is
// asked for each in turn.
constexpr size_t kOpenAhead = 8;
constexpr uint64_t kEntryCost = 2 * kKiB;  // of a queued file in memory, about

// Folders that are read ahead: in one, in all around the walk, and in the one where it is whatever the others take.
constexpr size_t kAheadInFolder = 4;
constexpr size_t kAheadMax = 32;
constexpr size_t kAheadWhereItIs = 2;
constexpr size_t kAheadTasksMax = 32;  // that wait for the executor, which may be busy with large files

bool IsOutOfDescriptors(const Error& error) { return error.system_errno() == EMFILE || error.system_errno() == ENFILE; }

}  // namespace

struct ItemBackup::Job {
  FolderPtr folder;
  std::shared_ptr<SourceFolder> source;  // lives until its files are read, though the walk may have left the folder
  SourceEntry entry;
  uint64_t number = 0;
  bool was_known = false;
  std::optional<Content> known_content;  // of an entry that looks unchanged, and is read all the same
  ChangeMark next_mark;                  // what the next backup compares with
};

struct ItemBackup::OpenFolder {
  FolderPtr folder;
  std::vector<SourceEntry> entries;
  uint64_t next = 0;
  std::vector<std::pair<uint64_t, std::unique_ptr<FolderAhead>>> ahead;  // with their numbers, ascending
  uint64_t next_ahead = 0;                                               // up to here entries were looked at for such
};

ItemBackup::ItemBackup(const JobContext& context, BlobTarget& target, Source& source, const ContentCuts& cuts,
                       ByteSpan chunking_key, const KnownEntries& known, FileCacheWriter* next_cache,
                       ItemBackupOptions options, FindingSink findings)
    : context_(context),
      target_(target),
      source_(source),
      cuts_(cuts),
      chunking_key_(ToBytes(chunking_key)),
      known_(known),
      next_cache_(next_cache),
      options_(std::move(options)),
      findings_(std::move(findings)),
      metadata_sink_(target.NewSink(context.limits.frame_bytes_metadata)),
      queue_(context.limits.memory_bytes / 8) {}

ItemBackup::~ItemBackup() {
  open_.clear();
  WaitForJobs();
}

Result<ItemResult> ItemBackup::Run() {
  const FindingSink tell = [this](const Finding& finding) {
    if (!FolderAhead::Collects(finding)) TellOfSource(finding);
  };
  ASSIGN_OR_RETURN(contents_, ContentBackup::New(context_, target_, *metadata_sink_, cuts_, chunking_key_));
  ASSIGN_OR_RETURN(auto root_source, source_.OpenRoot(tell));
  auto root = std::make_shared<BackupFolder>(*metadata_sink_, next_cache_);
  root->source = std::move(root_source);
  root->known = KnownFolder::OfRoot(known_);
  auto walked = Walk(root);
  if (walked) walked = SubmitBatch();
  if (!walked) Fail(walked.error());
  batch_.clear();
  open_.clear();
  WaitForJobs();
  for (auto finished : {contents_->Finish(), metadata_sink_->Finish()}) {
    if (!finished) Fail(finished.error());
  }
  RETURN_IF_ERROR(FirstError());
  CHECK(root_.has_value());
  return MakeResult();
}

ItemResult ItemBackup::MakeResult() const {
  ItemResult result;
  result.item.name = source_.name();
  result.item.kind = source_.kind();
  result.item.root = root_->root;
  result.item.paths = source_.paths();
  result.item.chunker = cuts_.of_item;
  result.item.source_parameters = source_.parameters();
  result.item.unread_nodes = unread_;
  result.item.complete = unread_ == 0;
  result.totals = {files_, folders_, others_, bytes_, 0, 0};
  result.files_new = files_new_;
  result.files_changed = files_changed_;
  result.files_unchanged = files_unchanged_;
  result.bytes_read = contents_->bytes_read();
  return result;
}

// --- the walk ---

Result<void> ItemBackup::Walk(const FolderPtr& root) {
  RETURN_IF_ERROR(Push(root, root->source->List()));
  while (!open_.empty()) {
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    RETURN_IF_ERROR(FirstError());
    OpenFolder& top = open_.back();
    if (top.next == top.entries.size()) {
      Pop();
      continue;
    }
    const uint64_t number = top.next++;
    SourceEntry entry = std::move(top.entries[number]);
    RETURN_IF_ERROR(entry.type == NodeType::kFolder ? VisitFolder(top, entry, number)
                                                    : VisitOther(top.folder, std::move(entry), number));
  }
  return {};
}

Result<void> ItemBackup::Push(const FolderPtr& folder, Result<std::vector<SourceEntry>> entries) {
  if (!entries && (entries.error().code() == ErrorCode::kInterrupted || folder->parent() == nullptr ||
                   source_.is_all_or_nothing())) {
    return std::move(entries).error();
  }
  if (!entries) Unread(folder->Path(), entries.error());
  open_.push_back({.folder = folder, .entries = {}, .ahead = {}});
  if (entries) open_.back().entries = *std::move(entries);
  ReadAhead(open_.back());
  return {};
}

void ItemBackup::Pop() {
  const FolderPtr folder = open_.back().folder;
  folder->SetCount(open_.back().next);
  folder->source.reset();  // jobs that still read from it hold it themselves
  FinishFolder(folder);
  open_.pop_back();
}

// The next few, so that the other cores list while this one compares. Where the walk is there is always room for some.
void ItemBackup::ReadAhead(OpenFolder& open) {
  if (open.folder->depth() + 1 >= limits::kFolderDepthMax) return;
  const auto has_room = [&] {
    if (load_ahead_->tasks >= kAheadTasksMax || load_ahead_->entries >= AheadLoad::kEntriesMax) return false;
    return open.ahead.size() < kAheadWhereItIs || (open.ahead.size() < kAheadInFolder && ahead_ < kAheadMax);
  };
  open.next_ahead = std::max(open.next_ahead, open.next);
  if (load_ahead_->entries >= AheadLoad::kEntriesMax) ForgetAheadAbove(open);
  while (open.next_ahead < open.entries.size() && has_room()) {
    const uint64_t number = open.next_ahead++;
    const SourceEntry& entry = open.entries[number];
    if (entry.type != NodeType::kFolder) continue;
    open.ahead.emplace_back(number, std::make_unique<FolderAhead>(context_.executor, context_.clock, load_ahead_,
                                                                  open.folder->source, entry));
    ++ahead_;
  }
}

// Large ones, which may wait until the walk comes back to them, leave no room for those that it comes to now.
void ItemBackup::ForgetAheadAbove(const OpenFolder& open) {
  for (OpenFolder& above : open_) {
    if (&above == &open) continue;
    ahead_ -= above.ahead.size();
    above.ahead.clear();
  }
}

Result<FolderReading> ItemBackup::TakeReading(OpenFolder& open, const SourceEntry& entry, uint64_t number) {
  std::unique_ptr<FolderAhead> ahead;
  if (!open.ahead.empty() && open.ahead.front().first == number) {
    ahead = std::move(open.ahead.front().second);
    open.ahead.erase(open.ahead.begin());
    --ahead_;
  }
  ReadAhead(open);  // before this one is waited for
  auto reading = ahead != nullptr ? ahead->Take() : std::nullopt;
  return reading ? *std::move(reading) : ReadFolder(*open.folder->source, entry);
}

Result<void> ItemBackup::VisitFolder(OpenFolder& open, const SourceEntry& entry, uint64_t number) {
  const FolderPtr parent = open.folder;
  const auto skip = [&](const TreePath& path, const Error& error) -> Result<void> {
    if (EndsBackup(error)) return error;
    Unread(path, error);
    Complete(parent, number, std::nullopt);
    return {};
  };
  if (parent->depth() + 1 >= limits::kFolderDepthMax) {
    return skip(JoinPath(parent->Path(), entry.name),
                MakeError(ErrorCode::kUnsupported, "folders are nested deeper than {}", limits::kFolderDepthMax));
  }
  auto folder = std::make_shared<BackupFolder>(parent, entry, number);
  const TreePath path = folder->Path();
  if (const auto known = parent->known.Find(entry)) folder->known = parent->known.Open(known_, *known, path);
  auto reading = TakeReading(open, entry, number);
  if (!reading) return skip(path, reading.error());
  for (const Finding& finding : reading->findings) TellOfSource(finding);
  ASSIGN_OR_RETURN(Node node, MakeNode(entry, std::move(reading->metadata), path));
  if (const auto fits = CheckNode(node); !fits) return skip(path, Named(path, fits.error()));
  folder->node = std::move(node);
  folder->source = std::move(reading->source);
  context_.progress.SetCurrent(Shown(path).substr(1));
  return Push(folder, std::move(reading->entries));
}

// Anything but a folder.
Result<void> ItemBackup::VisitOther(const FolderPtr& folder, SourceEntry entry, uint64_t number) {
  auto known = folder->known.Find(entry);
  const bool was_known = known.has_value();
  if (known && !options_.force) {
    ASSIGN_OR_RETURN(const bool reuse, known_.CanReuse(*known, entry, target_));
    if (reuse) {
      Reuse(folder, *std::move(known), entry, number);
      return {};
    }
  }
  if (entry.waits_for_rest) {
    RETURN_IF_ERROR(SubmitBatch());
    WaitForJobs();
    RETURN_IF_ERROR(FirstError());
  }
  const uint64_t cost = kEntryCost + std::min<uint64_t>(entry.size, limits::kBlobBytesMax);
  batch_bytes_ += cost;
  const ChangeMark mark = entry.mark;
  std::optional<Content> known_content;
  if (known && options_.force && known->mark == mark) {
    if (auto node = known->ReadNode()) known_content = std::move(node->content);
  }
  batch_.push_back({folder, folder->source, std::move(entry), number, was_known, std::move(known_content), mark});
  return batch_.size() >= kBatchFiles || batch_bytes_ >= kBatchBytes ? SubmitBatch() : Result<void>();
}

void ItemBackup::Reuse(const FolderPtr& folder, CachedEntry known, const SourceEntry& entry, uint64_t number) {
  if (entry.type == NodeType::kFile) {
    ++files_;
    ++files_unchanged_;
    bytes_ += known.node.size;
    context_.progress.bytes_done += known.node.size;
  } else {
    ++others_;
  }
  ++context_.progress.items_done;
  Complete(folder, number, std::move(known));
}

// --- reading, on the workers ---

Result<void> ItemBackup::SubmitBatch() {
  if (batch_.empty()) return {};
  const uint64_t cost = batch_bytes_;
  RETURN_IF_ERROR(queue_.Acquire(cost, context_.stop));
  {
    const std::lock_guard lock(mutex_);
    ++jobs_;
  }
  auto batch = std::make_shared<std::vector<Job>>(std::move(batch_));
  batch_ = {};
  batch_bytes_ = 0;
  context_.executor.Submit([this, batch, cost] {
    RunBatch(*batch);
    batch->clear();  // who waits for the last job may then let the source go
    queue_.Release(cost);
    const std::lock_guard lock(mutex_);
    --jobs_;
    idle_.notify_all();
  });
  return {};
}

void ItemBackup::RunBatch(std::vector<Job>& batch) {
  std::deque<Opened> ahead;  // of the jobs from i on
  for (size_t i = 0; i < batch.size(); ++i) {
    Job& job = batch[i];
    if (context_.stop.stop_requested()) Fail(Error(ErrorCode::kInterrupted, "interrupted"));
    if (!FirstError()) return;
    for (size_t next = i + ahead.size(); next < std::min(i + kOpenAhead, batch.size()); ++next) {
      Opened opened = Open(batch[next]);
      // What has no descriptor now may have one in its turn.
      if (next > i && !opened.file && IsOutOfDescriptors(opened.file.error())) break;
      ahead.push_back(std::move(opened));
    }
    auto node = ReadNode(job, std::move(ahead.front()));
    ahead.pop_front();
    job.source.reset();
    if (!node) {
      Fail(node.error());
      return;
    }
    Complete(job.folder, job.number,
             *node ? std::optional(CachedEntry::Of(**node, job.next_mark)) : std::optional<CachedEntry>());
  }
}

// Metadata is of what has the name, the bytes are of what is open: nothing may come between the two.
ItemBackup::Opened ItemBackup::Open(const Job& job) const {
  const bool may_miss_change = job.entry.mark.MayMissChange(ToWireTime(context_.clock.Now()));
  Result<std::unique_ptr<SourceFile>> file = nullptr;
  if (job.entry.type == NodeType::kFile) file = job.source->OpenFile(job.entry);
  if (!file) return {may_miss_change, std::move(file), SourceMetadata()};
  if (*file != nullptr) (*file)->ReadSoon();
  return {may_miss_change, std::move(file), job.source->ReadMetadata(job.entry)};
}

// Read again because that was asked for, and found as it was.
bool ItemBackup::IsUnchanged(const Job& job, const Node& node) {
  return job.known_content && node.content && *job.known_content == *node.content;
}

// The node; nothing where the entry could not be read (told); an Error where the repository failed.
Result<std::optional<Node>> ItemBackup::ReadNode(Job& job, Opened opened) {
  const TreePath path = JoinPath(job.folder->Path(), job.entry.name);
  const auto skip = [&](const Error& error) -> Result<std::optional<Node>> {
    if (EndsBackup(error)) return error;
    Unread(path, error);
    return std::optional<Node>();
  };
  if (!opened.file) return skip(opened.file.error());
  if (!opened.metadata) return skip(opened.metadata.error());
  const std::unique_ptr<SourceFile> file = *std::move(opened.file);
  ASSIGN_OR_RETURN(Node node, MakeNode(job.entry, *std::move(opened.metadata), path));
  // What no reader would take spoils the directory that it stands in.
  if (const auto fits = CheckNode(node); !fits) return skip(Named(path, fits.error()));
  // Neither this machine's cache nor the tree may say of it next time that it is unchanged.
  if (opened.may_miss_change) node.changed.reset();
  if (!node.changed) job.next_mark = ChangeMark::Never();
  if (file != nullptr) {
    std::optional<Error> unreadable;
    RETURN_IF_ERROR(ReadContent(*file, job.entry, node, unreadable));
    if (unreadable) return skip(*unreadable);
    TellOfFile(job, node, path);
  } else {
    ++others_;
  }
  ++context_.progress.items_done;
  if (context_.progress.on_item && !IsUnchanged(job, node)) {
    context_.progress.on_item(job.was_known ? "changed" : "new", Shown(path));
  }
  return std::optional<Node>(std::move(node));
}

void ItemBackup::TellOfFile(const Job& job, const Node& node, const TreePath& path) {
  ++files_;
  ++(!job.was_known ? files_new_ : IsUnchanged(job, node) ? files_unchanged_ : files_changed_);
  bytes_ += node.size;
  if (!node.changed_while_read) return;
  const std::lock_guard lock(findings_mutex_);
  if (!findings_) return;
  findings_({Finding::Severity::kNote, ErrorCode::kBusy, Shown(path),
             "it changed while it was read; what is kept may mix two states"});
}

// An Error is the repository's; the source's own trouble is `unreadable`.
Result<void> ItemBackup::ReadContent(SourceFile& file, const SourceEntry& entry, Node& node,
                                     std::optional<Error>& unreadable) {
  ASSIGN_OR_RETURN(StoredContent stored, contents_->Store(file, unreadable));
  if (unreadable) return {};
  node.size = stored.bytes;
  node.content = std::move(stored.content);
  node.chunker = stored.chunker;
  node.rows = file.Rows();
  if (entry.stable_mark) {
    auto now = file.Mark();
    node.changed_while_read = !now || *now != entry.mark || node.size != entry.size;
  }
  return {};
}

Result<Node> ItemBackup::MakeNode(const SourceEntry& entry, SourceMetadata metadata, const TreePath& path) {
  Node node;
  node.name = entry.name;
  node.type = entry.type;
  node.mode = entry.mode;
  node.uid = entry.uid;
  node.gid = entry.gid;
  node.user = std::move(metadata.user);
  node.group = std::move(metadata.group);
  node.modified = entry.modified;
  node.changed = metadata.changed;
  node.born = metadata.born;
  node.target = std::move(metadata.target);
  if (entry.type == NodeType::kFile || entry.type == NodeType::kFolder) node.flags = metadata.flags;
  if (entry.type == NodeType::kCharDevice || entry.type == NodeType::kBlockDevice) node.device = entry.device;
  if (entry.linked && entry.type != NodeType::kFolder) {
    WireWriter inode;
    inode.U64(entry.inode);
    const Digest hash = metadata_sink_->MetadataHash("cairn link 1", {inode.bytes(), entry.mount_path});
    std::array<uint8_t, 8> group{};
    std::copy_n(hash.bytes().begin(), group.size(), group.begin());
    node.link_group = group;
  }
  ASSIGN_OR_RETURN(const bool all, StoreAttributes(metadata, node, path));
  if (!all || !metadata.complete) node.changed.reset();  // so that the next backup reads it again
  return node;
}

Result<bool> ItemBackup::StoreAttributes(const SourceMetadata& metadata, Node& node, const TreePath& path) {
  bool all = true;
  const SinkPool::Loan sink(contents_->sinks());
  for (const auto& [name, value] : metadata.attributes) {
    Attribute attribute;
    attribute.name = name;
    const bool acl = AsText(name) == "system.posix_acl_access" || AsText(name) == "system.posix_acl_default";
    if (value.empty() || (acl && value.size() <= limits::kAclInlineBytesMax)) {
      attribute.value = value;
    } else if (value.size() > limits::kAttributeBytesMax) {
      Unread(path, MakeError(ErrorCode::kUnsupported, "extended attribute {} has {} bytes, more than {}",
                             PathForPeople(name), value.size(), limits::kAttributeBytesMax));
      all = false;
      continue;
    } else {
      ASSIGN_OR_RETURN(const BlobWriter::Added added, sink->Add(BlobKind::kData, value));
      attribute.blob = BlobReference{added.id, static_cast<uint32_t>(value.size())};
    }
    node.attributes.push_back(std::move(attribute));
  }
  return all;
}

// --- folders come together ---

void ItemBackup::Complete(const FolderPtr& folder, uint64_t number, std::optional<CachedEntry> done) {
  auto completed = folder->Complete(number, std::move(done));
  if (!completed) {
    Fail(completed.error());
    return;
  }
  FinishFolder(folder);
}

// Closes a folder when its last entry is in, and then, it may be, the folders above it.
void ItemBackup::FinishFolder(const FolderPtr& first) {
  for (FolderPtr folder = first;; folder = folder->parent()) {
    auto subtree = folder->TakeSubtree();
    if (!subtree) Fail(subtree.error());
    if (!subtree || !*subtree) return;
    if (folder->parent() == nullptr) {
      const std::lock_guard lock(mutex_);
      root_ = **subtree;
      return;
    }
    ++folders_;
    ++context_.progress.items_done;
    auto completed = folder->CompleteInParent(**subtree);
    if (!completed) {
      Fail(completed.error());
      return;
    }
  }
}

// --- threads ---

bool ItemBackup::EndsBackup(const Error& error) const {
  return error.code() == ErrorCode::kInterrupted || source_.is_all_or_nothing();
}

// A warning has the path beside it, the end of a backup has not.
Error ItemBackup::Named(const TreePath& path, const Error& error) const {
  return source_.is_all_or_nothing() ? Error(error).While("the entry " + Shown(path)) : error;
}

void ItemBackup::Unread(const TreePath& path, const Error& error) {
  Tell({Finding::Severity::kWarning, error.code(), Shown(path), error.message()});
}

// A source of files or of a stream tells of paths of the item; another's words are its own.
void ItemBackup::TellOfSource(Finding finding) {
  const bool is_path = source_.kind() == ItemKind::kFiles || source_.kind() == ItemKind::kStream;
  if (is_path && !options_.place.empty() && finding.object.starts_with('/')) {
    finding.object = "/" + PathForPeople(options_.place) + finding.object;
  }
  Tell(finding);
}

std::string ItemBackup::Shown(const TreePath& path) const {
  if (path.empty()) return "/" + PathForPeople(options_.place);
  return "/" + PathForPeople(JoinPath(options_.place, path));
}

void ItemBackup::Tell(const Finding& finding) {
  const std::lock_guard lock(findings_mutex_);
  if (finding.severity != Finding::Severity::kNote) {  // a socket that is passed over is no loss
    ++unread_;
    ++context_.progress.errors;
  }
  if (findings_) findings_(finding);
}

void ItemBackup::Fail(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = error;
}

Result<void> ItemBackup::FirstError() {
  const std::lock_guard lock(mutex_);
  if (error_) return *error_;
  return {};
}

void ItemBackup::WaitForJobs() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [&] { return jobs_ == 0; });
}

}  // namespace cairn
