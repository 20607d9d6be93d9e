#include "tests/support/crashable_file_system.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "repo-format/base/check.h"

namespace cairn {
namespace {

std::vector<std::string> PartsOf(const std::string& path) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    std::string part = path.substr(begin, end - begin);
    CHECK(part != "..");
    if (!part.empty() && part != ".") parts.push_back(std::move(part));
    begin = end + 1;
  }
  return parts;
}

std::string Joined(std::string_view verb, const std::string& path) { return fmt::format("{} {}", verb, path); }

}  // namespace

class CrashableFileSystem::Lock final : public FileLock {
 public:
  Lock(CrashableFileSystem& files, NodeRef node, uint64_t crashes)
      : files_(files), node_(std::move(node)), crashes_(crashes) {}
  ~Lock() override { files_.Unlock(node_.get(), crashes_); }

 private:
  CrashableFileSystem& files_;
  const NodeRef node_;
  const uint64_t crashes_;
};

class CrashableFileSystem::Nameless final : public NamelessFile {
 public:
  Nameless(CrashableFileSystem& files, uint64_t crashes)
      : files_(files), node_(std::make_shared<Node>()), crashes_(crashes) {
    node_->modified = files.clock_.Now();
  }
  ~Nameless() override {
    const std::lock_guard lock(files_.mutex_);
    ForgetBytes();
  }

  Result<void> Append(ByteSpan bytes) override {
    const std::lock_guard lock(files_.mutex_);
    RETURN_IF_ERROR(CheckHere());
    RETURN_IF_ERROR(files_.AppendBytes(*node_, bytes, "a file without a name"));
    node_->synced = false;
    if (!is_named_) files_.nameless_bytes_ += bytes.size();
    return {};
  }

  Result<void> WriteStart(ByteSpan bytes) override {
    const std::lock_guard lock(files_.mutex_);
    RETURN_IF_ERROR(CheckHere());
    RETURN_IF_ERROR(files_.Step("writing a file without a name"));
    CHECK(bytes.size() <= node_->bytes.size());
    node_->synced = false;
    std::copy(bytes.begin(), bytes.end(), node_->bytes.begin());
    return {};
  }

  Result<void> Read(uint64_t offset, MutableByteSpan target) override {
    const std::lock_guard lock(files_.mutex_);
    RETURN_IF_ERROR(CheckHere());
    const ByteSpan bytes = node_->bytes;
    if (offset > bytes.size() || target.size() > bytes.size() - offset) {
      return Error(ErrorCode::kIo, "a file without a name ended");
    }
    const ByteSpan range = bytes.subspan(offset, target.size());
    std::copy(range.begin(), range.end(), target.begin());
    return {};
  }

  Result<void> GiveName(const std::string& path) override {
    const std::lock_guard lock(files_.mutex_);
    RETURN_IF_ERROR(CheckHere());
    ASSIGN_OR_RETURN(const Place place, files_.FindPlace(path, "creating"));
    if (place.node != nullptr) return ErrnoError(EEXIST, "creating " + path);
    if (is_named_ || !files_.nameless_may_be_named_) return ErrnoError(ENOENT, "creating " + path);
    RETURN_IF_ERROR(files_.SetName(place, node_, "creating " + path));
    ForgetBytes();
    is_named_ = true;
    return {};
  }

  Result<void> Sync() override {
    const std::lock_guard lock(files_.mutex_);
    RETURN_IF_ERROR(CheckHere());
    RETURN_IF_ERROR(files_.Step("syncing a file"));
    node_->synced = true;
    return {};
  }

 private:
  Result<void> CheckHere() const {
    RETURN_IF_ERROR(files_.CheckPower());
    if (crashes_ != files_.crashes_) return Error(ErrorCode::kIo, "a file of before the crash, says the test");
    return {};
  }
  void ForgetBytes() {
    if (!is_named_ && crashes_ == files_.crashes_) files_.nameless_bytes_ -= node_->bytes.size();
  }

  CrashableFileSystem& files_;
  const NodeRef node_;
  const uint64_t crashes_;
  bool is_named_ = false;
};

CrashableFileSystem::CrashableFileSystem(uint64_t seed, const Clock& clock)
    : clock_(clock), random_(seed), root_(std::make_shared<Node>()) {
  root_->is_folder = true;
}

CrashableFileSystem::~CrashableFileSystem() = default;

uint64_t CrashableFileSystem::steps() const {
  const std::lock_guard lock(mutex_);
  return steps_;
}

void CrashableFileSystem::CrashAfter(uint64_t steps) {
  const std::lock_guard lock(mutex_);
  off_at_ = steps_ + steps;
}

bool CrashableFileSystem::is_off() const {
  const std::lock_guard lock(mutex_);
  return off_;
}

void CrashableFileSystem::FailStep(uint64_t n, Error error) {
  const std::lock_guard lock(mutex_);
  fail_at_.emplace(steps_ + n, std::move(error));
}

void CrashableFileSystem::SetCapacity(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

void CrashableFileSystem::SetReadOnly(bool read_only) {
  const std::lock_guard lock(mutex_);
  read_only_ = read_only;
}

void CrashableFileSystem::SetNameless(bool are_known, bool may_be_named) {
  const std::lock_guard lock(mutex_);
  nameless_are_known_ = are_known;
  nameless_may_be_named_ = may_be_named;
}

void CrashableFileSystem::Crash(Outcome outcome) {
  const std::lock_guard lock(mutex_);
  Settle(*root_, outcome);
  off_ = false;
  off_at_.reset();
  fail_at_.reset();
  locked_.clear();
  nameless_bytes_ = 0;
  ++crashes_;
}

// Decides what a crash has left of this node and of everything below it.
void CrashableFileSystem::Settle(Node& node, Outcome outcome) {
  if (!node.is_folder && !node.synced) {
    if (outcome == Outcome::kLoseAll) node.bytes.clear();
    if (outcome == Outcome::kRandom) Tear(node.bytes);
    node.synced = true;
  }
  for (auto it = node.names.begin(); it != node.names.end();) {
    History& history = it->second;
    size_t chosen = 0;
    if (outcome == Outcome::kKeepAll) chosen = history.size() - 1;
    if (outcome == Outcome::kRandom) chosen = random_.Below(history.size());
    const NodeRef left = history[chosen];
    if (left != nullptr) Settle(*left, outcome);
    history = {left};
    it = left == nullptr ? node.names.erase(it) : std::next(it);
  }
}

void CrashableFileSystem::Tear(Bytes& bytes) {
  if (random_.Below(3) == 0) return;  // all of it was written, by chance
  const size_t size = bytes.size();
  const size_t good = random_.Below(size + 1);
  bytes.resize(good);
  if (random_.Below(2) == 0) return;  // cut off; or the size was written, and the bytes were not
  bytes.resize(size);
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(good), bytes.end(), uint8_t{0});
}

Result<void> CrashableFileSystem::CheckPower() const {
  if (off_) return Error(ErrorCode::kIo, "the power is off, says the test");
  return {};
}

Result<void> CrashableFileSystem::Step(const std::string& what) {
  if (read_only_) return ErrnoError(EROFS, what);
  off_ = off_ || steps_ == off_at_;
  RETURN_IF_ERROR(CheckPower());
  ++steps_;
  if (!fail_at_ || fail_at_->first != steps_) return {};
  return Error(fail_at_->second).While(what);
}

Result<CrashableFileSystem::NodeRef> CrashableFileSystem::Find(const std::string& path, std::string_view verb) const {
  RETURN_IF_ERROR(CheckPower());
  NodeRef node = root_;
  for (const std::string& part : PartsOf(path)) {
    if (!node->is_folder) return ErrnoError(ENOTDIR, Joined(verb, path));
    const auto found = node->names.find(part);
    if (found == node->names.end() || found->second.back() == nullptr) return ErrnoError(ENOENT, Joined(verb, path));
    node = found->second.back();
  }
  return node;
}

Result<CrashableFileSystem::Place> CrashableFileSystem::FindPlace(const std::string& path,
                                                                  std::string_view verb) const {
  const auto parts = PartsOf(path);
  if (parts.empty()) return ErrnoError(EBUSY, Joined(verb, path));  // the root
  std::string above;
  for (size_t i = 0; i + 1 < parts.size(); ++i) above += "/" + parts[i];
  auto folder = Find(above, verb);
  if (!folder) return MakeError(folder.error().code(), "{}: {}", Joined(verb, path), folder.error().message());
  if (!(*folder)->is_folder) return ErrnoError(ENOTDIR, Joined(verb, path));
  Place place{.folder = *folder, .name = parts.back()};
  const auto found = place.folder->names.find(place.name);
  if (found != place.folder->names.end()) place.node = found->second.back();
  return place;
}

Result<CrashableFileSystem::NodeRef> CrashableFileSystem::FindFile(const std::string& path) const {
  ASSIGN_OR_RETURN(NodeRef node, Find(path, "opening"));
  if (node->is_folder) return Corrupt("{} is no regular file", path);
  return node;
}

Result<CrashableFileSystem::NodeRef> CrashableFileSystem::FindFolder(const std::string& path,
                                                                     std::string_view verb) const {
  ASSIGN_OR_RETURN(NodeRef node, Find(path, verb));
  if (!node->is_folder) return ErrnoError(ENOTDIR, Joined(verb, path));
  return node;
}

Result<void> CrashableFileSystem::SetName(const Place& place, NodeRef node, const std::string& what) {
  RETURN_IF_ERROR(Step(what));
  History& history = place.folder->names[place.name];
  if (history.empty()) history.push_back(nullptr);  // before, there was nothing
  history.push_back(std::move(node));
  return {};
}

uint64_t CrashableFileSystem::UsedBytes(const Node& node) const {
  uint64_t used = node.bytes.size();
  for (const auto& [name, history] : node.names) {
    if (history.back() != nullptr) used += UsedBytes(*history.back());
  }
  return used;
}

uint64_t CrashableFileSystem::UsedBytes() const { return UsedBytes(*root_) + nameless_bytes_; }

Result<void> CrashableFileSystem::AppendBytes(Node& node, ByteSpan bytes, const std::string& path) {
  if (bytes.empty()) return {};
  RETURN_IF_ERROR(Step("writing " + path));
  if (capacity_ && UsedBytes() + bytes.size() > *capacity_) return ErrnoError(ENOSPC, "writing " + path);
  Append(node.bytes, bytes);
  return {};
}

Result<void> CrashableFileSystem::WriteAndSync(const Place& place, ByteSpan bytes, const std::string& path) {
  const auto node = std::make_shared<Node>();
  node->modified = clock_.Now();
  RETURN_IF_ERROR(SetName(place, node, "creating " + path));
  const size_t half = bytes.size() / 2;
  auto written = AppendBytes(*node, bytes.first(half), path);
  if (written) written = AppendBytes(*node, bytes.subspan(half), path);
  if (written) written = Step("syncing " + path);
  if (!written) {
    IgnoreError(SetName(place, nullptr, "removing " + path), "the first error is the one to tell");
    return written;
  }
  node->synced = true;
  return {};
}

Result<void> CrashableFileSystem::WriteNewFile(const std::string& path, ByteSpan bytes) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(const Place place, FindPlace(path, "creating"));
  if (place.node != nullptr) return ErrnoError(EEXIST, "creating " + path);
  return WriteAndSync(place, bytes, path);
}

Result<std::unique_ptr<NamelessFile>> CrashableFileSystem::NewNamelessFile(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(FindFolder(folder, "creating a file in"));
  if (!nameless_are_known_) return Error(ErrorCode::kUnsupported, "no files without a name, says the test");
  RETURN_IF_ERROR(Step("creating a file in " + folder));
  return std::unique_ptr<NamelessFile>(std::make_unique<Nameless>(*this, crashes_));
}

Result<Bytes> CrashableFileSystem::ReadFile(const std::string& path) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(const NodeRef node, FindFile(path));
  return node->bytes;
}

Result<Bytes> CrashableFileSystem::ReadRange(const std::string& path, uint64_t offset, uint64_t size) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(const NodeRef node, FindFile(path));
  const ByteSpan bytes = node->bytes;
  if (offset <= bytes.size() && size <= bytes.size() - offset) return ToBytes(bytes.subspan(offset, size));
  return Corrupt("{} has {} bytes, {} at offset {} are wanted", path, bytes.size(), size, offset);
}

Result<void> CrashableFileSystem::Move(const std::string& source, const std::string& target, bool replace) {
  const std::string what = "renaming to " + target;
  ASSIGN_OR_RETURN(const Place from, FindPlace(source, "renaming"));
  ASSIGN_OR_RETURN(const Place to, FindPlace(target, "renaming to"));
  if (from.node == nullptr) return ErrnoError(ENOENT, what);
  if (to.node != nullptr && !replace) return ErrnoError(EEXIST, what);
  if (to.node != nullptr && to.node->is_folder) return ErrnoError(EISDIR, what);
  CHECK(!from.node->is_folder);
  RETURN_IF_ERROR(SetName(to, from.node, what));
  // One step while the power is on: nobody sees both names, but a crash may leave both, or neither.
  from.folder->names[from.name].push_back(nullptr);
  return {};
}

Result<void> CrashableFileSystem::Rename(const std::string& source, const std::string& target) {
  const std::lock_guard lock(mutex_);
  return Move(source, target, true);
}

Result<void> CrashableFileSystem::RenameNew(const std::string& source, const std::string& target) {
  const std::lock_guard lock(mutex_);
  return Move(source, target, false);
}

Result<void> CrashableFileSystem::Remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(const Place place, FindPlace(path, "removing"));
  if (place.node == nullptr) return ErrnoError(ENOENT, "removing " + path);
  if (place.node->is_folder) return ErrnoError(EISDIR, "removing " + path);
  return SetName(place, nullptr, "removing " + path);
}

Result<void> CrashableFileSystem::RemoveFolder(const std::string& path) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(const Place place, FindPlace(path, "removing folder"));
  if (place.node == nullptr) return ErrnoError(ENOENT, "removing folder " + path);
  if (!place.node->is_folder) return ErrnoError(ENOTDIR, "removing folder " + path);
  for (const auto& [name, history] : place.node->names) {
    if (history.back() != nullptr) return ErrnoError(ENOTEMPTY, "removing folder " + path);
  }
  return SetName(place, nullptr, "removing folder " + path);
}

Result<void> CrashableFileSystem::MakeFolder(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (PartsOf(path).empty()) return CheckPower();
  ASSIGN_OR_RETURN(const Place place, FindPlace(path, "making folder"));
  if (place.node != nullptr && place.node->is_folder) return {};
  if (place.node != nullptr) return ErrnoError(EEXIST, "making folder " + path);
  const auto node = std::make_shared<Node>();
  node->is_folder = true;
  node->modified = clock_.Now();
  return SetName(place, node, "making folder " + path);
}

Result<void> CrashableFileSystem::SyncFolder(const std::string& path) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(const NodeRef folder, FindFolder(path, "syncing folder"));
  if (read_only_) return {};  // nothing is waiting
  RETURN_IF_ERROR(Step("syncing folder " + path));
  std::erase_if(folder->names, [](const auto& entry) { return entry.second.back() == nullptr; });
  for (auto& [name, history] : folder->names) history = {history.back()};
  return {};
}

Result<FileInfo> CrashableFileSystem::Stat(const std::string& path) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(const NodeRef node, Find(path, "looking at"));
  const auto parts = PartsOf(path);
  return FileInfo{.name = parts.empty() ? path : parts.back(),
                  .is_folder = node->is_folder,
                  .size = node->bytes.size(),
                  .modified = node->modified};
}

Result<void> CrashableFileSystem::List(const std::string& path, const std::function<void(const FileInfo&)>& each) {
  std::vector<FileInfo> entries;
  {
    const std::lock_guard lock(mutex_);
    ASSIGN_OR_RETURN(const NodeRef folder, FindFolder(path, "opening folder"));
    for (const auto& [name, history] : folder->names) {
      const NodeRef& node = history.back();
      if (node == nullptr) continue;
      entries.push_back({name, node->is_folder, node->bytes.size(), node->modified});
    }
  }
  for (const FileInfo& info : entries) each(info);
  return {};
}

Result<std::unique_ptr<FileLock>> CrashableFileSystem::TryLock(const std::string& path) {
  const std::lock_guard lock(mutex_);
  ASSIGN_OR_RETURN(Place place, FindPlace(path, "opening lock file"));
  if (place.node == nullptr) {
    place.node = std::make_shared<Node>();
    place.node->modified = clock_.Now();
    RETURN_IF_ERROR(SetName(place, place.node, "opening lock file " + path));
  }
  if (place.node->is_folder) return ErrnoError(EISDIR, "opening lock file " + path);
  if (!locked_.insert(place.node.get()).second) return std::unique_ptr<FileLock>();
  return std::unique_ptr<FileLock>(std::make_unique<Lock>(*this, place.node, crashes_));
}

void CrashableFileSystem::Unlock(const Node* node, uint64_t crashes) {
  const std::lock_guard lock(mutex_);
  if (crashes == crashes_) locked_.erase(node);
}

Result<FileSystem::Space> CrashableFileSystem::FreeSpace(const std::string& path) {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(Find(path, "looking at the file system of"));
  const uint64_t total = capacity_.value_or(uint64_t{1} << 40);
  return Space{.free = total - std::min(total, UsedBytes()), .total = total};
}

}  // namespace cairn
