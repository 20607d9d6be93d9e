#include "frontends/cli/files_set.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/env/file_system.h"
#include "engine/jobs/file_restorer.h"
#include "engine/jobs/restore.h"
#include "frontends/cli/replacement.h"
#include "frontends/cli/text.h"
#include "frontends/files/file_sink.h"
#include "frontends/files/file_source.h"
#include "frontends/files/folder_exchange.h"
#include "frontends/files/left_out.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

std::string Shown(const std::string& path) { return PathForPeople(AsBytes(path)); }
std::string Text(const TreePath& path) { return ToString(path); }

bool IsInside(const std::string& path, const std::string& folder) {
  std::error_code ignored;
  const std::string real = std::filesystem::weakly_canonical(path, ignored).native();
  return !path.empty() && (real == folder || real.starts_with(folder == "/" ? folder : folder + "/"));
}

// As a pattern that matches this path alone.
std::string Escaped(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    if (std::string_view("*?[]\\!#").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

// Of a tree: how many entries below its root, and how many bytes of files.
struct TreeSize {
  uint64_t entries = 0, files = 0, bytes = 0;
};

class FilesSet : public SetRestore {
 public:
  FilesSet(Cli& cli, FilesSetOptions options) : cli_(cli), options_(std::move(options)), opened_(*options_.opened) {}
  ~FilesSet() override { FilesSet::Finish(); }
  FilesSet(const FilesSet&) = delete;
  FilesSet& operator=(const FilesSet&) = delete;

  Result<std::vector<std::string>> Plan() override {
    RETURN_IF_ERROR(RefuseInsideRepository(cli_, options_.where));
    RETURN_IF_ERROR(opened_.repository->keyring().Need(Rights::kContentKey, "restoring"));
    ASSIGN_OR_RETURN(place_, LookAtFilesPlace(options_.where));
    ASSIGN_OR_RETURN(source_, opened_.Find(options_.path));
    ASSIGN_OR_RETURN(size_, Measure());
    return Problems();
  }

  void ShowPlan(const std::vector<std::string>& problems) override {
    if (cli_.json()) {
      nlohmann::json json = Common("plan");
      json["verify"] = options_.verifies;
      json["safety_snapshot"] = keeps();
      json["problems"] = problems;
      cli_.PrintJson(json);
      return;
    }
    const std::string place = Shown(place_.path());
    cli_.Print(fmt::format("{} of snapshot {}, {} files, {}, into {}:\n", Shown(options_.name),
                           opened_.snapshot->id.Short(), HumanCount(size_.files), HumanBytes(size_.bytes), place));
    cli_.Print(fmt::format("  make      a copy in {}\n", Shown(place_.folder)));
    if (options_.verifies) cli_.Print("  verify    the copy, read again\n");
    if (keeps()) cli_.Print(fmt::format("  back up   {}, as a safety snapshot\n", place));
    cli_.Print(place_.exists ? fmt::format("  replace   what is in {}\n", place)
                             : fmt::format("  make      {}\n", place));
    for (const std::string& problem : problems) cli_.Print("cannot be: " + problem + "\n");
  }

  Result<void> Run(const std::function<Result<void>()>& others) override {
    const auto begun = SystemClock().Steady();
    auto done = Work(others);
    seconds_ = std::chrono::duration<double>(SystemClock().Steady() - begun).count();
    if (done || exchange_ == nullptr || is_told_) return done;
    return MakeError(done.error().code(), "{} ({} is as it was)", done.error().message(), Shown(place_.path()));
  }

  Result<void> PutBack() override {
    is_to_stay_ = true;  // until all is back
    auto back = exchange_->PutBack();
    if (!back) {
      return MakeError(back.error().code(), "{}{}", back.error().message(),
                       safety_ ? "; what was there is also snapshot " + safety_->Short() : "");
    }
    is_exchanged_ = is_to_stay_ = false;
    // What was written to the new content since goes nowhere.
    auto same = IsAs(opened_, source_, exchange_->new_folder(), {});
    if (same && *same) return {};
    RETURN_IF_ERROR(exchange_->KeepNew());
    Note(
        fmt::format("is as it was; what had taken its place was written to meanwhile, and is kept in {}: take from it "
                    "what is needed, and remove it",
                    exchange_->Shown("kept")));
    return {};
  }

  void Finish() override {
    if (exchange_ == nullptr) return;
    const bool may_go = FormerMayGo();
    if (!may_go && is_exchanged_) {
      Note(fmt::format(
          "was written to after its safety snapshot was begun, or what the backup had left out could not be "
          "put back: what was there is kept in {} too: take from it what is needed, and remove it",
          exchange_->Shown("former")));
    }
    if (exchange_->has_others() && !is_to_stay_ && exchange_->has_late()) {
      Note(fmt::format("somebody wrote to it while names changed: that is kept in {}", exchange_->Shown("late")));
    }
    if (may_go && !is_to_stay_ && !exchange_->has_others()) {
      // kBusy: what was there is still in it, which an Error has told.
      if (auto removed = exchange_->Remove(true); !removed && removed.error().code() != ErrorCode::kBusy) {
        cli_.context().log.Warning("{} is left: {}; it may be removed", Shown(exchange_->path()),
                                   removed.error().message());
      }
    }
    exchange_.reset();
  }

  void ShowReport() override {
    if (cli_.json()) {
      nlohmann::json json = Common("summary");
      json["verified"] = options_.verifies;
      json["safety_snapshot"] = safety_ ? nlohmann::json(safety_->ToHex()) : nlohmann::json();
      json["seconds"] = seconds_;
      cli_.PrintJson(json);
      return;
    }
    cli_.Say(fmt::format("restored {} of snapshot {} into {}: {} files, {}{} in {:.1f} s\n", Shown(options_.name),
                         opened_.snapshot->id.Short(), Shown(place_.path()), HumanCount(size_.files),
                         HumanBytes(size_.bytes), options_.verifies ? ", read back and right," : "", seconds_));
    if (safety_) cli_.Say(fmt::format("what was there is kept as snapshot {}\n", safety_->Short()));
  }

 private:
  bool keeps() const { return options_.keeps && place_.exists; }
  // Looked at last of all: who has a file open there may write to it all the while.
  bool FormerMayGo() {
    if (!is_exchanged_) return !is_to_stay_;
    if (!is_all_carried_) return false;
    if (!keeps()) return true;
    const auto same = IsFormerSaved();
    return same && *same;
  }
  Result<bool> IsFormerSaved() {
    OpenedSnapshot before;
    RETURN_IF_ERROR(before.Open(cli_, safety_->ToHex(), SnapshotFilter()));
    ASSIGN_OR_RETURN(const SnapshotPlace place, before.Find(place_.path()));
    return IsAs(before, place, exchange_->former_folder(), exchange_->carried());
  }
  void Note(const std::string& text) {
    cli_.Findings()({Finding::Severity::kWarning, ErrorCode::kBusy, Shown(place_.path()), text});
  }

  nlohmann::json Common(const char* type) const {
    return {{"message_type", type},  {"run", options_.run},          {"id", opened_.snapshot->id.ToHex()},
            {"item", options_.name}, {"path", Shown(place_.path())}, {"existed", place_.exists},
            {"files", size_.files},  {"bytes", size_.bytes}};
  }

  Result<TreeSize> Measure() const {
    TreeSize size;
    if (!source_.is_folder()) return TreeSize{1, 1, source_.node.size};
    TreeVisitor visitor;
    visitor.each = [&](const TreePath&, const Node& node) -> Result<bool> {
      ++size.entries;
      if (node.type == NodeType::kFile) {
        ++size.files;
        size.bytes += node.size;
      }
      return true;
    };
    RETURN_IF_ERROR(opened_.Walk(source_, visitor));
    return size;
  }

  Result<std::vector<std::string>> Problems() const {
    std::vector<std::string> problems;
    const std::string place = Shown(place_.path());
    if (!source_.is_folder() && source_.node.type != NodeType::kFile) {
      problems.push_back(fmt::format("{} of the snapshot is neither a file nor a folder: restore it by --target",
                                     Shown(options_.path)));
    } else if (place_.exists && place_.is_folder != source_.is_folder()) {
      problems.push_back(fmt::format("{} is a {}, and {} of the snapshot is a {}: name a place of the same kind", place,
                                     place_.is_folder ? "folder" : "file", Shown(options_.path),
                                     source_.is_folder() ? "folder" : "file"));
    }
    for (const auto& [own, what] : {std::pair(cli_.RepositoryFolder(), "the repository"),
                                    std::pair(cli_.CacheRoot(), "the folder of cairn's caches (--cache-dir)")}) {
      if (!IsInside(own, place_.path())) continue;
      problems.push_back(
          fmt::format("{} lies in {}, and would be moved away with it: restore by --target, which writes "
                      "file by file",
                      what, place));
    }
    if (auto mounts =
            FolderExchange::RefuseMounts({.folder = place_.folder, .entry = place_.entry, .run = options_.run});
        !mounts) {
      problems.push_back(mounts.error().message());
    }
    ASSIGN_OR_RETURN(const FileSystem::Space space, PosixFileSystem().FreeSpace(place_.folder));
    if (space.free < size_.bytes) {
      problems.push_back(
          fmt::format("{} takes {} beside what is there, and its disk has {}: make room, or restore by "
                      "--target, which writes over it",
                      Shown(options_.name), HumanBytes(size_.bytes), HumanBytes(space.free)));
    }
    if (auto may = MayBackUpBefore(*opened_.repository); keeps() && !may) problems.push_back(may.error().message());
    return problems;
  }

  Result<void> Work(const std::function<Result<void>()>& others) {
    ASSIGN_OR_RETURN(exchange_,
                     FolderExchange::Make(
                         {.folder = place_.folder, .entry = place_.entry, .run = options_.run, .exists = place_.exists},
                         cli_.context().log));
    RETURN_IF_ERROR(PutTogether());
    if (keeps()) {
      cli_.context().progress.SetPhase("backing up what is there");
      auto id = BackUp();
      if (!id) return std::move(id).error().While("the safety snapshot");
      safety_ = *id;
    }
    RETURN_IF_ERROR(others());
    cli_.context().progress.SetPhase("putting it in its place");
    auto exchanged = exchange_->Exchange();
    is_told_ = true;
    RETURN_IF_ERROR(exchanged);
    is_exchanged_ = true;
    auto settled = Settle();
    if (settled) return {};
    auto back = PutBack();
    return back ? MakeError(settled.error().code(), "{} ({} is as it was)", settled.error().message(),
                            Shown(place_.path()))
                : MakeError(settled.error().code(), "{}; and {}", settled.error().message(), back.error().message());
  }

  Result<void> PutTogether() {
    const std::string target = source_.is_folder() && !place_.entry.empty()
                                   ? exchange_->new_folder() + "/" + place_.entry
                                   : exchange_->new_folder();
    RETURN_IF_ERROR(PosixFileSystem().MakeFolder(target));
    ASSIGN_OR_RETURN(const auto sink, FileSink::Make({.target = target, .numeric_ids = options_.numeric_ids}));
    RestoreOptions options;
    options.path = source_.path;
    options.verify = options_.verifies;
    // What a restore had put aside, when this was backed up.
    const size_t base = source_.path.size() + (source_.path.empty() ? 0 : 1);
    options.take = [base](const TreePath& path, const Node&) {
      return path.size() < base || !FolderExchange::IsWorkName(Text(path).substr(base));
    };
    cli_.context().progress.SetPhase("restoring");
    ASSIGN_OR_RETURN(const RestoreReport report, RunRestore(cli_.context(), *opened_.repository, *opened_.index,
                                                            *opened_.snapshot, *sink, options, cli_.Findings()));
    if (report.failed > 0) {
      return MakeError(ErrorCode::kIo, "{} of {} could not be put together whole, for what is told above",
                       report.failed, Shown(options_.name));
    }
    if (!source_.is_folder()) return NameFile();
    if (!place_.entry.empty()) return SetRootMetadata();
    return {};
  }

  // A file has the name of its place.
  Result<void> NameFile() const {
    const auto slash = std::ranges::find(source_.path.rbegin(), source_.path.rend(), '/');
    const std::string name = ToString(Bytes(slash.base(), source_.path.end()));
    if (name == place_.entry) return {};
    return PosixFileSystem().RenameNew(exchange_->new_folder() + "/" + name,
                                       exchange_->new_folder() + "/" + place_.entry);
  }

  // Of a folder that is made; one that is there keeps its own.
  Result<void> SetRootMetadata() const {
    ASSIGN_OR_RETURN(const auto attributes, ReadAttributes(*opened_.reader, source_.node));
    ASSIGN_OR_RETURN(const auto sink,
                     FileSink::Make({.target = exchange_->new_folder(), .numeric_ids = options_.numeric_ids}));
    RETURN_IF_ERROR(sink->SetMetadata(ToBytes(AsBytes(place_.entry)), source_.node, attributes));
    return sink->Close();
  }

  Result<SnapshotId> BackUp() {
    FileSourceOptions source;
    source.item = options_.name;
    source.paths = {place_.path()};
    // Of restores into it that are over, too: what they kept is nobody's content.
    std::string pattern = Escaped(place_.folder == "/" ? "" : place_.folder) + "/.cairn-replace-";
    for (int digit = 0; digit < 8; ++digit) pattern += "[0-9a-f]";
    RETURN_IF_ERROR(source.excludes.Add(pattern));
    RETURN_IF_ERROR(source.excludes.Add(pattern + "-*"));
    source.temporary_cache = [this] { return cli_.TemporaryCache(); };
    ASSIGN_OR_RETURN(auto files, FileSource::Make(std::move(source)));
    return BackUpBefore(cli_, *opened_.repository, std::move(files), DescriptionBefore(options_.run));
  }

  // Brings back what the backup had left out.
  Result<void> Settle() {
    if (!place_.exists || !place_.is_folder || source_.item == nullptr) return {};
    ASSIGN_OR_RETURN(const auto left_out, LeftOutOf(*source_.item));
    ASSIGN_OR_RETURN(const auto sink, FileSink::Make({.target = exchange_->former_folder(), .read_only = true}));
    std::vector<std::string> paths;
    RETURN_IF_ERROR(FindLeftOut(*sink, left_out.get(), {}, paths));
    ASSIGN_OR_RETURN(const auto in_the_way, exchange_->Carry(paths));
    is_all_carried_ = in_the_way.empty();
    return {};
  }

  // Sockets too, which no backup holds.
  Result<void> FindLeftOut(Sink& sink, const LeftOut* rules, const TreePath& folder, std::vector<std::string>& found) {
    if (cli_.stop().stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    ASSIGN_OR_RETURN(const auto names, sink.List(folder));
    const bool is_marked =
        rules != nullptr && std::ranges::any_of(names, [&](const Bytes& n) { return rules->Marks(n); });
    for (const Bytes& name : names) {
      const TreePath path = JoinPath(folder, name);
      ASSIGN_OR_RETURN(const auto existing, sink.Existing(path));
      if (!existing) continue;
      const bool is_left_out =
          rules != nullptr && (is_marked || rules->Entry(JoinPath(source_.inside, path), *existing));
      if (is_left_out || existing->type == NodeType::kSocket) {
        found.push_back(Text(path));
      } else if (existing->type == NodeType::kFolder) {
        RETURN_IF_ERROR(FindLeftOut(sink, rules, path, found));
      }
    }
    return {};
  }

  // Whether a folder has what the place of a snapshot has: names, types, sizes and times of modification.
  // But for `carried`, paths that are elsewhere now.
  Result<bool> IsAs(OpenedSnapshot& opened, const SnapshotPlace& place, const std::string& folder,
                    const std::vector<std::string>& carried) {
    ASSIGN_OR_RETURN(const auto sink, FileSink::Make({.target = folder, .read_only = true}));
    const TreePath prefix = place_.entry.empty() ? TreePath() : ToBytes(AsBytes(place_.entry));
    uint64_t expected = 0, found = 0;
    bool is_same = true;
    const std::set<std::string> elsewhere(carried.begin(), carried.end());
    const auto compare = [&](const TreePath& path, const Node& node) -> Result<bool> {
      if (elsewhere.contains(Text(path))) return false;
      ++expected;
      ASSIGN_OR_RETURN(const auto there, sink->Existing(path));
      const bool has_content = node.type == NodeType::kFile;
      is_same = is_same && there && there->type == node.type && (!has_content || there->size == node.size) &&
                (node.type == NodeType::kFolder || there->modified == node.modified);
      return true;
    };
    if (place.is_folder()) {
      TreeVisitor visitor;
      visitor.each = [&](const TreePath& path, const Node& node) {
        return compare(prefix.empty() ? PathBelow(path, place.path) : JoinPath(prefix, PathBelow(path, place.path)),
                       node);
      };
      RETURN_IF_ERROR(opened.Walk(place, visitor));
      RETURN_IF_ERROR(Count(*sink, prefix, found));
    } else {
      RETURN_IF_ERROR(compare(prefix, place.node));
      found = 1;
    }
    return is_same && expected == found;
  }

  Result<void> Count(Sink& sink, const TreePath& folder, uint64_t& count) {
    ASSIGN_OR_RETURN(const auto names, sink.List(folder));
    for (const Bytes& name : names) {
      ++count;
      const TreePath path = JoinPath(folder, name);
      ASSIGN_OR_RETURN(const auto existing, sink.Existing(path));
      if (existing && existing->type == NodeType::kSocket) --count;
      if (existing && existing->type == NodeType::kFolder) RETURN_IF_ERROR(Count(sink, path, count));
    }
    return {};
  }

  Cli& cli_;
  const FilesSetOptions options_;
  OpenedSnapshot& opened_;
  FilesPlace place_;
  SnapshotPlace source_;
  TreeSize size_;
  std::unique_ptr<FolderExchange> exchange_;
  std::optional<SnapshotId> safety_;
  double seconds_ = 0;
  bool is_exchanged_ = false, is_all_carried_ = true;
  bool is_told_ = false;     // what became of the place
  bool is_to_stay_ = false;  // what lies beside it
};

}  // namespace

Result<FilesPlace> LookAtFilesPlace(const std::string& where) {
  FilesPlace place;
  struct stat status{};
  std::error_code failure;
  // Shown without what follows: an address of something else may hold a password.
  if (const size_t scheme = where.find("://"); scheme != std::string::npos) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "{}://... is no place that is known: give a path, sqlite:FILE, or postgres:ADDRESS",
                     Shown(where.substr(0, scheme)));
  }
  if (::stat(where.c_str(), &status) == 0) {
    const std::filesystem::path real = std::filesystem::canonical(where, failure);
    if (failure) return ErrnoError(failure.value(), "looking at " + Shown(where));
    place.exists = true;
    place.is_folder = S_ISDIR(status.st_mode);
    if (!place.is_folder && !S_ISREG(status.st_mode)) {
      return MakeError(ErrorCode::kInvalidArgument, "{} is neither a file nor a folder", Shown(where));
    }
    if (real == real.root_path()) {
      return Error(ErrorCode::kInvalidArgument, "/ is not replaced: restore by --target, which writes file by file");
    }
    place.folder = place.is_folder ? real.native() : real.parent_path().native();
    if (!place.is_folder) place.entry = real.filename().native();
    return place;
  }
  if (errno != ENOENT) return ErrnoError(errno, "looking at " + Shown(where));
  if (::lstat(where.c_str(), &status) == 0) {
    return MakeError(
        ErrorCode::kInvalidArgument,
        "{} is a link to what is not there (a disk that is not mounted?): make that, or name another place",
        Shown(where));
  }
  std::filesystem::path path(where);
  if (!path.has_filename()) path = path.parent_path();
  const auto folder = std::filesystem::canonical(path.has_parent_path() ? path.parent_path() : ".", failure);
  if (failure) return ErrnoError(failure.value(), "looking at the folder of " + Shown(where));
  place.folder = folder.native();
  place.entry = path.filename().native();
  if (place.entry.empty() || place.entry == "." || place.entry == "..") {
    return MakeError(ErrorCode::kInvalidArgument, "{} is no name of a file or folder", Shown(where));
  }
  return place;
}

std::unique_ptr<SetRestore> MakeFilesSet(Cli& cli, FilesSetOptions options) {
  return std::make_unique<FilesSet>(cli, std::move(options));
}

}  // namespace cairn
