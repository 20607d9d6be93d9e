#include "engine/jobs/item_backup.h"

#include <algorithm>
#include <deque>

#include "chunker/gear_table.h"
#include "chunker/stream_chunker.h"
#include "engine/crypto/hash.h"
#include "engine/tree/list_builder.h"
#include "engine/tree/list_reader.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

constexpr uint64_t kBatchFiles = 64;
constexpr uint64_t kBatchBytes = 4 * kMiB;
constexpr uint64_t kEntryCost = 2 * kKiB;  // of a queued file in memory, about
constexpr size_t kReadBytes = 256 * kKiB;
constexpr uint32_t kListAverage = 128;

Result<Content> ContentOf(const Node& node) {
  if (node.content) return *node.content;
  return Corrupt("file {} has no content", PathForPeople(node.name));
}

}  // namespace

Bytes GearMaterial(ByteSpan chunking_key) {
  Bytes material;
  for (uint32_t i = 0; i < 64; ++i) {
    WireWriter counter;
    counter.U32(i);
    Append(material, HmacSha256(chunking_key, {AsBytes("cairn gear 1"), counter.bytes()}).bytes());
  }
  return material;
}

// One thread's tools, kept from batch to batch: the open frame goes on across them.
struct ItemBackup::Worker {
  Worker(std::unique_ptr<AddingSink> sink_in, std::unique_ptr<chunker::StreamChunker> chunker_in)
      : sink(std::move(sink_in)), chunker(std::move(chunker_in)) {}
  std::unique_ptr<AddingSink> sink;
  std::unique_ptr<chunker::StreamChunker> chunker;
  Bytes buffer = Bytes(kReadBytes);
};

// A folder between its listing and its tree: nodes complete on any thread, and are fed to the builder in order.
namespace {

chunker::ChunkerParams ParamsOf(const ChunkerSettings& settings) {
  return {static_cast<chunker::ChunkerKind>(settings.chunker), settings.size_min, settings.size_average,
          settings.size_max};
}

// The config may be of a program that cuts otherwise.
Result<void> CheckChunker(const chunker::ChunkerParams& params) {
  const auto problem = params.Problem();
  if (!problem) return {};
  const ErrorCode code = params.IsUnsupported() ? ErrorCode::kUnsupported : ErrorCode::kCorrupt;
  return MakeError(code, "the config's chunker cannot be used: {}", *problem);
}

}  // namespace

struct ItemBackup::Folder {
  // Names of thousands of folders, each in those around it, would otherwise be kept as often as they are deep.
  static constexpr size_t kPathBytesKept = 4 * kKiB;

  TreePath Path() const {
    if (is_path_kept) return path;
    std::vector<const Folder*> way;
    const Folder* above = this;
    for (; !above->is_path_kept; above = above->parent.get()) way.push_back(above);
    TreePath full = above->path;
    for (auto folder = way.rbegin(); folder != way.rend(); ++folder) {
      full.push_back('/');
      Append(full, (*folder)->path);
    }
    return full;
  }
  void SetPath(const Bytes& name) {
    is_path_kept = parent->is_path_kept && parent->path.size() + name.size() < kPathBytesKept;
    path = is_path_kept ? JoinPath(parent->path, name) : name;
  }

  std::shared_ptr<Folder> parent;
  bool is_path_kept = true;
  TreePath path;  // or, where it is not kept, the name alone
  uint64_t number_in_parent = 0;
  std::shared_ptr<SourceFolder> source;
  std::optional<Node> node;  // without its subtree; nothing for the root
  ChangeMark mark;
  unsigned depth = 0;

  FileCacheReader::Folder cached;
  std::unique_ptr<DirectoryCursor> parent_tree;
  const Node* parent_next = nullptr;
  bool parent_started = false;

  std::mutex mutex;
  // Guarded by mutex: what is complete and waits for an earlier entry; first is the number of the front.
  struct Slot {
    bool complete = false;
    std::optional<Node> node;
    ChangeMark mark;
  };
  std::deque<Slot> waiting;
  uint64_t first = 0;
  std::optional<uint64_t> count;  // known when the walk has left the folder
  std::unique_ptr<DirectoryBuilder> builder;
  FileCacheWriter::Folder next_cache;
  bool finished = false;
};

struct ItemBackup::Job {
  std::shared_ptr<Folder> folder;
  std::shared_ptr<SourceFolder> source;  // lives until its files are read, though the walk may have left the folder
  SourceEntry entry;
  uint64_t number = 0;
  bool was_known = false;
  std::optional<Content> known_content;  // of an entry that looks unchanged, and is read all the same
  ChangeMark next_mark;                  // what the next backup compares with
};

ItemBackup::ItemBackup(const JobContext& context, BlobTarget& target, Source& source, const ChunkerSettings& chunker,
                       ByteSpan chunking_key, const KnownEntries& known, FileCacheWriter* next_cache, bool force,
                       FindingSink findings)
    : context_(context),
      target_(target),
      source_(source),
      chunker_(chunker),
      gear_material_(GearMaterial(chunking_key)),
      known_(known),
      next_cache_(next_cache),
      force_(force),
      findings_(std::move(findings)),
      metadata_sink_(target.NewSink(context.limits.frame_bytes_metadata)),
      queue_(context.limits.memory_bytes / 8) {}

ItemBackup::~ItemBackup() { WaitForJobs(); }

Result<ItemResult> ItemBackup::Run() {
  const FindingSink tell = [this](const Finding& finding) {
    const std::lock_guard lock(findings_mutex_);
    if (finding.severity != Finding::Severity::kNote) {  // a socket that is passed over is no loss
      ++unread_;
      ++context_.progress.errors;
    }
    if (findings_) findings_(finding);
  };
  RETURN_IF_ERROR(CheckChunker(ParamsOf(chunker_)));
  ASSIGN_OR_RETURN(auto root_source, source_.OpenRoot(tell));
  auto root = std::make_shared<Folder>();
  root->source = std::move(root_source);
  root->builder = std::make_unique<DirectoryBuilder>(*metadata_sink_);
  if (known_.cache != nullptr) root->cached = known_.cache->OpenFolder({});
  if (known_.blobs != nullptr && known_.parent_root) {
    root->parent_tree = std::make_unique<DirectoryCursor>(*known_.blobs, *known_.parent_root);
  }
  auto walked = Walk(root);
  if (walked) walked = SubmitBatch();
  if (!walked) Fail(walked.error());
  batch_.clear();
  WaitForJobs();
  for (auto& worker : workers_) {
    auto finished = worker->sink->Finish();
    if (!finished) Fail(finished.error());
  }
  auto finished = metadata_sink_->Finish();
  if (!finished) Fail(finished.error());
  RETURN_IF_ERROR(FirstError());
  CHECK(root_.has_value());

  ItemResult result;
  result.item.name = source_.name();
  result.item.kind = source_.kind();
  result.item.root = root_->root;
  result.item.paths = source_.paths();
  result.item.chunker = chunker_;
  result.item.source_parameters = source_.parameters();
  result.item.unread_nodes = unread_;
  result.item.complete = unread_ == 0;
  result.totals = {files_, folders_, others_, bytes_, 0, 0};
  result.files_new = files_new_;
  result.files_changed = files_changed_;
  result.files_unchanged = files_unchanged_;
  result.bytes_read = bytes_read_;
  return result;
}

// --- the walk ---

struct ItemBackup::OpenFolder {
  std::shared_ptr<Folder> folder;
  std::vector<SourceEntry> entries;
  uint64_t next = 0;
};

Result<void> ItemBackup::Walk(const std::shared_ptr<Folder>& root) {
  std::vector<OpenFolder> open;
  const auto enter = [&](const std::shared_ptr<Folder>& folder) -> Result<void> {
    ASSIGN_OR_RETURN(auto entries, List(*folder));
    open.push_back({folder, std::move(entries)});
    return {};
  };
  RETURN_IF_ERROR(enter(root));
  while (!open.empty()) {
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    RETURN_IF_ERROR(FirstError());
    OpenFolder& top = open.back();
    if (top.next == top.entries.size()) {
      RETURN_IF_ERROR(LeaveFolder(top.folder, top.next));
      open.pop_back();
      continue;
    }
    const uint64_t number = top.next++;
    ASSIGN_OR_RETURN(const auto inner, VisitEntry(top.folder, std::move(top.entries[number]), number));
    if (inner != nullptr) RETURN_IF_ERROR(enter(inner));
  }
  return {};
}

Result<std::vector<SourceEntry>> ItemBackup::List(const Folder& folder) {
  auto listed = folder.source->List();
  if (listed || listed.error().code() == ErrorCode::kInterrupted || folder.parent == nullptr) return listed;
  Unread(folder.Path(), listed.error());
  return std::vector<SourceEntry>();
}

Result<void> ItemBackup::LeaveFolder(const std::shared_ptr<Folder>& folder, uint64_t count) {
  {
    const std::lock_guard lock(folder->mutex);
    folder->count = count;
  }
  folder->source.reset();  // jobs that still read from it hold it themselves
  RETURN_IF_ERROR(Feed(*folder));
  FinishFolder(folder);
  return {};
}

Result<std::shared_ptr<ItemBackup::Folder>> ItemBackup::VisitEntry(const std::shared_ptr<Folder>& folder,
                                                                   SourceEntry entry, uint64_t number) {
  if (entry.type == NodeType::kFolder) {
    if (folder->depth + 1 < limits::kFolderDepthMax) return EnterFolder(folder, std::move(entry), number);
    Unread(JoinPath(folder->Path(), entry.name),
           MakeError(ErrorCode::kUnsupported, "folders are nested deeper than {}", limits::kFolderDepthMax));
    Complete(folder, number, std::nullopt, entry.mark);
    return std::shared_ptr<Folder>();
  }
  auto known = FindKnown(*folder, entry);
  const bool was_known = known.has_value();
  if (known && !force_) {
    ASSIGN_OR_RETURN(const bool reuse, CanReuse(*known, entry));
    if (reuse) {
      if (entry.type == NodeType::kFile) {
        ++files_;
        ++files_unchanged_;
        bytes_ += known->node.size;
        context_.progress.bytes_done += known->node.size;
      } else {
        ++others_;
      }
      ++context_.progress.items_done;
      Complete(folder, number, std::move(known->node), entry.mark);
      return std::shared_ptr<Folder>();
    }
  }
  const uint64_t cost = kEntryCost + std::min<uint64_t>(entry.size, limits::kBlobBytesMax);
  batch_bytes_ += cost;
  const ChangeMark mark = entry.mark;
  std::optional<Content> known_content;
  if (known && force_ && known->mark == mark) known_content = std::move(known->node.content);
  batch_.push_back({folder, folder->source, std::move(entry), number, was_known, std::move(known_content), mark});
  if (batch_.size() >= kBatchFiles || batch_bytes_ >= kBatchBytes) RETURN_IF_ERROR(SubmitBatch());
  return std::shared_ptr<Folder>();
}

Result<std::shared_ptr<ItemBackup::Folder>> ItemBackup::EnterFolder(const std::shared_ptr<Folder>& parent,
                                                                    SourceEntry entry, uint64_t number) {
  auto folder = std::make_shared<Folder>();
  folder->parent = parent;
  folder->SetPath(entry.name);
  const TreePath path = folder->Path();
  folder->number_in_parent = number;
  folder->mark = entry.mark;
  folder->depth = parent->depth + 1;
  folder->next_cache = FileCacheWriter::Folder(path);
  auto known = FindKnown(*parent, entry);
  if (known && known->node.type == NodeType::kFolder) {
    if (known_.cache != nullptr) {
      folder->cached = known_.cache->OpenFolder(path);
    } else if (known_.blobs != nullptr && known->node.subtree) {
      folder->parent_tree = std::make_unique<DirectoryCursor>(*known_.blobs, known->node.subtree->root);
    }
  }
  const auto skip = [&](const Error& error) -> Result<std::shared_ptr<Folder>> {
    if (error.code() == ErrorCode::kInterrupted) return error;
    Unread(path, error);
    Complete(parent, number, std::nullopt, entry.mark);
    return std::shared_ptr<Folder>();
  };
  auto source = parent->source->OpenFolder(entry);
  if (!source) return skip(source.error());
  auto metadata = parent->source->ReadMetadata(entry);
  if (!metadata) return skip(metadata.error());
  auto worker = TakeWorker();
  auto node = MakeNode(*worker, entry, *std::move(metadata), path);
  ReturnWorker(std::move(worker));
  RETURN_IF_ERROR(node);
  folder->node = *std::move(node);
  folder->source = *std::move(source);
  folder->builder = std::make_unique<DirectoryBuilder>(*metadata_sink_);
  context_.progress.SetCurrent(PathForPeople(path));
  return folder;
}

// --- what is known already ---

std::optional<CachedEntry> ItemBackup::FindKnown(Folder& folder, const SourceEntry& entry) {
  if (known_.cache != nullptr) return folder.cached.Find(entry.name);
  if (folder.parent_tree == nullptr) return std::nullopt;
  const auto before = [](const Bytes& a, const Bytes& b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
  };
  while (!folder.parent_started || (folder.parent_next != nullptr && before(folder.parent_next->name, entry.name))) {
    folder.parent_started = true;
    auto next = folder.parent_tree->Next();
    if (!next) {  // a damaged parent costs reading the files again, no more: check tells of it
      folder.parent_tree.reset();
      folder.parent_next = nullptr;
      return std::nullopt;
    }
    folder.parent_next = *next;
    if (folder.parent_next == nullptr) break;
  }
  if (folder.parent_next == nullptr || folder.parent_next->name != entry.name) return std::nullopt;
  CachedEntry known;
  known.node = *folder.parent_next;
  // The tree keeps no inode: size, modification and status change must do. Where the last was left out (ReadNode), none
  // of them would tell of a change.
  known.mark = ChangeMark::Never();
  if (known.node.changed) {
    known.mark = {known.node.size, known.node.modified, *known.node.changed, entry.mark.inode};
  }
  return known;
}

Result<bool> ItemBackup::CanReuse(const CachedEntry& known, const SourceEntry& entry) {
  if (!entry.stable_mark || known.mark != entry.mark || known.node.type != entry.type) return false;
  if (known.node.changed_while_read) return false;
  if (known_.cache != nullptr && known_.cache_is_trusted) return true;
  if (entry.type == NodeType::kFile) {
    ASSIGN_OR_RETURN(const Content content, ContentOf(known.node));
    ASSIGN_OR_RETURN(const bool all, KnowsContent(content));
    if (!all) return false;
  }
  for (const Attribute& attribute : known.node.attributes) {
    if (!attribute.blob) continue;
    ASSIGN_OR_RETURN(const bool there, target_.Knows(attribute.blob->id));
    if (!there) return false;
  }
  return true;
}

// Are all blobs of this content there? Lists that this role cannot read are answered with no: the file is read again.
Result<bool> ItemBackup::KnowsContent(const Content& content) {
  if (content.depth > 0 && known_.blobs == nullptr) return false;
  bool all = true;
  const auto each = [&](uint64_t, const ListEntry& entry) -> Result<void> {
    if (!all || entry.type == ListEntry::Type::kHole) return {};
    ASSIGN_OR_RETURN(all, target_.Knows(entry.id));
    return {};
  };
  if (content.depth == 0) {
    for (const ListEntry& entry : content.entries) RETURN_IF_ERROR(each(0, entry));
    return all;
  }
  auto lists = ForEachListBlob(*known_.blobs, content, [&](const BlobId& id) -> Result<bool> {
    if (all) {
      ASSIGN_OR_RETURN(all, target_.Knows(id));
    }
    return all;
  });
  if (!lists || !all) return false;
  if (!ForEachEntry(*known_.blobs, content, 0, UINT64_MAX, each)) return false;
  return all;
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
    for (Job& job : *batch) {
      if (context_.stop.stop_requested()) Fail(Error(ErrorCode::kInterrupted, "interrupted"));
      if (!FirstError()) break;
      auto worker = TakeWorker();
      auto node = ReadNode(*worker, job);
      ReturnWorker(std::move(worker));
      job.source.reset();
      if (!node) {
        Fail(node.error());
        break;
      }
      Complete(job.folder, job.number, *std::move(node), job.next_mark);
    }
    queue_.Release(cost);
    const std::lock_guard lock(mutex_);
    --jobs_;
    idle_.notify_all();
  });
  return {};
}

// Read again because that was asked for, and found as it was.
bool ItemBackup::IsUnchanged(const Job& job, const Node& node) {
  return job.known_content && node.content && *job.known_content == *node.content;
}

// The node; nothing where the entry could not be read (told); an Error where the repository failed.
Result<std::optional<Node>> ItemBackup::ReadNode(Worker& worker, Job& job) {
  const TreePath path = JoinPath(job.folder->Path(), job.entry.name);
  const bool may_miss_change = job.entry.mark.MayMissChange(ToWireTime(context_.clock.Now()));
  const auto skip = [&](const Error& error) -> Result<std::optional<Node>> {
    if (error.code() == ErrorCode::kInterrupted) return error;
    Unread(path, error);
    return std::optional<Node>();
  };
  std::unique_ptr<SourceFile> file;
  if (job.entry.type == NodeType::kFile) {
    auto opened = job.source->OpenFile(job.entry);
    if (!opened) return skip(opened.error());
    file = *std::move(opened);
  }
  auto metadata = job.source->ReadMetadata(job.entry);
  if (!metadata) return skip(metadata.error());
  ASSIGN_OR_RETURN(Node node, MakeNode(worker, job.entry, *std::move(metadata), path));
  // Neither this machine's cache nor the tree may say of it next time that it is unchanged.
  if (may_miss_change) node.changed.reset();
  if (!node.changed) job.next_mark = ChangeMark::Never();
  if (file != nullptr) {
    std::optional<Error> unreadable;
    RETURN_IF_ERROR(ReadContent(worker, *file, job.entry, node, unreadable));
    if (unreadable) return skip(*unreadable);
    ++files_;
    ++(!job.was_known ? files_new_ : IsUnchanged(job, node) ? files_unchanged_ : files_changed_);
    bytes_ += node.size;
    if (node.changed_while_read) {
      const std::lock_guard lock(findings_mutex_);
      if (findings_) {
        findings_({Finding::Severity::kNote, ErrorCode::kBusy, "/" + PathForPeople(path),
                   "it changed while it was read; what is kept may mix two states"});
      }
    }
  } else {
    ++others_;
  }
  ++context_.progress.items_done;
  if (context_.progress.on_item && !IsUnchanged(job, node)) {
    context_.progress.on_item(job.was_known ? "changed" : "new", "/" + PathForPeople(path));
  }
  return std::optional<Node>(std::move(node));
}

// An Error is the repository's; the source's own trouble is `unreadable`.
Result<void> ItemBackup::ReadContent(Worker& worker, SourceFile& file, const SourceEntry& entry, Node& node,
                                     std::optional<Error>& unreadable) {
  ListBuilder list(*metadata_sink_, kListAverage);
  for (;;) {
    auto extent = file.NextExtent();
    if (!extent) {
      unreadable = std::move(extent).error();
      return {};
    }
    if (extent->length == 0) break;
    if (extent->hole) {
      RETURN_IF_ERROR(list.AddHole(extent->length));
      continue;
    }
    RETURN_IF_ERROR(ReadExtent(worker, file, list, unreadable));
    if (unreadable) return {};
  }
  node.size = list.bytes();
  ASSIGN_OR_RETURN(node.content, list.Finish());
  if (entry.stable_mark) {
    auto now = file.Mark();
    node.changed_while_read = !now || *now != entry.mark || node.size != entry.size;
  }
  return {};
}

Result<void> ItemBackup::ReadExtent(Worker& worker, SourceFile& file, ListBuilder& list,
                                    std::optional<Error>& unreadable) {
  const auto store = [&](ByteSpan chunk) -> Result<void> {
    ASSIGN_OR_RETURN(const BlobWriter::Added added, worker.sink->Add(BlobKind::kData, chunk));
    return list.AddBlob(added.id, static_cast<uint32_t>(chunk.size()));
  };
  worker.chunker->Reset();
  for (;;) {
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    auto got = file.Read(worker.buffer);
    if (!got) {
      unreadable = std::move(got).error();
      return {};
    }
    bytes_read_ += *got;
    context_.progress.bytes_done += *got;
    if (*got == 0) break;
    worker.chunker->Append(ByteSpan(worker.buffer).first(*got));
    while (const auto chunk = worker.chunker->Next()) RETURN_IF_ERROR(store(*chunk));
  }
  worker.chunker->Finish();
  while (const auto chunk = worker.chunker->Next()) RETURN_IF_ERROR(store(*chunk));
  return {};
}

Result<Node> ItemBackup::MakeNode(Worker& worker, const SourceEntry& entry, SourceMetadata metadata,
                                  const TreePath& path) {
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
  ASSIGN_OR_RETURN(const bool all, StoreAttributes(worker, metadata, node, path));
  if (!all || !metadata.complete) node.changed.reset();  // so that the next backup reads it again
  return node;
}

Result<bool> ItemBackup::StoreAttributes(Worker& worker, const SourceMetadata& metadata, Node& node,
                                         const TreePath& path) {
  bool all = true;
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
      ASSIGN_OR_RETURN(const BlobWriter::Added added, worker.sink->Add(BlobKind::kData, value));
      attribute.blob = BlobReference{added.id, static_cast<uint32_t>(value.size())};
    }
    node.attributes.push_back(std::move(attribute));
  }
  return all;
}

// --- folders come together ---

void ItemBackup::Complete(const std::shared_ptr<Folder>& folder, uint64_t number, std::optional<Node> node,
                          const ChangeMark& mark) {
  {
    const std::lock_guard lock(folder->mutex);
    const uint64_t place = number - folder->first;
    if (folder->waiting.size() <= place) folder->waiting.resize(place + 1);
    folder->waiting[place] = {true, std::move(node), mark};
  }
  auto fed = Feed(*folder);
  if (!fed) {
    Fail(fed.error());
    return;
  }
  FinishFolder(folder);
}

// Gives the builder what is complete, in order.
Result<void> ItemBackup::Feed(Folder& folder) {
  const std::lock_guard lock(folder.mutex);
  while (!folder.waiting.empty() && folder.waiting.front().complete) {
    Folder::Slot slot = std::move(folder.waiting.front());
    folder.waiting.pop_front();
    ++folder.first;
    if (!slot.node) continue;
    if (next_cache_ != nullptr) {
      folder.next_cache.Add(slot.mark, *slot.node);
      next_cache_->Take(folder.next_cache, false);
    }
    RETURN_IF_ERROR(folder.builder->Add(*std::move(slot.node)));
  }
  return {};
}

// Closes a folder when its last entry is in, and then, it may be, the folders above it.
void ItemBackup::FinishFolder(const std::shared_ptr<Folder>& first) {
  for (std::shared_ptr<Folder> folder = first; folder != nullptr;) {
    {
      const std::lock_guard lock(folder->mutex);
      if (folder->finished || !folder->count || folder->first != *folder->count) return;
      folder->finished = true;
    }
    auto subtree = folder->builder->Finish();
    if (!subtree) {
      Fail(subtree.error());
      return;
    }
    folder->builder.reset();
    if (next_cache_ != nullptr) next_cache_->Take(folder->next_cache, true);
    if (folder->parent == nullptr) {
      const std::lock_guard lock(mutex_);
      root_ = *subtree;
      return;
    }
    ++folders_;
    ++context_.progress.items_done;
    folder->node->subtree = *subtree;
    const std::shared_ptr<Folder> parent = folder->parent;
    {
      const std::lock_guard lock(parent->mutex);
      const uint64_t place = folder->number_in_parent - parent->first;
      if (parent->waiting.size() <= place) parent->waiting.resize(place + 1);
      parent->waiting[place] = {true, std::move(folder->node), folder->mark};
    }
    auto fed = Feed(*parent);
    if (!fed) {
      Fail(fed.error());
      return;
    }
    folder = parent;
  }
}

// --- threads ---

std::unique_ptr<ItemBackup::Worker> ItemBackup::TakeWorker() {
  {
    const std::lock_guard lock(mutex_);
    if (!workers_.empty()) {
      auto worker = std::move(workers_.back());
      workers_.pop_back();
      return worker;
    }
  }
  const auto table =
      chunker::GearTable::FromMaterial(std::span<const uint8_t, chunker::GearTable::kMaterialSize>(gear_material_));
  const uint64_t frame_bytes =
      source_.chunking() == SourceKind::kRows ? context_.limits.frame_bytes_rows : context_.limits.frame_bytes_files;
  return std::make_unique<Worker>(target_.NewSink(frame_bytes),
                                  std::make_unique<chunker::StreamChunker>(ParamsOf(chunker_), table));
}

void ItemBackup::ReturnWorker(std::unique_ptr<Worker> worker) {
  const std::lock_guard lock(mutex_);
  workers_.push_back(std::move(worker));
}

void ItemBackup::Unread(const TreePath& path, const Error& error) {
  ++unread_;
  ++context_.progress.errors;
  const std::lock_guard lock(findings_mutex_);
  if (findings_) findings_({Finding::Severity::kWarning, error.code(), "/" + PathForPeople(path), error.message()});
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
