#include <nlohmann/json.hpp>

#include "engine/repo/time_text.h"
#include "frontends/cli/command.h"
#include "frontends/cli/job_state.h"
#include "frontends/cli/snapshot_json.h"
#include "frontends/cli/text.h"

namespace cairn {
namespace {

std::string TimeText(const std::optional<WireTime>& time) { return time ? FormatTimeThen(*time, SystemClock()) : ""; }

nlohmann::json TimeJson(const std::optional<WireTime>& time) {
  return time ? nlohmann::json(JsonTime(*time)) : nlohmann::json();
}

std::string LagText(const CopyState& copy) {
  if (copy.waiting == 0) return copy.result == "success" ? "none" : copy.result;
  return fmt::format("{} wait since {}", copy.waiting, TimeText(copy.waiting_since));
}

nlohmann::json ToJson(const ConfiguredJob& job, const JobState& state) {
  nlohmann::json copies = nlohmann::json::array();
  for (const ConfiguredCopy& one : job.copies) {
    const auto found = state.copies.find(one.to);
    const CopyState copy = found == state.copies.end() ? CopyState() : found->second;
    copies.push_back({{"repository", one.to},
                      {"result", copy.result},
                      {"error", copy.error},
                      {"ended", TimeJson(copy.ended)},
                      {"caught_up", TimeJson(copy.caught_up)},
                      {"snapshots_waiting", copy.waiting},
                      {"waiting_since", TimeJson(copy.waiting_since)}});
  }
  return {{"job", job.name},
          {"to", job.to},
          {"schedule", job.schedules},
          {"time_zone", job.time_zone},
          {"result", state.result},
          {"error", state.error},
          {"snapshot", state.snapshot},
          {"begun", TimeJson(state.begun)},
          {"ended", TimeJson(state.ended)},
          {"last_success", TimeJson(state.last_success)},
          {"copies", copies}};
}

Result<int> Run(Cli& cli) {
  ASSIGN_OR_RETURN(const Configuration* configuration, cli.ReadConfiguration());
  nlohmann::json list = nlohmann::json::array();
  Table table({"Job", "To", "Last run", "Result", "Copy", "Lag"});
  for (const ConfiguredJob& job : configuration->jobs) {
    ASSIGN_OR_RETURN(const auto file, JobStateFile::Open(PosixFileSystem(), StateFolder(), *configuration, job.name));
    JobState state = file->Load();
    // A process that was killed has not said so.
    if (state.result == "running" && !file->IsLocked()) state.result = "interrupted";
    list.push_back(ToJson(job, state));
    table.Add({job.name, job.to, TimeText(state.begun), state.result.empty() ? "never ran here" : state.result,
               job.copies.empty() ? "" : job.copies.front().to,
               job.copies.empty() ? "" : LagText(state.copies[job.copies.front().to])});
    for (size_t i = 1; i < job.copies.size(); ++i) {
      const std::string& to = job.copies[i].to;
      table.Add({"", "", "", "", to, LagText(state.copies[to])});
    }
  }
  if (cli.json()) {
    cli.PrintJson({{"configuration", configuration->file}, {"jobs", list}});
  } else {
    cli.Print("jobs of " + configuration->file + "\n" + (table.empty() ? "none\n" : table.Text()));
  }
  return 0;
}

}  // namespace

void AddJobs(CLI::App& app, Cli& cli, Action& action) {
  CLI::App* command = app.add_subcommand("jobs", "List the jobs of the configuration, how they went, what copies lack");
  command->callback([&cli, &action] { action = [&cli] { return Run(cli); }; });
}

}  // namespace cairn
