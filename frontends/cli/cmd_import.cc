#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/env/version.h"
#include "engine/jobs/backup.h"
#include "frontends/cli/command.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/import_bucket.h"
#include "frontends/cli/import_zone.h"
#include "frontends/cli/option_values.h"
#include "frontends/cli/origin.h"
#include "frontends/cli/snapshot_json.h"
#include "frontends/cli/text.h"
#include "frontends/config/compression_option.h"
#include "frontends/import/imported_backups.h"
#include "frontends/import/original_walk.h"

namespace cairn {
namespace {

using import::ForeignBackup;
using import::ImportedBackups;
using import::Original;

constexpr size_t kUnrecognisedShown = 20;
constexpr int kFencedTriesMax = 3;

struct ImportCommand {
  std::vector<std::string> sources, tags;
  std::string host, zone, compression = "default";
  import::ImportLimits limits;
  bool dry_run = false, verify_only = false, rehash = false;
};

std::string_view NameOf(ForeignBackup::TimeFrom from) {
  switch (from) {
    case ForeignBackup::TimeFrom::kMetadata:
      return "metadata";
    case ForeignBackup::TimeFrom::kName:
      return "name";
    case ForeignBackup::TimeFrom::kFile:
      return "file";
  }
  return "file";
}

// One run of the command.
class ImportRun {
 public:
  ImportRun(const ImportCommand& command, Cli& cli) : command_(command), cli_(cli) {}

  Result<int> Run() {
    if (!command_.zone.empty()) {
      ASSIGN_OR_RETURN(const std::string zone, ParseZone(command_.zone));
      UseZone(zone);
    }
    std::vector<std::string> buckets, folders;
    for (const std::string& source : command_.sources) (NamesBucket(source) ? buckets : folders).push_back(source);
    ASSIGN_OR_RETURN(const auto walk, import::FindOriginals(folders, {cli_.RepositoryFolder()}));
    RETURN_IF_ERROR(OpenRepository());
    for (const auto& problem : walk.unreadable) RETURN_IF_ERROR(Refuse(problem.path, nullptr, problem.error));
    paths_.insert(walk.files.begin(), walk.files.end());
    named_.insert(walk.named.begin(), walk.named.end());
    auto progress = cli_.ShowProgress();
    auto done = ImportAll(walk);
    for (auto bucket = buckets.begin(); done && bucket != buckets.end(); ++bucket) done = ImportBucket(*bucket);
    progress.reset();
    for (const std::string& path : walk.passed) Pass(path, "it is no file");
    Summarise(done.has_value());
    RETURN_IF_ERROR(done);
    return refused_ > 0 ? kExitIncomplete : kExitOk;
  }

 private:
  // A backup by its path: files are not kept open until it is their turn.
  struct Found {
    WireTime time;
    std::string path;
  };

  // Where it is needed: who only looks, and names none, needs none.
  Result<void> OpenRepository() {
    if (command_.verify_only || (command_.dry_run && cli_.global.repository.empty())) return {};
    ASSIGN_OR_RETURN(repository_, cli_.Open());
    if (!repository_->keyring().rights().Has(Rights::kMetadataKey)) {
      return Error(ErrorCode::kNoRight, "what was imported before stands in the snapshots, which this key cannot open");
    }
    ASSIGN_OR_RETURN(const SnapshotSet set, cli_.Snapshots());
    known_ = ImportedBackups(set, Host());
    return {};
  }

  Bytes Host() const { return command_.host.empty() ? HostName() : ToBytes(AsBytes(command_.host)); }

  // Oldest first. What is there already, or is damaged, or no backup, is told.
  Result<std::vector<Found>> Recognise(const import::OriginalWalk& walk) {
    std::vector<Found> all;
    cli_.context().progress.SetPhase("looking");
    for (const std::string& path : walk.files) {
      if (cli_.stop().stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
      cli_.context().progress.SetCurrent(path);
      auto original = Original::Open(path);
      if (!original) {
        RETURN_IF_ERROR(Refuse(path, nullptr, original.error()));
        continue;
      }
      const auto* known = command_.rehash || command_.verify_only ? nullptr : known_.Find(**original);
      if (known != nullptr) {
        TellKnown(path, *known);
        continue;
      }
      auto recognition = import::Recognise(*std::move(original), command_.limits, SystemClock(), cli_.stop());
      if (!recognition) {
        RETURN_IF_ERROR(Refuse(path, nullptr, recognition.error()));
      } else if (recognition->backup) {
        all.push_back({recognition->backup->time, path});
      } else if (named_.contains(path)) {
        RETURN_IF_ERROR(Refuse(path, nullptr, Error(ErrorCode::kInvalidArgument, recognition->why)));
      } else {
        Pass(path, recognition->why);
      }
    }
    std::ranges::sort(
        all, [](const Found& a, const Found& b) { return std::tie(a.time, a.path) < std::tie(b.time, b.path); });
    return all;
  }

  Result<void> ImportAll(const import::OriginalWalk& walk) {
    ASSIGN_OR_RETURN(const std::vector<Found> found, Recognise(walk));
    for (const Found& one : found) RETURN_IF_ERROR(Import(one));
    return {};
  }

  // Each object is fetched once, when it is its turn; one that is there already by its name, size and time is not.
  Result<void> ImportBucket(const std::string& address) {
    ASSIGN_OR_RETURN(const auto bucket, OpenBucketAt(cli_, address));
    cli_.context().progress.SetPhase("looking");
    ASSIGN_OR_RETURN(const std::vector<BucketFile> files, FilesOfBucket(*bucket, SystemClock()));
    if (files.empty()) return MakeError(ErrorCode::kNotFound, "{} holds nothing", address);
    for (const BucketFile& file : files) paths_.insert(file.path);
    for (const BucketFile& file : files) {
      if (cli_.stop().stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
      const auto* known =
          command_.rehash || command_.verify_only ? nullptr : known_.Find(file.path, file.object.size, file.modified);
      if (known != nullptr) {
        TellKnown(file.path, *known);
      } else {
        RETURN_IF_ERROR(ImportObject(*bucket, file));
      }
    }
    return {};
  }

  Result<void> ImportObject(Bucket& bucket, const BucketFile& file) {
    BeginOne("fetching", file.path);
    auto original = FetchFile(bucket, file);
    if (!original) return Refuse(file.path, nullptr, original.error());
    auto recognition = import::Recognise(*std::move(original), command_.limits, SystemClock(), cli_.stop());
    if (!recognition) return Refuse(file.path, nullptr, recognition.error());
    if (!recognition->backup) {
      Pass(file.path, recognition->why);
      return {};
    }
    BeginOne(command_.verify_only ? "verifying" : "importing", file.path);
    return ImportRecognised(*recognition->backup);
  }

  void BeginOne(const std::string& phase, const std::string& path) {
    Progress& progress = cli_.context().progress;
    progress.bytes_done = progress.bytes_total = progress.items_done = progress.items_total = 0;
    progress.SetPhase(phase);
    progress.SetCurrent(path);
  }

  // An Error ends the run; what is wrong with the backup alone is told.
  Result<void> Import(const Found& found) {
    BeginOne(command_.verify_only ? "verifying" : "importing", found.path);
    auto original = Original::Open(found.path);
    if (!original) return Refuse(found.path, nullptr, original.error());
    auto recognition = import::Recognise(*std::move(original), command_.limits, SystemClock(), cli_.stop());
    if (!recognition) return Refuse(found.path, nullptr, recognition.error());
    if (!recognition->backup) {
      return Refuse(found.path, nullptr, Error(ErrorCode::kBusy, "it changed meanwhile: " + recognition->why));
    }
    return ImportRecognised(*recognition->backup);
  }

  Result<void> ImportRecognised(const ForeignBackup& backup) {
    const std::string& own_path = backup.original->path();
    if (command_.verify_only) return VerifyOne(backup);
    if (repository_ == nullptr) {  // nothing to compare with
      Tell("would import", backup, nullptr, nullptr, backup.notes);
      ++imported_;
      return {};
    }
    auto fingerprint = backup.original->Hash(cli_.stop());
    if (!fingerprint) return Refuse(own_path, &backup, fingerprint.error());
    // What another file of this run was, or will be found to be, is not this one.
    const auto may_be = [&](const ImportedBackups::Known& known) {
      const std::string path(AsText(known.origin.path));
      return path == own_path || (!taken_.contains(known.id) && !paths_.contains(path));
    };
    const auto* known = known_.Find(*fingerprint, backup.series, backup.written_time, may_be);
    if (known != nullptr) {
      TellKnown(own_path, *known);
      return {};
    }
    if (command_.dry_run) {
      Tell("would import", backup, &*fingerprint, nullptr, backup.notes);
      ++imported_;
      return {};
    }
    return Store(backup, *fingerprint);
  }

  Result<void> VerifyOne(const ForeignBackup& backup) {
    auto notes = import::Verify(backup, command_.limits, cli_.stop());
    if (!notes) return Refuse(backup.original->path(), &backup, notes.error());
    notes->insert(notes->begin(), backup.notes.begin(), backup.notes.end());
    Tell("verified", backup, nullptr, nullptr, *notes);
    ++imported_;
    return {};
  }

  Result<void> Store(const ForeignBackup& backup, const Digest& fingerprint) {
    const std::string& path = backup.original->path();
    const ImportOrigin origin = backup.Origin(fingerprint, SystemClock());
    BackupOptions options;
    options.host = Host();
    options.user = UserName();
    options.program = std::string(kProgram);
    options.tags = AllTags(command_.tags);
    options.description = backup.description;
    options.time = backup.time;
    ASSIGN_OR_RETURN(options.compression, ParseCompression(command_.compression));
    for (int tries = 1;; ++tries) {
      auto prepared = import::Prepare(backup, origin, command_.limits, cli_.stop());
      if (!prepared) return Refuse(path, &backup, prepared.error());
      auto report = RunBackup(cli_.context(), *repository_, std::move(prepared->sources), options, cli_.Findings());
      if (const auto error = prepared->state->error()) return Refuse(path, &backup, *error);
      if (!report && report.error().code() == ErrorCode::kFenced && tries < kFencedTriesMax) continue;
      // What a snapshot cannot hold: too many items, a name.
      const bool is_of_backup = !report && (report.error().code() == ErrorCode::kInvalidArgument ||
                                            report.error().code() == ErrorCode::kUnsupported);
      if (is_of_backup) return Refuse(path, &backup, report.error());
      RETURN_IF_ERROR(report);
      prepared->notes.insert(prepared->notes.begin(), backup.notes.begin(), backup.notes.end());
      Tell("imported", backup, &fingerprint, &*report, prepared->notes);
      ++imported_;
      bytes_ += report->totals.bytes;
      bytes_stored_ += report->totals.bytes_stored;
      return {};
    }
  }

  static std::string Shown(const WireTime& time) { return FormatTimeThen(time, SystemClock()); }

  nlohmann::json JsonOf(const std::string& path, std::string_view state) const {
    nlohmann::json json = {{"message_type", "backup"}, {"state", state}};
    PutPath(json, "path", "", AsBytes(path));
    return json;
  }

  static void PutBackup(nlohmann::json& json, const ForeignBackup& backup) {
    json.update({{"format", backup.FormatText()},
                 {"time", JsonTime(backup.time)},
                 {"time_from", NameOf(backup.time_from)},
                 {"description", backup.description}});
    PutPath(json, "series", "", AsBytes(backup.series));
  }

  void Tell(std::string_view state, const ForeignBackup& backup, const Digest* fingerprint, const BackupReport* report,
            const std::vector<std::string>& notes) {
    const std::string& path = backup.original->path();
    const std::string shown = PathForPeople(AsBytes(path));
    if (cli_.json()) {
      nlohmann::json json = JsonOf(path, state == "would import" ? "would_import" : state);
      PutBackup(json, backup);
      json.update({{"original_bytes", backup.original->size()}, {"notes", notes}});
      if (fingerprint != nullptr) json["sha256"] = fingerprint->ToHex();
      if (report != nullptr) {
        json.update({{"id", report->id->ToHex()},
                     {"bytes", report->totals.bytes},
                     {"bytes_new", report->totals.bytes_new},
                     {"bytes_stored", report->totals.bytes_stored}});
      }
      cli_.PrintJson(json);
      return;
    }
    const std::string line = fmt::format("{}  {}  {}  {}{}\n", state, Shown(backup.time), backup.FormatText(), shown,
                                         report != nullptr ? "  " + report->id->Short() : "");
    // What a dry run lists was asked for.
    if (report == nullptr) {
      cli_.Print(line);
    } else {
      cli_.Say(line);
    }
    for (const std::string& note : notes) Note(path, note);
  }

  void TellKnown(const std::string& path, const ImportedBackups::Known& known) {
    ++known_count_;
    taken_.insert(known.id);
    if (!cli_.json()) {
      if (!cli_.global.verbose) return;
      cli_.Say(fmt::format("there already  {}  {}  {}  {}\n", Shown(known.time), known.origin.format,
                           PathForPeople(AsBytes(path)), known.id.Short()));
      return;
    }
    nlohmann::json json = JsonOf(path, "known");
    json.update({{"format", known.origin.format},
                 {"time", JsonTime(known.time)},
                 {"sha256", known.origin.fingerprint.ToHex()},
                 {"id", known.id.IsZero() ? nlohmann::json() : nlohmann::json(known.id.ToHex())}});
    cli_.PrintJson(json);
  }

  // Success: the others go on. Not where the user asked for the end.
  Result<void> Refuse(const std::string& path, const ForeignBackup* backup, const Error& error) {
    if (EndsJob(error.code())) return error;
    ++refused_;
    if (cli_.json()) {
      nlohmann::json json = JsonOf(path, "refused");
      if (backup != nullptr) PutBackup(json, *backup);
      json.update({{"code", Name(error.code())}, {"error", error.message()}});
      cli_.PrintJson(json);
      return {};
    }
    cli_.Findings()({Finding::Severity::kWarning, error.code(), PathForPeople(AsBytes(path)),
                     error.message() + (command_.verify_only ? "" : ": it is not imported")});
    return {};
  }

  void Pass(const std::string& path, const std::string& why) {
    if (++passed_ > kUnrecognisedShown) return;
    if (cli_.json()) {
      nlohmann::json json = JsonOf(path, "not_recognised");
      json["error"] = why;
      cli_.PrintJson(json);
      return;
    }
    Note(path, "left out: " + why);
  }

  void Note(const std::string& path, const std::string& text) {
    cli_.Findings()({Finding::Severity::kNote, ErrorCode::kUnsupported, PathForPeople(AsBytes(path)), text});
  }

  void Summarise(bool is_complete) {
    if (cli_.json()) {
      cli_.PrintJson({{"message_type", "summary"},
                      {"dry_run", command_.dry_run},
                      {"complete", is_complete},
                      {command_.verify_only ? "verified" : "imported", command_.dry_run ? 0 : imported_},
                      {"would_import", command_.dry_run ? imported_ : 0},
                      {"known", known_count_},
                      {"refused", refused_},
                      {"not_recognised", passed_},
                      {"bytes", bytes_},
                      {"bytes_stored", bytes_stored_}});
      return;
    }
    std::string text = fmt::format("{} {}", HumanCount(imported_),
                                   command_.verify_only ? "verified"
                                   : command_.dry_run   ? "to be imported"
                                                        : "imported");
    if (bytes_ > 0) text += fmt::format(" ({}, stored as {})", HumanBytes(bytes_), HumanBytes(bytes_stored_));
    if (!command_.verify_only) text += fmt::format(", {} there already", HumanCount(known_count_));
    if (refused_ > 0) text += fmt::format(", {} refused", HumanCount(refused_));
    if (passed_ > 0) text += fmt::format(", {} not recognised", HumanCount(passed_));
    if (passed_ > kUnrecognisedShown) text += fmt::format(" (the first {} are named)", kUnrecognisedShown);
    cli_.Say(text + "\n");
  }

  const ImportCommand& command_;
  Cli& cli_;
  Repository* repository_ = nullptr;
  ImportedBackups known_;
  std::set<std::string> named_, paths_;  // of the files that were given, and of all
  std::set<SnapshotId> taken_;           // by files that are there already
  uint64_t imported_ = 0, known_count_ = 0, refused_ = 0, passed_ = 0, bytes_ = 0, bytes_stored_ = 0;
};

}  // namespace

void AddImport(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<ImportCommand>();
  CLI::App* command = app.add_subcommand("import", "Bring in backups that other programs made, each as a snapshot");
  command->add_option("SOURCE", options->sources, "Files, folders of them, and s3:https://host/bucket/prefix")
      ->required();
  command->add_option("--zone", options->zone, "Zone of the times in names (default: this machine's)")
      ->type_name("ZONE")
      ->check(ValueOf(ParseZone));
  command->add_option("--tag", options->tags, "Tags, joined by commas (repeatable)")
      ->type_name("TAG[,TAG]")
      ->check(TagsValue());
  command->add_option("--host", options->host, "Host (default: this one)")->type_name("HOST");
  command->add_option("--compression", options->compression, "0 to 19, off, fast, default, better, max")
      ->capture_default_str()
      ->check(ValueOf(ParseCompression));
  command
      ->add_option("--max-ratio", options->limits.ratio_max,
                   "Refuse what is compressed and grows to more than so many times its size")
      ->type_name("NUMBER")
      ->capture_default_str()
      ->check(CLI::Range(1U, 1'000'000'000U));
  command->add_flag("--rehash", options->rehash, "Read again what path, size and time say is there already");
  command->add_flag("-n,--dry-run", options->dry_run, "Only list what would be imported");
  command->add_flag("--verify-only", options->verify_only, "Read and verify everything, and store nothing")
      ->excludes("--dry-run");
  command->callback([&cli, &action, options] { action = [&cli, options] { return ImportRun(*options, cli).Run(); }; });
}

}  // namespace cairn
