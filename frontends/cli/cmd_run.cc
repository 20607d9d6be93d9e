#include <nlohmann/json.hpp>

#include "frontends/cli/command.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/job_run.h"
#include "frontends/cli/text.h"

namespace cairn {
namespace {

struct RunCommand {
  std::vector<std::string> names;
  bool all = false, dry_run = false;
  std::string others_given;  // options that name another repository than a job does

  Result<int> Run(Cli& cli) const {
    if (!others_given.empty()) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "{}: a job says itself which repositories are its own, and how they are opened", others_given);
    }
    ASSIGN_OR_RETURN(const Configuration* configuration, cli.ReadConfiguration());
    ASSIGN_OR_RETURN(const auto jobs, Wanted(*configuration));
    int code = kExitOk;
    for (const ConfiguredJob* job : jobs) {
      if (!cli.json()) cli.Say(fmt::format("job {}{}\n", job->name, dry_run ? " (dry run)" : ""));
      auto outcome = RunJob(cli, *configuration, *job, dry_run);
      const int own = outcome ? Show(cli, *outcome) : ShowError(cli, *job, outcome.error());
      if (own == kExitInterrupted) return own;  // and no further one
      // Of several: the worst, without its particular reason.
      const int rank = own == kExitOk || own == kExitIncomplete || jobs.size() == 1 ? own : kExitFatal;
      if (code != kExitFatal && rank != kExitOk) code = rank;
    }
    return code;
  }

  Result<std::vector<const ConfiguredJob*>> Wanted(const Configuration& configuration) const {
    if (all != names.empty()) {
      return MakeError(ErrorCode::kInvalidArgument, "name jobs of {}, or give --all{}", configuration.file,
                       all ? ", not both" : configuration.OtherJobs(""));
    }
    std::vector<const ConfiguredJob*> jobs;
    for (const ConfiguredJob& job : configuration.jobs) {
      if (all) jobs.push_back(&job);
    }
    for (const std::string& name : names) {
      const ConfiguredJob* job = configuration.FindJob(name);
      if (job == nullptr) {
        return MakeError(ErrorCode::kInvalidArgument, "there is no [job.{}] in {}{}", name, configuration.file,
                         configuration.OtherJobs(name));
      }
      if (std::ranges::find(jobs, job) == jobs.end()) jobs.push_back(job);
    }
    return jobs;
  }

  int Show(Cli& cli, const JobOutcome& outcome) const {
    if (cli.json()) {
      cli.PrintJson(JobJson(outcome, dry_run));
    } else if (outcome.result == JobResult::kSuccess || !outcome.error) {
      cli.Say(fmt::format("job {}: {} in {:.1f} s\n", outcome.job, Name(outcome.result), outcome.seconds));
    }
    if (outcome.result == JobResult::kFailure || outcome.result == JobResult::kInterrupted) {
      cli.TellFailure(Error(*outcome.error).While("job " + outcome.job));
    } else if (outcome.result == JobResult::kIncomplete) {
      cli.context().log.Warning("job {} is incomplete: {}", outcome.job, outcome.error->message());
    }
    return ExitCodeOf(outcome);
  }

  // It was not even begun.
  int ShowError(Cli& cli, const ConfiguredJob& job, const Error& error) const {
    if (cli.json()) {
      cli.PrintJson({{"message_type", "summary"},
                     {"job", job.name},
                     {"result", "failure"},
                     {"dry_run", dry_run},
                     {"error", error.message()}});
    }
    cli.TellFailure(error);
    return ExitCodeOf(error);
  }
};

}  // namespace

void AddRun(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<RunCommand>();
  CLI::App* command = app.add_subcommand("run", "Run jobs of the configuration: backup, copies, retention, hooks");
  command->add_option("JOB", options->names, "These jobs, one after the other");
  command->add_flag("--all", options->all, "All jobs");
  command->add_flag("-n,--dry-run", options->dry_run, "Only say what would be done");
  command->callback([&app, &cli, &action, options] {
    for (const char* name : {"--repo", "--password-file", "--password-command"}) {
      options->others_given +=
          app.get_option(name)->count() > 0 ? std::string(options->others_given.empty() ? "" : ", ") + name : "";
    }
    action = [&cli, options] { return options->Run(cli); };
  });
}

}  // namespace cairn
