#include "frontends/stream/stream_source.h"

#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "frontends/stream/child_process.h"
#include "frontends/stream/readable.h"
#include "repo-format/tree_path.h"

namespace cairn {

using stream::ChildProcess;
using stream::Waiter;

namespace {

WireTime ToWireTime(UnixNs time) {
  constexpr int64_t kSecond = 1'000'000'000;
  const int64_t nanoseconds = (time % kSecond + kSecond) % kSecond;
  return {(time - nanoseconds) / kSecond, static_cast<uint32_t>(nanoseconds)};
}

Result<std::vector<Bytes>> SplitName(const std::string& filename) {
  std::vector<Bytes> names;
  for (std::string_view rest = filename; !rest.empty();) {
    const size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (name.empty() || name == ".") continue;
    if (!IsNodeName(AsBytes(name))) names.clear();
    if (!IsNodeName(AsBytes(name))) break;
    names.push_back(ToBytes(AsBytes(name)));
  }
  if (names.empty() || filename.ends_with('/')) {
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no name for a file in a snapshot",
                     PathForPeople(AsBytes(filename)));
  }
  return names;
}

}  // namespace

struct StreamSource::Shared {
  Shared(StreamSourceOptions options_in, const Clock& clock_in, std::stop_token stop)
      : options(std::move(options_in)), clock(clock_in), waiter(std::move(stop)) {}

  SourceEntry EntryOf(size_t depth) const {
    SourceEntry entry;
    entry.name = depth == 0 ? Bytes() : names[depth - 1];
    entry.type = depth == names.size() ? NodeType::kFile : NodeType::kFolder;
    entry.mode = depth == names.size() ? 0600 : 0700;
    entry.uid = ::geteuid();
    entry.gid = ::getegid();
    entry.modified = begun;
    entry.stable_mark = false;
    return entry;
  }

  Result<size_t> Read(MutableByteSpan target) {
    return child != nullptr ? child->Read(target) : waiter.Read(options.descriptor, target);
  }

  const StreamSourceOptions options;
  const Clock& clock;
  const Waiter waiter;
  std::vector<Bytes> names;  // of the folders and the file
  WireTime begun;
  std::unique_ptr<ChildProcess> child;  // of the command

  std::mutex mutex;
  // Guarded by mutex.
  bool is_open = false;  // the file was opened
  bool is_at_end = false;
  std::optional<Error> error;  // the first
};

class StreamSource::File : public SourceFile {
 public:
  explicit File(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  Result<Extent> NextExtent() override {
    // How much more there is nobody knows: at least a question.
    return is_at_end_ ? Extent{} : Extent{false, 1};
  }
  Result<size_t> Read(MutableByteSpan target) override {
    if (is_at_end_ || target.empty()) return 0;
    auto got = shared_->Read(target);
    const std::lock_guard lock(shared_->mutex);
    if (!got && !shared_->error) shared_->error = got.error();
    if (got && *got == 0) is_at_end_ = shared_->is_at_end = true;
    return got;
  }
  Result<ChangeMark> Mark() override { return ChangeMark{}; }

 private:
  const std::shared_ptr<Shared> shared_;
  bool is_at_end_ = false;
};

// The folder at a depth: it holds one entry.
class StreamSource::Folder : public SourceFolder {
 public:
  Folder(std::shared_ptr<Shared> shared, size_t depth) : shared_(std::move(shared)), depth_(depth) {}

  Result<std::vector<SourceEntry>> List() override { return std::vector<SourceEntry>{shared_->EntryOf(depth_ + 1)}; }
  Result<std::shared_ptr<SourceFolder>> OpenFolder(const SourceEntry&) override {
    return std::make_shared<Folder>(shared_, depth_ + 1);
  }
  Result<std::unique_ptr<SourceFile>> OpenFile(const SourceEntry&) override {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->is_open) {
      shared_->error = Error(ErrorCode::kIo, "the stream was read already, and cannot be read again");
      return *shared_->error;
    }
    shared_->is_open = true;
    return std::make_unique<File>(shared_);
  }
  Result<SourceMetadata> ReadMetadata(const SourceEntry&) override { return SourceMetadata{}; }

 private:
  const std::shared_ptr<Shared> shared_;
  const size_t depth_;
};

StreamSource::StreamSource(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
StreamSource::~StreamSource() = default;

Result<std::unique_ptr<StreamSource>> StreamSource::Make(StreamSourceOptions options, const Clock& clock,
                                                         std::stop_token stop) {
  auto shared = std::make_shared<Shared>(std::move(options), clock, std::move(stop));
  ASSIGN_OR_RETURN(shared->names, SplitName(shared->options.filename));
  return std::unique_ptr<StreamSource>(new StreamSource(std::move(shared)));
}

std::string StreamSource::name() const { return shared_->options.item; }

std::vector<Bytes> StreamSource::paths() const {
  TreePath path;
  for (const Bytes& name : shared_->names) path = JoinPath(path, name);
  return {path};
}

Result<std::shared_ptr<SourceFolder>> StreamSource::OpenRoot(FindingSink) {
  shared_->begun = ToWireTime(shared_->clock.Now());
  if (!shared_->options.command.empty()) {
    shared_->child.reset();
    ASSIGN_OR_RETURN(shared_->child, ChildProcess::Start(shared_->options.command, shared_->waiter));
    const std::lock_guard lock(shared_->mutex);
    shared_->is_open = shared_->is_at_end = false;
    shared_->error.reset();
  }
  return std::make_shared<Folder>(shared_, 0);
}

Result<SourceEntry> StreamSource::RootEntry() { return shared_->EntryOf(0); }

Result<void> StreamSource::Finish() {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->error) return *shared_->error;
    if (!shared_->is_at_end) return Error(ErrorCode::kIo, "the stream was not read to its end");
  }
  if (shared_->child == nullptr) return {};
  return shared_->child->Wait();
}

std::optional<Bytes> StreamSource::command_line() const {
  if (shared_->options.command.empty()) return std::nullopt;
  Bytes line;
  for (const std::string& argument : shared_->options.command) {
    Append(line, AsBytes(argument));
    line.push_back(0);
  }
  return line;
}

}  // namespace cairn
