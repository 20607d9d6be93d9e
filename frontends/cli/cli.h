// What every command shares: global options, the opened repository, output, progress, interruption.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/env/finding.h"
#include "engine/env/job_context.h"
#include "engine/repo/repository.h"
#include "engine/repo/snapshot_store.h"
#include "engine/store/counting_store.h"
#include "engine/stores/open_store.h"
#include "frontends/cli/password.h"
#include "frontends/cli/repository_choice.h"

namespace cairn {

class ScratchFolder;

struct GlobalOptions {
  std::string repository, config;
  std::string password_file, password_command;
  std::string cache_folder;
  std::string memory = "256M";
  std::string limit_upload, limit_download;
  std::vector<std::string> store_settings;
  bool json = false, quiet = false, verbose = false, no_cache = false;
};

// A repository beside the one of -r.
struct OpenedRepository {
  std::unique_ptr<ObjectStore> store;
  std::unique_ptr<Repository> repository;
};

// One run of the program. The main thread's, but for Tell and the log, which any thread may call.
class Cli {
 public:
  Cli();
  ~Cli();

  GlobalOptions global;
  std::string command;  // as it was named: "backup"

  // After the options are parsed: signals, threads, log.
  Result<void> Start();
  const JobContext& context() const { return *context_; }
  std::stop_token stop() const { return context_->stop; }
  // What was begun has to be undone, though the user has asked to stop: jobs that begin from now on are not stopped by
  // that. Asking again ends the process at once, as ever.
  void SetStopAside();
  // The mode that this program was started with for new files, before it took one of its own.
  unsigned umask() const { return umask_; }
  // What is under way is done whole or not at all, so that an Error does not say that what was done is kept.
  void SetAllOrNone() { all_or_none_ = true; }

  // The configuration: kNotFound where there is none.
  Result<const Configuration*> ReadConfiguration() { return named_->Read(); }
  // What -r names, and what another option or a job does.
  Result<RepositoryChoice> Choose(const std::string& text, const PasswordSources& given) {
    return named_->Choose(text, given);
  }
  RepositoryChoice ChoiceOf(const ConfiguredRepository& repository) const;
  Result<const RepositoryChoice*> MainChoice() const;
  // What is said of a repository's store, by its name in the configuration and on the command line.
  Result<StoreSettings> SettingsOf(const RepositoryChoice& choice) const;

  // The store that -r names. kNotFound where there is no folder.
  Result<ObjectStore*> OpenStore();
  Result<std::unique_ptr<ObjectStore>> OpenStoreAt(const RepositoryChoice& choice, bool create);
  // Another one that the command cannot do without, in its one thread: where there is none, that is what it ends with.
  Result<std::unique_ptr<ObjectStore>> OpenOtherStore(const RepositoryChoice& choice);
  // Beside the store of -r, with its settings; their requests count as its own once it is open.
  Result<std::unique_ptr<ObjectLocker>> OpenLocker();
  Result<std::unique_ptr<ObjectHolder>> OpenHolder();
  Result<std::unique_ptr<ObjectWarmer>> OpenWarmer();
  Result<std::unique_ptr<ObjectWarmer>> OpenWarmerOf(const RepositoryChoice& choice);
  // The repository, opened with the password of the global options. Once. `meanwhile` is called when nobody has to type
  // any more, before the key is derived, which takes a while.
  Result<Repository*> Open(const std::function<void()>& meanwhile = {});
  // The same for a command that begins with Snapshots, and with LoadIndex beside it where it `reads` kBoth. Over a
  // network that begins with the derivation of the key.
  Result<Repository*> OpenToRead(ReaderListing reads);
  Result<std::unique_ptr<Repository>> OpenAt(ObjectStore& store, const RepositoryChoice& choice,
                                             const std::function<void()>& meanwhile = {});
  // Any thread; they ask for passwords, and derive keys, one after the other. Its errors are no failure of the command;
  // `is_missing` (may be null): it failed because there is none.
  Result<OpenedRepository> OpenOther(const RepositoryChoice& choice, const std::function<void()>& meanwhile = {},
                                     bool* is_missing = nullptr);
  Result<SnapshotSet> Snapshots();
  std::string CacheRoot() const { return CacheRootOf(main_); }
  std::string CacheRootOf(const RepositoryChoice& choice) const;
  const std::string& TemporaryCache() const { return temporary_cache_; }  // of this run alone; empty: there is none
  // Of the repository of -r: its absolute path; as it was given where it is no folder.
  std::string RepositoryFolder() const { return main_.Folder(); }

  // A folder of this run alone that goes even where the user forces the end by asking for it twice; give it before it
  // is made. One that was removed is left alone then.
  void RemoveWhenForced(std::shared_ptr<ScratchFolder> folder);

  // What the stores were asked so far, all together; none where all are near.
  RequestCounts Requests() const;
  // At the end of a run: told with --verbose, and added to what this machine's cache knows of each repository.
  void KeepRequests();

  // One of `set`, as ResolveSnapshot. Where a name that begins with "latest" is given, and snapshots (or, with a
  // filter, notes) cannot be read or are gone without a record, another may be meant: it is told, and the run ends as
  // one that is not complete; for `kRefuse`, of what replaces or changes something, it is an Error.
  enum class InDoubt : uint8_t { kTell, kRefuse };
  Result<const LoadedSnapshot*> Resolve(const SnapshotSet& set, const std::string& name, const SnapshotFilter& filter,
                                        InDoubt in_doubt = InDoubt::kTell);
  bool was_in_doubt() const { return !doubts_told_.empty(); }
  // An Error where such a name may be of another object than the newest of `kind` that can be read.
  static Result<void> NeedNoDoubt(const SnapshotSet& set, const std::string& name, const SnapshotFilter& filter,
                                  ParsedName::Kind kind);

  // A finding as a line on stderr, or as JSON; counts those that are worse than notes.
  FindingSink Findings();
  uint64_t findings_told() const { return findings_told_; }

  // Shows progress until the result is dropped: a line on a terminal, with --json an object a second, else nothing.
  std::unique_ptr<std::jthread> ShowProgress();

  // Output: text for people, or one JSON object on a line.
  void Print(const std::string& text);
  // What was done, for who did not ask for quiet.
  void Say(const std::string& text);
  void PrintJson(const nlohmann::json& object);
  // Who read the output has gone (`cairn ls | head`): what only lists may end.
  bool output_closed() const { return output_closed_; }
  bool json() const { return global.json; }
  // The error on stderr; what the process ends with.
  int Fail(const Error& error);
  // The error on stderr, with the way out, where the command goes on.
  void TellFailure(const Error& error);

 private:
  class CliLog;
  struct BesideStore {
    std::string address;
    StoreSettings settings;
    StoreWorld world;
  };
  void ProgressLine(const std::string& line);
  StoreWorld WorldOf(RequestMeter* meter);
  Result<BesideStore> Beside(const RepositoryChoice& choice);
  Result<void> ChooseMain();
  Result<std::string> UsableCache(const RepositoryChoice& choice);
  Result<OpenOptions> OptionsFor(const RepositoryChoice& choice);
  Result<std::unique_ptr<Repository>> OpenFound(ObjectStore& store, Result<FoundRepository> found,
                                                const RepositoryChoice& choice, const OpenOptions& options,
                                                const std::function<void()>& meanwhile);
  void RemoveForcedFolders();

  std::stop_source stop_;  // of the user's wish
  std::unique_ptr<Log> log_;
  std::unique_ptr<Executor> executor_;
  Progress progress_;
  std::unique_ptr<JobContext> context_;
  std::unique_ptr<NamedRepositories> named_;
  RepositoryChoice main_;
  std::optional<Error> main_error_;  // what -r names cannot be told
  // The meter of a store outlives it.
  struct Metered {
    RequestMeter meter;
    const ObjectStore* store = nullptr;
    std::string cache_folder;  // of its repository; empty where none was opened, or nothing is to be kept
  };
  std::vector<std::unique_ptr<Metered>> metered_;  // guarded by metered_mutex_
  std::unique_ptr<ObjectStore> store_;
  std::unique_ptr<Repository> repository_;
  std::mutex open_mutex_;  // of who opens a repository
  std::mutex forced_mutex_;
  std::vector<std::shared_ptr<ScratchFolder>> forced_folders_;  // guarded by forced_mutex_
  std::jthread signals_;
  std::mutex output_mutex_;
  bool progress_shown_ = false;  // guarded by output_mutex_
  std::atomic<uint64_t> findings_told_{0};
  unsigned umask_ = 022;
  bool repository_missing_ = false, all_or_none_ = false;
  std::set<std::string> doubts_told_;
  bool cannot_open_ = false;     // config/ or keys/ of the repository are damaged, so that no command gets in
  std::string password_hint_;    // where the last password may come from
  std::string temporary_cache_;  // its folder, removed at the end
  std::atomic<bool> output_closed_{false};
  mutable std::mutex metered_mutex_;
};

nlohmann::json RequestsJson(const RequestCounts& counts);

}  // namespace cairn
