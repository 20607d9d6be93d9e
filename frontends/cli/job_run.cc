#include "frontends/cli/job_run.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/env/thread.h"
#include "engine/repo/time_text.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/hook.h"
#include "frontends/cli/text.h"

namespace cairn {
namespace {

// What a copy is given at least.
constexpr uint64_t kCopyMemory = 128 * kMiB;

std::optional<WireTime> Now() { return ToWireTime(SystemClock().Now()); }

class JobRun {
 public:
  JobRun(Cli& cli, const Configuration& configuration, const ConfiguredJob& job, bool dry_run)
      : cli_(cli), configuration_(configuration), job_(job), dry_run_(dry_run) {
    outcome_.job = job.name;
    target_ = cli.ChoiceOf(*configuration.FindRepository(job.to));
  }

  Result<JobOutcome> Run() {
    ASSIGN_OR_RETURN(const auto file, JobStateFile::Open(PosixFileSystem(), StateFolder(), configuration_, job_.name));
    std::unique_ptr<FileLock> lock;
    state_ = file->Load();
    if (!dry_run_) {
      ASSIGN_OR_RETURN(lock, file->Lock());
      state_ = file->Load();
      state_.result = "running";
      state_.begun = Now();
      state_.process = ::getpid();
      Store(*file);
    }
    const auto start = SystemClock().Steady();
    RunSteps();
    RunLastHook();
    outcome_.seconds = std::chrono::duration<double>(SystemClock().Steady() - start).count();
    if (!dry_run_) {
      Remember();
      Store(*file);
    }
    return std::move(outcome_);
  }

 private:
  // For people only: a full disk of this machine is no reason to back up nothing.
  void Store(const JobStateFile& file) const {
    auto stored = file.Store(state_);
    if (!stored) cli_.context().log.Warning("job {}: {}", job_.name, stored.error().message());
  }

  // --- the steps ---

  void RunSteps() {
    auto ready = RunBefore();
    auto made = ready ? Backup() : Result<void>(ready.error());
    if (!made) Fail(made.error());
    RunAfter();
    if (!made || IsStopped("before the copies")) return;
    auto loaded = LoadSnapshots(*source_.repository, cli_.context(), cli_.Findings());
    if (!loaded) return LackAllCopies(std::move(loaded).error().While("looking for what " + job_.to + " holds"));
    CopyAll(*loaded);
    if (!IsStopped("before the retention")) Keep();
  }

  // The backup is there all the same.
  void LackAllCopies(const Error& error) {
    for (const ConfiguredCopy& copy : job_.copies) {
      outcome_.copies.emplace_back();
      outcome_.copies.back().to = copy.to;
      outcome_.copies.back().error = error;
    }
    Lack(error);
  }

  bool IsStopped(const char* when) {
    if (cli_.stop().stop_requested()) Fail(MakeError(ErrorCode::kInterrupted, "interrupted {}", when));
    return cli_.stop().stop_requested();
  }

  Result<void> Backup() {
    BackupPlaces places{
        .repository = target_.Folder(), .other_repositories = {}, .cache_root = cli_.CacheRootOf(target_)};
    for (const ConfiguredCopy& copy : job_.copies) {
      const RepositoryChoice other = ChoiceOf(copy);
      if (other.Folder().starts_with("/")) places.other_repositories.push_back(other.Folder());
    }
    const BackupSources sources(job_.items, std::move(places));
    BackupRequest request{.tags = job_.tags,
                          .host = job_.host,
                          .time = "",
                          .description = job_.description,
                          .parent = "",
                          .compression = job_.compression,
                          .force = job_.force,
                          .dry_run = dry_run_};
    request.tags.push_back(TagOfJob(job_));
    ASSIGN_OR_RETURN(outcome_.backup,
                     MakeBackup(cli_, sources, request, [this](const auto& meanwhile) { return Open(meanwhile); }));
    if (!cli_.json()) SayBackup(cli_, *outcome_.backup);
    const uint64_t unread = outcome_.backup->report.items_unread;
    if (unread > 0) Lack(MakeError(ErrorCode::kIo, "{} entries could not be read", unread));
    return {};
  }

  Result<Repository*> Open(const std::function<void()>& meanwhile) {
    auto opened = cli_.OpenOther(target_, meanwhile, &outcome_.is_repository_missing);
    RETURN_IF_ERROR(opened);
    source_ = *std::move(opened);
    RETURN_IF_ERROR(repositories_.Add(*source_.repository, job_.to));
    return source_.repository.get();
  }

  RepositoryChoice ChoiceOf(const ConfiguredCopy& copy) const {
    return cli_.ChoiceOf(*configuration_.FindRepository(copy.to));
  }

  // Of the memory each copy that runs beside others has its part.
  void CopyAll(const SnapshotSet& have) {
    outcome_.copies.resize(job_.copies.size());
    const uint64_t memory = cli_.context().limits.memory_bytes;
    const size_t at_once = std::clamp<size_t>(memory / kCopyMemory, 1, std::max<size_t>(job_.copies.size(), 1));
    JobContext context = cli_.context();
    context.limits.memory_bytes = memory / at_once;
    auto progress = cli_.ShowProgress();
    std::atomic<size_t> next = 0;
    const auto work = [&] {
      for (size_t i = next++; i < job_.copies.size(); i = next++) {
        const ConfiguredCopy& copy = job_.copies[i];
        const auto before = state_.copies.find(copy.to);
        outcome_.copies[i] = CatchUp(cli_, context, *source_.repository, have,
                                     {.target = ChoiceOf(copy),
                                      .job = job_,
                                      .copy = copy,
                                      .before = before == state_.copies.end() ? CopyState() : before->second,
                                      .repositories = repositories_,
                                      .made = Made(),
                                      .dry_run = dry_run_});
      }
    };
    {
      std::vector<std::jthread> threads;
      for (size_t i = 1; i < at_once; ++i) {
        auto thread = StartThread([&](const std::stop_token&) { work(); });
        if (!thread) break;  // the others do what it would have done
        threads.push_back(*std::move(thread));
      }
      work();
    }
    progress.reset();
    for (const CopyOutcome& copy : outcome_.copies) Tell(copy);
  }

  void Tell(const CopyOutcome& copy) {
    if (!cli_.json()) SayCopy(cli_, copy, dry_run_);
    if (copy.error && copy.error->code() == ErrorCode::kInterrupted) return Fail(*copy.error);
    if (copy.is_whole()) return;
    const std::string what = "copy " + copy.to;
    if (!copy.error) {
      return Lack(
          MakeError(ErrorCode::kIo, "{}: {} snapshots there lack what could not be sent", what, copy.incomplete));
    }
    const std::string waiting =
        copy.waiting.empty()
            ? ""
            : fmt::format(" ({} snapshots wait for it, the oldest of {}; the next run sends them)", copy.waiting.size(),
                          FormatTimeThen(copy.waiting_since.value_or(WireTime()), SystemClock()));
    cli_.Findings()({Finding::Severity::kWarning, copy.error->code(), what, copy.error->message() + waiting});
    Lack(Error(*copy.error).While(what));
  }

  // After the copies, so that each has had what goes here.
  void Keep() {
    if (!job_.retention) return;
    const auto storage = StorageOf(cli_, target_);
    if (!storage) return Lack(Error(storage.error()).While("the retention of " + job_.to));
    auto kept = KeepTo(cli_.context(), *source_.repository, *job_.retention, SnapshotsOfJob(job_), Made(), *storage,
                       dry_run_, cli_.Findings(), [this](const std::vector<SnapshotId>& going) { TellOfLost(going); });
    if (!kept) return Lack(std::move(kept).error().While("the retention of " + job_.to));
    outcome_.retention = *std::move(kept);
    if (!cli_.json()) SayRetention(cli_, job_.to, outcome_.retention, dry_run_);
  }

  void TellOfLost(const std::vector<SnapshotId>& going) {
    for (const CopyOutcome& copy : outcome_.copies) {
      if (!copy.error) continue;
      const auto lost = std::ranges::count_if(
          going, [&](const SnapshotId& id) { return std::ranges::find(copy.waiting, id) != copy.waiting.end(); });
      if (lost == 0) continue;
      cli_.Findings()({Finding::Severity::kWarning, ErrorCode::kBusy, "copy " + copy.to,
                       fmt::format("{} snapshots that it has not got go by the retention of {}", lost, job_.to)});
    }
  }

  // --- hooks ---

  Result<void> RunOne(const ConfiguredHook& hook, const char* moment, const std::string& result,
                      const std::stop_token& stop) {
    if (!hook.is_given()) return {};
    if (dry_run_) {
      if (!cli_.json()) cli_.Say(fmt::format("the hook {} would be run\n", moment));
      return {};
    }
    HookRun run{.environment = {{"CAIRN_JOB", job_.name},
                                {"CAIRN_HOOK", moment},
                                {"CAIRN_RESULT", result},
                                {"CAIRN_SNAPSHOT", SnapshotText()},
                                {"CAIRN_ERROR", ErrorText()},
                                {"CAIRN_COPIES_FAILED", CopiesFailed()}},
                .secrets = {},
                .stop = stop,
                .ends_with_program = true};
    for (const ConfiguredRepository& one : configuration_.repositories) {
      if (!one.password_variable.empty()) run.secrets.push_back(one.password_variable);
    }
    auto done = RunHook(cli_, hook, run);
    if (!done) outcome_.hooks_failed.emplace_back(moment);
    return std::move(done).While(fmt::format("the hook {}", moment));
  }

  Result<void> RunBefore() { return RunOne(job_.hooks.before, "before", "", cli_.stop()); }

  // Whatever became of what was before, and to its end: it may start what the hook before has stopped.
  void RunAfter() {
    auto done = RunOne(job_.hooks.after, "after", std::string(Name(outcome_.result)), std::stop_token());
    if (!done) TellHook(done.error());
  }

  void RunLastHook() {
    const bool is_good = outcome_.result == JobResult::kSuccess;
    // Who was asked to stop still tells of it.
    const std::stop_token stop = cli_.stop().stop_requested() ? std::stop_token() : cli_.stop();
    auto done = RunOne(is_good ? job_.hooks.on_success : job_.hooks.on_failure, is_good ? "on-success" : "on-failure",
                       std::string(Name(outcome_.result)), stop);
    if (!done) TellHook(done.error());
  }

  void TellHook(const Error& error) {
    cli_.Findings()({Finding::Severity::kWarning, error.code(), "job " + job_.name, error.message()});
    Lack(error);
  }

  std::optional<SnapshotId> Made() const { return outcome_.backup ? outcome_.backup->report.id : std::nullopt; }

  std::string SnapshotText() const { return Made() ? Made()->ToHex() : ""; }

  // The system starts no program with a variable that is too long.
  std::string ErrorText() const {
    constexpr size_t kBytesMax = 16 * kKiB;
    return outcome_.error ? outcome_.error->message().substr(0, kBytesMax) : "";
  }

  std::string CopiesFailed() const {
    std::string names;
    for (const CopyOutcome& copy : outcome_.copies) {
      if (!copy.is_whole()) names += (names.empty() ? "" : ",") + copy.to;
    }
    return names;
  }

  // --- how it went ---

  void Fail(const Error& error) {
    if (outcome_.result == JobResult::kFailure || outcome_.result == JobResult::kInterrupted) return;
    outcome_.result = error.code() == ErrorCode::kInterrupted ? JobResult::kInterrupted : JobResult::kFailure;
    outcome_.error = error;
  }

  void Lack(const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) return Fail(error);
    if (outcome_.result != JobResult::kSuccess) return;
    outcome_.result = JobResult::kIncomplete;
    outcome_.error = error;
  }

  void Remember() {
    state_.result = Name(outcome_.result);
    state_.error = outcome_.error ? outcome_.error->message() : "";
    state_.ended = Now();
    state_.process = 0;
    if (!SnapshotText().empty()) state_.snapshot = SnapshotText();
    if (outcome_.result == JobResult::kSuccess) state_.last_success = state_.ended;
    std::erase_if(state_.copies, [this](const auto& one) {
      return std::ranges::find(job_.copies, one.first, &ConfiguredCopy::to) == job_.copies.end();
    });
    for (const CopyOutcome& copy : outcome_.copies) {
      CopyState& state = state_.copies[copy.to];
      state.result = copy.error ? "failure" : copy.incomplete > 0 ? "incomplete" : "success";
      state.error = copy.error ? copy.error->message() : "";
      state.ended = Now();
      state.waiting = copy.waiting.size();
      state.waiting_since = copy.waiting_since;
      if (copy.is_whole()) state.caught_up = copy.newest;
    }
  }

  Cli& cli_;
  const Configuration& configuration_;
  const ConfiguredJob& job_;
  const bool dry_run_;
  RepositoryChoice target_;
  OpenedRepository source_;
  RunRepositories repositories_;
  JobState state_;
  JobOutcome outcome_;
};

}  // namespace

std::string_view Name(JobResult result) {
  switch (result) {
    case JobResult::kSuccess:
      return "success";
    case JobResult::kIncomplete:
      return "incomplete";
    case JobResult::kFailure:
      return "failure";
    case JobResult::kInterrupted:
      return "interrupted";
  }
  return "unknown";
}

Result<JobOutcome> RunJob(Cli& cli, const Configuration& configuration, const ConfiguredJob& job, bool dry_run) {
  return JobRun(cli, configuration, job, dry_run).Run();
}

nlohmann::json JobJson(const JobOutcome& outcome, bool dry_run) {
  nlohmann::json copies = nlohmann::json::array();
  for (const CopyOutcome& copy : outcome.copies) copies.push_back(CopyJson(copy, dry_run));
  const bool has_snapshot = outcome.backup && outcome.backup->report.id;
  return {{"message_type", "summary"},
          {"job", outcome.job},
          {"result", Name(outcome.result)},
          {"dry_run", dry_run},
          {"error", outcome.error ? nlohmann::json(outcome.error->message()) : nlohmann::json()},
          {"snapshot", has_snapshot ? nlohmann::json(outcome.backup->report.id->ToHex()) : nlohmann::json()},
          {"backup", outcome.backup ? BackupJson(*outcome.backup, dry_run) : nlohmann::json()},
          {"copies", copies},
          {"retention", RetentionJson(outcome.retention, dry_run)},
          {"hooks_failed", outcome.hooks_failed},
          {"seconds", outcome.seconds}};
}

int ExitCodeOf(const JobOutcome& outcome) {
  switch (outcome.result) {
    case JobResult::kSuccess:
      return kExitOk;
    case JobResult::kIncomplete:
      return kExitIncomplete;
    case JobResult::kFailure:
      if (outcome.is_repository_missing) return kExitNoRepository;
      return outcome.error ? ExitCodeOf(*outcome.error) : kExitFatal;
    case JobResult::kInterrupted:
      return kExitInterrupted;
  }
  return kExitFatal;
}

}  // namespace cairn
