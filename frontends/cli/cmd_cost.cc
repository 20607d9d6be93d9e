#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/repo/request_log.h"
#include "engine/repo/time_text.h"
#include "engine/stores/storage_terms.h"
#include "frontends/cli/command.h"
#include "frontends/cli/price_list.h"
#include "frontends/cli/text.h"

namespace cairn {
namespace {

constexpr int kMonthDays = 30;
constexpr int64_t kDaySeconds = 86'400;

// Of the record: what this machine's runs asked in the last 30 days.
struct Recorded {
  std::map<std::string, RequestDay> by_command;
  int days = 0;  // from the first that is on record to today
};

Result<Recorded> Read(const RequestLog& log, const Clock& clock) {
  Recorded recorded;
  const int64_t today = clock.Now() / 1'000'000'000 / kDaySeconds;
  for (const RequestDay& day : log.Load()) {
    const auto time = ParseTime(day.day + "T00:00:00Z", clock);
    if (!time) continue;
    const int64_t ago = today - time->seconds / kDaySeconds;
    if (ago < 0 || ago >= kMonthDays) continue;
    recorded.days = std::max(recorded.days, static_cast<int>(ago) + 1);
    RequestDay& sum = recorded.by_command[day.command];
    sum.runs += day.runs;
    sum.counts += day.counts;
  }
  return recorded;
}

uint64_t Scaled(uint64_t count, double factor) {
  return static_cast<uint64_t>(std::llround(static_cast<double>(count) * factor));
}

RequestCounts Scaled(const RequestCounts& counts, double factor) {
  return {.puts = Scaled(counts.puts, factor),
          .gets = Scaled(counts.gets, factor),
          .lists = Scaled(counts.lists, factor),
          .heads = Scaled(counts.heads, factor),
          .removes = Scaled(counts.removes, factor),
          .bytes_up = Scaled(counts.bytes_up, factor),
          .bytes_down = Scaled(counts.bytes_down, factor),
          .data_puts = Scaled(counts.data_puts, factor),
          .data_gets = Scaled(counts.data_gets, factor),
          .data_bytes_down = Scaled(counts.data_bytes_down, factor)};
}

struct CostCommand {
  std::string prices_path, storage_class;
  double runs_a_day = 0;

  Result<int> Run(Cli& cli) {
    std::optional<PriceList> prices;
    if (!prices_path.empty()) {
      ASSIGN_OR_RETURN(const Bytes bytes, PosixFileSystem().ReadFile(prices_path));
      ASSIGN_OR_RETURN(prices, PriceList::Parse(AsText(bytes)));
    }
    const ClassPrices* data = nullptr;
    const ClassPrices* rest = nullptr;
    if (prices) {
      ASSIGN_OR_RETURN(const std::string name, ClassName(cli, *prices));
      ASSIGN_OR_RETURN(data, prices->Find(name));
      ASSIGN_OR_RETURN(rest, prices->Find(prices->rest_class));
      storage_class = name;
    }
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    RETURN_IF_ERROR(ListHeld(repository->store(), data != nullptr ? data->least_bytes : 0,
                             rest != nullptr ? rest->least_bytes : 0));
    const RequestLog log(PosixFileSystem(), repository->cache().folder());
    ASSIGN_OR_RETURN(const Recorded recorded, Read(log, SystemClock()));
    const auto backups = recorded.by_command.find("backup");
    if (runs_a_day > 0 && (backups == recorded.by_command.end() || backups->second.runs == 0)) {
      return Error(ErrorCode::kInvalidArgument,
                   "--runs-a-day takes the mean of the backups that this machine has on record, and there is none of "
                   "the last 30 days: make one first, or leave it out");
    }
    const RequestCounts month = Month(recorded);
    std::optional<MonthlyCost> cost;
    if (prices) cost = CostOfMonth(*prices, *data, *rest, data_held_, rest_held_, month);
    if (cli.json()) {
      cli.PrintJson(Json(recorded, month, prices, cost));
    } else {
      Show(cli, recorded, month, prices, cost);
    }
    return 0;
  }

  // As it was asked for, else as the settings of the store have it, else the list's own for the rest.
  Result<std::string> ClassName(const Cli& cli, const PriceList& prices) const {
    if (!storage_class.empty()) return storage_class;
    ASSIGN_OR_RETURN(const RepositoryChoice* choice, cli.MainChoice());
    ASSIGN_OR_RETURN(const StoreSettings settings, cli.SettingsOf(*choice));
    for (const char* name : {"s3.storage-class", "azure.access-tier"}) {
      if (const auto found = settings.find(name); found != settings.end()) return found->second;
    }
    return prices.rest_class;
  }

  Result<void> ListHeld(ObjectStore& store, uint64_t data_least, uint64_t rest_least) {
    return store.List("", [&](const ObjectInfo& info) -> Result<void> {
      const bool is_data = info.name.text().starts_with(kDataPrefix);
      HeldObjects& held = is_data ? data_held_ : rest_held_;
      ++held.objects;
      held.bytes += info.size;
      held.billed_bytes += std::max(info.size, is_data ? data_least : rest_least);
      return {};
    });
  }

  // Backups as often as was asked for, at what one of them took on the mean; the others as they were.
  RequestCounts Month(const Recorded& recorded) const {
    RequestCounts month;
    for (const auto& [command, sum] : recorded.by_command) {
      const bool is_asked_for = runs_a_day > 0 && command == "backup" && sum.runs > 0;
      const double factor = is_asked_for ? runs_a_day * kMonthDays / static_cast<double>(sum.runs)
                                         : static_cast<double>(kMonthDays) / std::max(recorded.days, 1);
      month += Scaled(sum.counts, factor);
    }
    return month;
  }

  static nlohmann::json HeldJson(const HeldObjects& held) {
    return {{"objects", held.objects}, {"bytes", held.bytes}, {"billed_bytes", held.billed_bytes}};
  }

  nlohmann::json Json(const Recorded& recorded, const RequestCounts& month, const std::optional<PriceList>& prices,
                      const std::optional<MonthlyCost>& cost) const {
    nlohmann::json commands = nlohmann::json::object();
    for (const auto& [command, sum] : recorded.by_command) {
      commands[command] = {{"runs", sum.runs}, {"requests", RequestsJson(sum.counts)}};
    }
    nlohmann::json json = {{"data_packs", HeldJson(data_held_)},
                           {"other_objects", HeldJson(rest_held_)},
                           {"days_on_record", recorded.days},
                           {"commands", commands},
                           {"month", RequestsJson(month)}};
    if (prices && cost) {
      json["cost"] = {{"storage_class", storage_class}, {"currency", prices->currency}, {"storage", cost->storage},
                      {"requests", cost->requests},     {"reading", cost->reading},     {"total", cost->total()}};
    }
    return json;
  }

  void Show(Cli& cli, const Recorded& recorded, const RequestCounts& month, const std::optional<PriceList>& prices,
            const std::optional<MonthlyCost>& cost) const {
    cli.Print(fmt::format("data packs     {:>9}, {}\nother objects  {:>9}, {}\n", HumanCount(data_held_.objects),
                          HumanBytes(data_held_.bytes), HumanCount(rest_held_.objects), HumanBytes(rest_held_.bytes)));
    Table table({"Command", ">Runs", ">Put", ">Get", ">List", ">Head", ">Remove", ">Up", ">Down"});
    const auto add = [&](const std::string& name, const std::string& runs, const RequestCounts& c) {
      table.Add({name, runs, HumanCount(c.puts), HumanCount(c.gets), HumanCount(c.lists), HumanCount(c.heads),
                 HumanCount(c.removes), HumanBytes(c.bytes_up), HumanBytes(c.bytes_down)});
    };
    for (const auto& [command, sum] : recorded.by_command) add(command, HumanCount(sum.runs), sum.counts);
    add("a month", "", month);
    cli.Print(table.Text());
    cli.Say(fmt::format("from what runs of this machine asked on {} days of the last {}\n", recorded.days, kMonthDays));
    if (!prices || !cost) {
      cli.Say("--prices FILE says what that costs (tools/prices/amazon.json is an example)\n");
      return;
    }
    cli.Print(fmt::format("a month in {}: storage {:.4f}, requests {:.4f}, reading {:.4f}, all {:.4f} {} ({}, {})\n",
                          storage_class, cost->storage, cost->requests, cost->reading, cost->total(), prices->currency,
                          prices->name, prices->date));
  }

  HeldObjects data_held_, rest_held_;
};

}  // namespace

void AddCost(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<CostCommand>();
  CLI::App* command = app.add_subcommand("cost", "What a far store holds, was asked, and costs a month");
  command->add_option("--prices", options->prices_path, "A price list (tools/prices/amazon.json is an example)")
      ->type_name("FILE");
  command
      ->add_option("--storage-class", options->storage_class,
                   "Of data packs; by itself that of -o s3.storage-class or azure.access-tier")
      ->type_name("NAME");
  command->add_option("--runs-a-day", options->runs_a_day, "As if there were so many backups a day")
      ->type_name("N")
      ->check(CLI::Range(0.0, 100'000.0));
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
