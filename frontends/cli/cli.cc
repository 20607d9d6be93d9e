#include "frontends/cli/cli.h"

#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/env/thread.h"
#include "engine/repo/request_log.h"
#include "engine/store/limit_store.h"
#include "engine/store/presence_store.h"
#include "engine/stores/open_store.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/scratch_store.h"
#include "frontends/cli/text.h"
#include "frontends/config/values.h"

namespace cairn {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string_view SeverityName(Finding::Severity severity) {
  switch (severity) {
    case Finding::Severity::kNote:
      return "note";
    case Finding::Severity::kWarning:
      return "warning";
    case Finding::Severity::kUnread:
      return "unread";
    case Finding::Severity::kDamage:
      return "damage";
  }
  return "finding";
}

// A small file, made and removed.
Result<void> TryToWrite(const std::string& folder) {
  std::array<uint8_t, 8> id{};
  SystemRandom().Fill(id);
  const std::string path = folder + "/tmp-" + ToHex(id);
  auto written = PosixFileSystem().WriteNewFile(path, Bytes(64 * kKiB, 0));
  auto removed = PosixFileSystem().Remove(path);
  return written ? std::move(removed) : std::move(written);
}

// What the environment says where nothing else does.
void FillPassword(RepositoryChoice& choice) {
  PasswordSources& sources = choice.password;
  const bool is_open = sources.file.empty() && sources.command.empty() && sources.environment == "CAIRN_PASSWORD";
  if (is_open) sources.file = Environment("CAIRN_PASSWORD_FILE");
  if (is_open) sources.command = Environment("CAIRN_PASSWORD_COMMAND");
  sources.keyring_repository = choice.Folder();
}

sigset_t EndingSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

class Cli::CliLog : public Log {
 public:
  explicit CliLog(Cli& cli) : cli_(cli) {}
  void Write(LogLevel level, std::string_view line) override {
    if (level == LogLevel::kDebug && !cli_.global.verbose) return;
    if (level == LogLevel::kInfo && cli_.global.quiet) return;
    const std::lock_guard lock(cli_.output_mutex_);
    cli_.ProgressLine("");
    std::fprintf(stderr, "cairn: %s%s\n", level == LogLevel::kWarning ? "warning: " : "", Printable(line).c_str());
  }

 private:
  Cli& cli_;
};

Cli::Cli() {
  // Before any thread is there, so that all of them leave these signals to the one that waits for them.
  const sigset_t set = EndingSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  umask_ = ::umask(077);
}

Cli::~Cli() {
  repository_.reset();
  if (!temporary_cache_.empty()) {
    std::error_code ignored;
    std::filesystem::remove_all(temporary_cache_, ignored);
  }
  stop_.request_stop();
  store_.reset();  // while signals are heard: what it has under way is waited for
  if (signals_.joinable()) {
    signals_.request_stop();
    pthread_kill(signals_.native_handle(), SIGTERM);  // it waits for one
    signals_.join();
  }
}

Result<void> Cli::Start() {
  ASSIGN_OR_RETURN(const uint64_t memory, ParseBytes(global.memory));
  if (global.repository.empty()) global.repository = Environment("CAIRN_REPOSITORY");
  named_ = std::make_unique<NamedRepositories>(global.config, [](const char* name) { return Environment(name); });
  auto chosen = ChooseMain();
  if (!chosen) main_error_ = std::move(chosen).error();  // for the commands that need a repository
  log_ = std::make_unique<CliLog>(*this);
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  executor_ = MakeThreadPool(std::min(cores, 16u));
  Limits limits;
  limits.memory_bytes = memory;
  context_ = std::make_unique<JobContext>(
      JobContext{*executor_, SystemClock(), SystemRandom(), progress_, *log_, stop_.get_token(), limits});
  if (global.verbose) {
    progress_.on_item = [this](std::string_view action, const std::string& path) {
      if (global.json) {
        PrintJson({{"message_type", "item"}, {"action", action}, {"path", path}});
      } else {
        Print(fmt::format("{:<9} {}\n", action, path));
      }
    };
  }
  const auto wait = [this](const std::stop_token& ending) {
    const sigset_t set = EndingSignals();
    int count = 0;
    for (;;) {
      if (sigwaitinfo(&set, nullptr) < 0) continue;  // EINTR
      if (ending.stop_requested()) return;
      if (++count > 1) {  // asked twice: at once; the next run finds what was stored
        RemoveForcedFolders();
        _exit(kExitInterrupted);
      }
      stop_.request_stop();
    }
  };
  ASSIGN_OR_RETURN(signals_, StartThread(wait));
  return {};
}

// The password: of an option; of the configuration, for one that it names; of a variable.
Result<void> Cli::ChooseMain() {
  const PasswordSources given{global.password_file, global.password_command, "CAIRN_PASSWORD", "",
                              "--password-file",    "--password-command"};
  main_.address = global.repository;
  ASSIGN_OR_RETURN(main_, Choose(global.repository, given));
  FillPassword(main_);
  return {};
}

Result<const RepositoryChoice*> Cli::MainChoice() const {
  if (main_error_) return *main_error_;
  return &main_;
}

RepositoryChoice Cli::ChoiceOf(const ConfiguredRepository& repository) const {
  RepositoryChoice choice =
      named_->ChoiceOf(repository, {"", "", "CAIRN_PASSWORD", "", "password-file", "password-command"});
  FillPassword(choice);
  return choice;
}

void Cli::SetStopAside() { context_->stop = std::stop_token(); }

void Cli::RemoveWhenForced(std::shared_ptr<ScratchFolder> folder) {
  const std::lock_guard lock(forced_mutex_);
  forced_folders_.push_back(std::move(folder));
}

// Other threads are still at work, and may be making one, or put one more file into it.
void Cli::RemoveForcedFolders() {
  std::vector<std::shared_ptr<ScratchFolder>> folders;
  {
    const std::lock_guard lock(forced_mutex_);
    folders = forced_folders_;
  }
  for (const auto& folder : folders) {
    for (int tries = 0; tries < 20; ++tries) {
      const auto removed = folder->Remove();
      if (removed) break;
      if (removed.error().code() != ErrorCode::kBusy) continue;
      SystemClock().Sleep(std::chrono::milliseconds(5), std::stop_token());
    }
  }
}

std::string Cli::CacheRootOf(const RepositoryChoice& choice) const {
  if (!global.cache_folder.empty()) return global.cache_folder;
  if (!choice.cache_folder.empty()) return choice.cache_folder;
  if (const std::string folder = Environment("CAIRN_CACHE_DIR"); !folder.empty()) return folder;
  if (const std::string folder = Environment("XDG_CACHE_HOME"); !folder.empty()) return folder + "/cairn";
  const std::string home = Environment("HOME");
  return (home.empty() ? "/var/tmp" : home + "/.cache") + "/cairn";
}

// The cache may be lost at any time, and so may its folder: without one that can be written a run has one of its own.
Result<std::string> Cli::UsableCache(const RepositoryChoice& choice) {
  if (!temporary_cache_.empty()) return temporary_cache_;
  if (!global.no_cache) {
    const std::string root = CacheRootOf(choice);
    auto usable = MakeFolders(PosixFileSystem(), root);
    if (usable) usable = TryToWrite(root);
    if (usable) return root;
    context_->log.Warning(
        "the cache folder cannot be used, and this run makes a temporary one, which takes longer (--cache-dir names "
        "another): {}",
        usable.error().message());
  }
  const std::string temporary = Environment("TMPDIR");
  std::string folder = (temporary.empty() ? "/tmp" : temporary) + "/cairn-cache-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return ErrnoError(errno, "making a temporary cache folder " + folder);
  temporary_cache_ = folder;
  return folder;
}

Result<StoreSettings> Cli::SettingsOf(const RepositoryChoice& choice) const {
  StoreSettings settings;
  for (const std::string& one : choice.store_settings) RETURN_IF_ERROR(AddStoreSetting(settings, one));
  for (const std::string& one : global.store_settings) RETURN_IF_ERROR(AddStoreSetting(settings, one));
  return settings;
}

StoreWorld Cli::WorldOf(RequestMeter* meter) {
  return {.files = PosixFileSystem(),
          .clock = SystemClock(),
          .random = SystemRandom(),
          .stop = stop_.get_token(),
          .environment = [](const char* name) { return Environment(name); },
          .retry_notice =
              [this](const Error& error, std::chrono::nanoseconds pause) {
                context_->log.Warning("{}; trying again in {:.1f} s", error.message(),
                                      std::chrono::duration<double>(pause).count());
              },
          .meter = meter};
}

Result<Cli::BesideStore> Cli::Beside(const RepositoryChoice& choice) {
  ASSIGN_OR_RETURN(StoreSettings settings, SettingsOf(choice));
  const std::lock_guard lock(metered_mutex_);
  const auto main = std::ranges::find(metered_, store_.get(), [](const auto& one) { return one->store; });
  const bool is_counted = &choice == &main_ && store_ != nullptr && main != metered_.end();
  return BesideStore{choice.address, std::move(settings), WorldOf(is_counted ? &(*main)->meter : nullptr)};
}

Result<std::unique_ptr<ObjectLocker>> Cli::OpenLocker() {
  ASSIGN_OR_RETURN(const RepositoryChoice* choice, MainChoice());
  ASSIGN_OR_RETURN(const BesideStore beside, Beside(*choice));
  return cairn::OpenLocker(beside.address, beside.settings, beside.world);
}

Result<std::unique_ptr<ObjectHolder>> Cli::OpenHolder() {
  ASSIGN_OR_RETURN(const RepositoryChoice* choice, MainChoice());
  ASSIGN_OR_RETURN(const BesideStore beside, Beside(*choice));
  return cairn::OpenHolder(beside.address, beside.settings, beside.world);
}

Result<std::unique_ptr<ObjectWarmer>> Cli::OpenWarmer() {
  ASSIGN_OR_RETURN(const RepositoryChoice* choice, MainChoice());
  return OpenWarmerOf(*choice);
}

Result<std::unique_ptr<ObjectWarmer>> Cli::OpenWarmerOf(const RepositoryChoice& choice) {
  ASSIGN_OR_RETURN(const BesideStore beside, Beside(choice));
  return cairn::OpenWarmer(beside.address, beside.settings, beside.world);
}

Result<std::unique_ptr<ObjectStore>> Cli::OpenStoreAt(const RepositoryChoice& choice, bool create) {
  if (choice.address.empty()) {
    return Error(ErrorCode::kInvalidArgument, "no repository is named: give -r REPOSITORY, or set CAIRN_REPOSITORY");
  }
  auto metered = std::make_unique<Metered>();
  const StoreWorld world = WorldOf(&metered->meter);
  ASSIGN_OR_RETURN(const StoreSettings settings, SettingsOf(choice));
  const std::string& address = choice.address;
  ASSIGN_OR_RETURN(auto store,
                   create ? CreateStore(address, settings, world) : cairn::OpenStore(address, settings, world));
  BandwidthLimits limits;
  const std::string& upload = global.limit_upload.empty() ? choice.limit_upload : global.limit_upload;
  const std::string& download = global.limit_download.empty() ? choice.limit_download : global.limit_download;
  if (!upload.empty()) {
    ASSIGN_OR_RETURN(limits.upload, ParseBytes(upload));
  }
  if (!download.empty()) {
    ASSIGN_OR_RETURN(limits.download, ParseBytes(download));
  }
  if (limits.upload > 0 || limits.download > 0) {
    store = std::make_unique<LimitStore>(std::move(store), limits, SystemClock(), stop_.get_token());
  }
  store = std::make_unique<PresenceStore>(std::move(store));
  metered->store = store.get();
  const std::lock_guard lock(metered_mutex_);
  metered_.push_back(std::move(metered));
  return store;
}

Result<ObjectStore*> Cli::OpenStore() {
  if (store_ == nullptr) {
    ASSIGN_OR_RETURN(const RepositoryChoice* choice, MainChoice());
    auto store = OpenStoreAt(*choice, false);
    repository_missing_ = !store && store.error().code() == ErrorCode::kNotFound;
    RETURN_IF_ERROR(store);
    store_ = *std::move(store);
  }
  return store_.get();
}

Result<std::unique_ptr<ObjectStore>> Cli::OpenOtherStore(const RepositoryChoice& choice) {
  auto store = OpenStoreAt(choice, false);
  repository_missing_ = !store && store.error().code() == ErrorCode::kNotFound;
  return store;
}

Result<OpenOptions> Cli::OptionsFor(const RepositoryChoice& choice) {
  const std::lock_guard lock(open_mutex_);
  ASSIGN_OR_RETURN(const std::string cache, UsableCache(choice));
  return OpenOptions{
      .files = &PosixFileSystem(), .cache_root = cache, .metadata_cache_bytes = temporary_cache_.empty() ? kGiB : 0};
}

Result<std::unique_ptr<Repository>> Cli::OpenAt(ObjectStore& store, const RepositoryChoice& choice,
                                                const std::function<void()>& meanwhile) {
  ASSIGN_OR_RETURN(const OpenOptions options, OptionsFor(choice));
  auto found = Repository::Find(store, options);
  repository_missing_ = !found && found.error().code() == ErrorCode::kNotFound;
  const auto look = [this](const auto& result) { cannot_open_ = !result && IsDamage(result.error().code()); };
  look(found);
  RETURN_IF_ERROR(found);
  password_hint_ = choice.password.Names();
  auto opened = OpenFound(store, std::move(found), choice, options, meanwhile);
  look(opened);
  return opened;
}

Result<std::unique_ptr<Repository>> Cli::OpenFound(ObjectStore& store, Result<FoundRepository> found,
                                                   const RepositoryChoice& choice, const OpenOptions& options,
                                                   const std::function<void()>& meanwhile) {
  const std::lock_guard lock(open_mutex_);
  const auto begin = SystemClock().Steady();
  ASSIGN_OR_RETURN(Bytes password, ReadPassword(choice.password, "password of " + choice.ForPeople(), false, stop()));
  const WipeGuard wipe(password);
  if (meanwhile) meanwhile();
  // While somebody typed, keys may have been added or changed.
  if (SystemClock().Steady() - begin > std::chrono::seconds(1)) found = Repository::Find(store, options);
  RETURN_IF_ERROR(found);
  ASSIGN_OR_RETURN(auto repository, Repository::Open(store, *found, password, options, *context_));
  // The newest of those at this address: an earlier store may have stood there.
  const std::lock_guard metered_lock(metered_mutex_);
  const auto metered =
      std::ranges::find(metered_.rbegin(), metered_.rend(), &store, [](const auto& one) { return one->store; });
  if (metered != metered_.rend() && temporary_cache_.empty()) (*metered)->cache_folder = repository->cache().folder();
  return repository;
}

Result<OpenedRepository> Cli::OpenOther(const RepositoryChoice& choice, const std::function<void()>& meanwhile,
                                        bool* is_missing) {
  const auto look = [&](const auto& result) {
    if (is_missing != nullptr) *is_missing = !result && result.error().code() == ErrorCode::kNotFound;
  };
  // Told of the job's own repository, which one thread opens.
  const auto look_for_damage = [&](const auto& result) {
    if (is_missing != nullptr) cannot_open_ = !result && IsDamage(result.error().code());
  };
  auto store = OpenStoreAt(choice, false);
  look(store);
  RETURN_IF_ERROR(store);
  ASSIGN_OR_RETURN(const OpenOptions options, OptionsFor(choice));
  auto found = Repository::Find(**store, options);
  look(found);
  look_for_damage(found);
  RETURN_IF_ERROR(found);
  auto repository = OpenFound(**store, std::move(found), choice, options, meanwhile);
  look_for_damage(repository);
  RETURN_IF_ERROR(repository);
  return OpenedRepository{*std::move(store), *std::move(repository)};
}

RequestCounts Cli::Requests() const {
  RequestCounts all;
  const std::lock_guard lock(metered_mutex_);
  for (const auto& one : metered_) all += one->meter.counts();
  return all;
}

void Cli::KeepRequests() {
  const std::lock_guard lock(metered_mutex_);
  for (const auto& one : metered_) {
    const RequestCounts counts = one->meter.counts();
    if (counts.requests() == 0) continue;
    context_->log.Debug("the store was asked {} puts, {} gets, {} lists, {} heads, {} removes; {} up, {} down",
                        counts.puts, counts.gets, counts.lists, counts.heads, counts.removes,
                        HumanBytes(counts.bytes_up), HumanBytes(counts.bytes_down));
    if (one->cache_folder.empty()) continue;
    RequestLog log(PosixFileSystem(), one->cache_folder);
    IgnoreError(log.Add(command, counts, SystemClock(), SystemRandom()), "advisory: cairn cost knows less");
  }
}

Result<Repository*> Cli::Open(const std::function<void()>& meanwhile) {
  if (repository_ == nullptr) {
    ASSIGN_OR_RETURN(ObjectStore * store, OpenStore());
    auto repository = OpenAt(*store, main_, meanwhile);
    RETURN_IF_ERROR(repository);
    repository_ = *std::move(repository);
  }
  return repository_.get();
}

Result<Repository*> Cli::OpenToRead(ReaderListing reads) {
  return Open([&] { store_->ListAhead(ReaderListings(reads)); });
}

Result<SnapshotSet> Cli::Snapshots() {
  ASSIGN_OR_RETURN(Repository * repository, Open());
  return LoadSnapshots(*repository, *context_, Findings());
}

Result<const LoadedSnapshot*> Cli::Resolve(const SnapshotSet& set, const std::string& name,
                                           const SnapshotFilter& filter, InDoubt in_doubt) {
  auto found = ResolveSnapshot(set, name, filter);
  if (!found) return found;
  const auto doubt = DoubtOfLatest(set, name, filter != nullptr, ParsedName::Kind::kSnapshot);
  if (!doubt) return found;
  const LoadedSnapshot& one = **found;
  std::string text = fmt::format("{}; of those that can be read, it is {}", doubt->message(), one.id.Short());
  if (one.opened) text += " of " + FormatTime(one.inner.start, one.inner.offset_minutes);
  text += ": give that id if it is the right one";
  if (in_doubt == InDoubt::kRefuse) return Error(doubt->code(), text);
  if (doubts_told_.insert(text).second) context_->log.Warning("{}", text);
  return found;
}

Result<void> Cli::NeedNoDoubt(const SnapshotSet& set, const std::string& name, const SnapshotFilter& filter,
                              ParsedName::Kind kind) {
  const auto doubt = DoubtOfLatest(set, name, filter != nullptr, kind);
  if (!doubt) return {};
  return MakeError(doubt->code(), "{}: give an id", doubt->message());
}

FindingSink Cli::Findings() {
  return [this](const Finding& finding) {
    if (finding.severity != Finding::Severity::kNote) ++findings_told_;
    if (global.json) {
      PrintJson({{"message_type", "finding"},
                 {"severity", SeverityName(finding.severity)},
                 {"code", Name(finding.code)},
                 {"object", finding.object},
                 {"detail", finding.detail}});
      return;
    }
    if (global.quiet && finding.severity == Finding::Severity::kNote) return;
    const std::lock_guard lock(output_mutex_);
    ProgressLine("");
    std::fprintf(stderr, "cairn: %s: %s: %s\n", std::string(SeverityName(finding.severity)).c_str(),
                 Printable(finding.object).c_str(), Printable(finding.detail).c_str());
  };
}

// One line, rewritten in place; "" clears it. Called with output_mutex_ held.
void Cli::ProgressLine(const std::string& line) {
  if (line.empty() && !progress_shown_) return;
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  progress_shown_ = !line.empty();
}

namespace {

std::string ProgressText(const Progress& progress, double seconds, size_t width) {
  const uint64_t bytes = progress.bytes_done;
  const uint64_t bytes_total = progress.bytes_total;
  const double rate = seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
  std::string text = fmt::format("{}  {}", HumanSeconds(static_cast<uint64_t>(seconds)), progress.phase());
  if (progress.items_total > 0) {
    text += fmt::format("  {} of {}", HumanCount(progress.items_done), HumanCount(progress.items_total));
  } else if (progress.items_done > 0) {
    text += fmt::format("  {}", HumanCount(progress.items_done));
  }
  if (bytes > 0) text += fmt::format("  {}  {}/s", HumanBytes(bytes), HumanBytes(static_cast<uint64_t>(rate)));
  if (bytes_total > bytes && rate > 0) {
    text += "  " + HumanSeconds(static_cast<uint64_t>(static_cast<double>(bytes_total - bytes) / rate)) + " left";
  }
  if (progress.errors > 0) text += fmt::format("  {} errors", progress.errors.load());
  const std::string current = progress.current();
  if (!current.empty() && text.size() + 10 < width) {
    const size_t room = width - text.size() - 3;
    text += "  " + (current.size() <= room ? current : "..." + current.substr(current.size() - room + 3));
  }
  return text.size() < width ? text : text.substr(0, width - 1);
}

nlohmann::json ProgressJson(const Progress& progress, double seconds) {
  return {{"message_type", "status"},
          {"phase", progress.phase()},
          {"seconds", seconds},
          {"items_done", progress.items_done.load()},
          {"items_total", progress.items_total.load()},
          {"bytes_done", progress.bytes_done.load()},
          {"bytes_total", progress.bytes_total.load()},
          {"errors", progress.errors.load()},
          {"current", progress.current()}};
}

}  // namespace

std::unique_ptr<std::jthread> Cli::ShowProgress() {
  const std::string term = Environment("TERM");
  const auto start = SystemClock().Steady();
  // Without a thread nothing is shown.
  const auto show = [](const std::function<void(const std::stop_token&)>& run) -> std::unique_ptr<std::jthread> {
    auto started = StartThread(run);
    return started ? std::make_unique<std::jthread>(*std::move(started)) : nullptr;
  };
  if (global.json && !global.quiet) {
    return show([this, start](const std::stop_token& ending) {
      while (SystemClock().Sleep(std::chrono::seconds(1), ending)) {
        PrintJson(ProgressJson(progress_, std::chrono::duration<double>(SystemClock().Steady() - start).count()));
      }
    });
  }
  if (global.json || global.quiet || isatty(STDERR_FILENO) == 0 || term == "dumb") return nullptr;
  return show([this, start](const std::stop_token& ending) {
    while (SystemClock().Sleep(std::chrono::milliseconds(100), ending)) {
      winsize size{};
      const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20;
      const double seconds = std::chrono::duration<double>(SystemClock().Steady() - start).count();
      const std::string line = ProgressText(progress_, seconds, known ? size.ws_col : 80);
      const std::lock_guard lock(output_mutex_);
      ProgressLine(line);
    }
    const std::lock_guard lock(output_mutex_);
    ProgressLine("");
  });
}

void Cli::Print(const std::string& text) {
  const std::lock_guard lock(output_mutex_);
  ProgressLine("");
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() && errno == EPIPE) output_closed_ = true;
}

void Cli::Say(const std::string& text) {
  if (!global.quiet) Print(text);
}

nlohmann::json RequestsJson(const RequestCounts& counts) {
  return {{"puts", counts.puts},
          {"gets", counts.gets},
          {"lists", counts.lists},
          {"heads", counts.heads},
          {"removes", counts.removes},
          {"bytes_up", counts.bytes_up},
          {"bytes_down", counts.bytes_down},
          {"data_puts", counts.data_puts},
          {"data_gets", counts.data_gets},
          {"data_bytes_down", counts.data_bytes_down}};
}

void Cli::PrintJson(const nlohmann::json& object) {
  // Bytes that are no UTF-8 become replacement characters: JSON has no other way to say them.
  const auto text = [](const nlohmann::json& json) {
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  };
  const RequestCounts counts = Requests();
  const bool is_summary = object.is_object() && object.value("message_type", "") == "summary";
  if (!is_summary || counts.requests() == 0) return Print(text(object));
  nlohmann::json whole = object;
  whole["requests"] = RequestsJson(counts);
  Print(text(whole));
}

int Cli::Fail(const Error& error) {
  const int code = repository_missing_ && error.code() == ErrorCode::kNotFound ? kExitNoRepository : ExitCodeOf(error);
  if (global.json) {
    PrintJson(
        {{"message_type", "error"}, {"code", Name(error.code())}, {"message", error.message()}, {"exit_code", code}});
  }
  TellFailure(error);
  return code;
}

void Cli::TellFailure(const Error& error) {
  const std::string way_out =
      error.code() == ErrorCode::kWrongKey && !password_hint_.empty()
          ? "give the right password (" + password_hint_ + ")"
      : cannot_open_ && IsDamage(error.code())
          ? "nothing opens without it, and no repair makes it anew: put it back from a copy of the repository"
          : WayOut(error, all_or_none_);
  const std::lock_guard lock(output_mutex_);
  ProgressLine("");
  std::fprintf(stderr, "cairn: %s%s%s\n", Printable(error.message()).c_str(), way_out.empty() ? "" : "\n       ",
               way_out.c_str());
}

}  // namespace cairn
