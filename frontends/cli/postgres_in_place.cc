#include "frontends/cli/postgres_in_place.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "frontends/cli/text.h"
#include "frontends/postgres/load_probe.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

std::string Shown(const std::string& name) { return PathForPeople(AsBytes(name)); }

void ShowPlan(Cli& cli, const postgres::InPlacePlan& plan, const InPlaceSetOptions& how,
              const std::vector<std::string>& problems, std::optional<double> seconds) {
  if (cli.json()) {
    cli.PrintJson({{"message_type", "plan"},
                   {"run", plan.run},
                   {"way", "in place"},
                   {"why", how.why},
                   {"target", plan.database},
                   {"server", plan.server},
                   {"tables", plan.tables},
                   {"rows", plan.rows},
                   {"bytes", plan.bytes},
                   {"large_objects", plan.large_objects},
                   {"dropped", plan.dropped},
                   {"made", plan.made},
                   {"kept", plan.kept},
                   {"staying", plan.staying},
                   {"database_bytes", plan.database_bytes},
                   {"seconds_about", seconds ? nlohmann::json(*seconds) : nlohmann::json()},
                   {"problems", problems},
                   {"notes", plan.notes}});
    return;
  }
  cli.Print(fmt::format("in {}, PostgreSQL {}, in one transaction, in place ({}):\n", Shown(plan.database), plan.server,
                        how.why));
  cli.Print("  lock      its tables, against writers, until all is done\n");
  if (how.back_up) cli.Print(fmt::format("  back up   {}, as a safety snapshot\n", Shown(plan.database)));
  cli.Print(fmt::format("  drop      {} definitions that the dump has too, with the rows of its tables\n",
                        HumanCount(plan.dropped)));
  cli.Print(
      fmt::format("  make      {} definitions, from {} tables, {} rows, {}{}\n", HumanCount(plan.made),
                  HumanCount(plan.tables), HumanCount(plan.rows), HumanBytes(plan.bytes),
                  plan.large_objects > 0 ? fmt::format(", {} large objects", HumanCount(plan.large_objects)) : ""));
  if (how.in_place.verifies && how.in_place.with_rows) {
    cli.Print("  verify    every row and large object, read again before it is committed\n");
  }
  cli.Print(fmt::format("  keep      {} definitions that are the same, {} that the dump has not\n",
                        HumanCount(plan.kept), HumanCount(plan.staying)));
  cli.Print(fmt::format("the database has {} now, and needs about as much as the dump more until it is committed\n",
                        HumanBytes(plan.database_bytes)));
  if (seconds) cli.Print(TimeText(*seconds));
  for (const std::string& note : plan.notes) cli.Print("note: " + Shown(note) + "\n");
  for (const std::string& problem : problems) cli.Print("cannot be: " + Shown(problem) + "\n");
}

void ShowReport(Cli& cli, const postgres::InPlacePlan& plan, const postgres::DatabaseLoader::Report& loaded,
                const std::optional<SnapshotId>& safety, double seconds) {
  if (cli.json()) {
    cli.PrintJson({{"message_type", "summary"},
                   {"run", plan.run},
                   {"way", "in place"},
                   {"database", plan.database},
                   {"tables", loaded.tables},
                   {"rows", loaded.rows},
                   {"bytes", loaded.bytes},
                   {"large_objects", loaded.large_objects},
                   {"sequences", loaded.sequences},
                   {"verified", loaded.verified},
                   {"safety_snapshot", safety ? nlohmann::json(safety->ToHex()) : nlohmann::json()},
                   {"seconds", seconds}});
    return;
  }
  cli.Say(fmt::format("restored {} in place: {} tables, {} rows, {} large objects, {}{} in {:.1f} s\n",
                      Shown(plan.database), HumanCount(loaded.tables), HumanCount(loaded.rows),
                      HumanCount(loaded.large_objects), HumanBytes(loaded.bytes),
                      loaded.verified > 0 ? ", each read again and right," : "", seconds));
  if (!safety) return;
  cli.Say(fmt::format("what was there before is snapshot {}; cairn restore --postgres ADDRESS --undo {} puts it back\n",
                      safety->Short(), plan.run));
}

class InPlaceSet : public SetRestore {
 public:
  InPlaceSet(Cli& cli, BlobSource& blobs, const BlobId& root, InPlaceSetOptions options)
      : cli_(cli),
        options_(std::move(options)),
        dump_(blobs, root, cli.stop()),
        restore_(cli.context(), dump_, options_.in_place) {}

  Result<std::vector<std::string>> Plan() override {
    ASSIGN_OR_RETURN(plan_, restore_.Plan());
    return plan_.problems;
  }
  void ShowPlan(const std::vector<std::string>& problems) override {
    // How long it takes is worth no failure.
    auto seconds = problems.empty() ? restore_.Estimate() : Result<std::optional<double>>(std::nullopt);
    cairn::ShowPlan(cli_, plan_, options_, problems, seconds ? *seconds : std::nullopt);
  }

  Result<void> Run(const std::function<Result<void>()>& others) override {
    const auto begun = SystemClock().Steady();
    cli_.Findings()({Finding::Severity::kNote, ErrorCode::kInvalidArgument, plan_.database,
                     "it is changed in place, in one transaction: " + options_.why});
    for (const std::string& note : plan_.notes) {
      cli_.Findings()({Finding::Severity::kNote, ErrorCode::kInvalidArgument, plan_.database, note});
    }
    const auto back_up = [&](const std::string& run) -> Result<void> {
      if (!options_.back_up) return {};
      ASSIGN_OR_RETURN(safety_, options_.back_up(run));
      return {};
    };
    ASSIGN_OR_RETURN(report_, restore_.Run({.before_change = back_up, .before_commit = others}));
    seconds_ = std::chrono::duration<double>(SystemClock().Steady() - begun).count();
    return {};
  }
  Result<void> PutBack() override {
    return MakeError(ErrorCode::kUnsupported,
                     "{} was changed in place, and stays so: cairn restore --postgres ADDRESS --undo {} puts back what "
                     "was there",
                     Shown(plan_.database), plan_.run);
  }
  void Finish() override {}
  void ShowReport() override { cairn::ShowReport(cli_, plan_, report_, safety_, seconds_); }

 private:
  Cli& cli_;
  const InPlaceSetOptions options_;
  postgres::DumpReader dump_;
  postgres::InPlaceRestore restore_;
  postgres::InPlacePlan plan_;
  postgres::DatabaseLoader::Report report_;
  std::optional<SnapshotId> safety_;
  double seconds_ = 0;
};

}  // namespace

std::string TimeText(double seconds) {
  return fmt::format(
      "time: {} for its rows, by what a short trial on this server has shown; indexes and constraints come on top\n",
      postgres::AboutSeconds(seconds));
}

std::unique_ptr<SetRestore> MakeInPlaceSet(Cli& cli, BlobSource& blobs, const BlobId& root, InPlaceSetOptions options) {
  return std::make_unique<InPlaceSet>(cli, blobs, root, std::move(options));
}

}  // namespace cairn
