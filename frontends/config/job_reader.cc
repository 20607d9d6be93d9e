#include "frontends/config/job_reader.h"

#include <algorithm>
#include <map>

#include "frontends/config/compression_option.h"
#include "frontends/config/named_set.h"
#include "frontends/config/repository_reader.h"
#include "frontends/config/schedule.h"
#include "frontends/config/values.h"
#include "frontends/files/exclude_rules.h"

namespace cairn {
namespace {

Result<void> CheckPattern(const std::string& pattern) {
  ExcludeRules rules;
  return rules.Add(pattern);
}

Result<void> CheckSet(const std::string& text) {
  ASSIGN_OR_RETURN(const NamedSet set, NamedSet::Parse(text));
  return set.kind == "postgres" ? CheckServerAddress(set.where) : CheckConfiguredPath(set.where);
}

Result<void> CheckSpan(const std::string& text) {
  RETURN_IF_ERROR(CivilSpan::Parse(text));
  return {};
}

// --- retention ---

Result<void> ReadKeepRules(TableReader& reader, RetentionPolicy& policy) {
  for (const auto& [key, target] :
       {std::pair("keep-last", &policy.last), std::pair("keep-hourly", &policy.hourly),
        std::pair("keep-daily", &policy.daily), std::pair("keep-weekly", &policy.weekly),
        std::pair("keep-monthly", &policy.monthly), std::pair("keep-yearly", &policy.yearly)}) {
    std::string text;
    RETURN_IF_ERROR(reader.Word(key, &text, CheckedBy(ParseKeepCount)));
    ASSIGN_OR_RETURN(*target, ParseKeepCount(text));
  }
  for (const auto& [key, target] :
       {std::pair("keep-within", &policy.within), std::pair("keep-within-hourly", &policy.within_hourly),
        std::pair("keep-within-daily", &policy.within_daily), std::pair("keep-within-weekly", &policy.within_weekly),
        std::pair("keep-within-monthly", &policy.within_monthly),
        std::pair("keep-within-yearly", &policy.within_yearly)}) {
    std::string text;
    RETURN_IF_ERROR(reader.String(key, &text, CheckSpan));
    if (text.empty()) continue;
    ASSIGN_OR_RETURN(*target, CivilSpan::Parse(text));
  }
  std::vector<std::string> tags;
  RETURN_IF_ERROR(reader.Strings("keep-tag", &tags, CheckedBy(ParseTags)));
  for (const std::string& list : tags) {
    ASSIGN_OR_RETURN(auto all_of, ParseTags(list));
    policy.keep_tags.push_back(std::move(all_of));
  }
  return {};
}

Result<std::optional<ConfiguredRetention>> ReadRetention(TableReader& parent) {
  ASSIGN_OR_RETURN(const TomlEntry* entry, parent.Take("retention", TomlValue::Kind::kTable));
  if (entry == nullptr) return std::optional<ConfiguredRetention>();
  TableReader reader(parent.file(), parent.PathOf("retention"), entry->value);
  ConfiguredRetention retention;
  RETURN_IF_ERROR(ReadKeepRules(reader, retention.policy));
  RETURN_IF_ERROR(reader.Flag("prune", &retention.prune));
  RETURN_IF_ERROR(reader.Word("max-unused", &retention.max_unused,
                              CheckedBy([](const std::string& text) { return ParsePruneOptions(text, ""); })));
  RETURN_IF_ERROR(reader.Word("max-repack-size", &retention.max_repack_size, CheckedBy(ParseBytes)));
  RETURN_IF_ERROR(reader.Finish());
  if (retention.policy.IsEmpty()) {
    return reader.At(entry->place, "", "it keeps nothing: give at least one of keep-last, keep-daily, keep-within ...");
  }
  return std::optional(retention);
}

// --- hooks ---

Result<void> ReadCommand(const TableReader& reader, const TomlEntry& entry, ConfiguredHook& hook) {
  const TomlValue& value = entry.value;
  if (value.kind == TomlValue::Kind::kString) {
    hook.shell = value.text;
  } else if (value.kind == TomlValue::Kind::kArray) {
    for (const TomlValue& word : value.items) {
      if (word.kind == TomlValue::Kind::kString) {
        hook.program.push_back(word.text);
        continue;
      }
      return reader.At(word.place, entry.key, fmt::format("one of them is {}, expected a string", KindText(word.kind)));
    }
  } else {
    return reader.WrongKind(entry, "a command: a string for the shell, or an array of a program and its arguments");
  }
  const bool is_empty = hook.program.empty() ? hook.shell.empty() : hook.program.front().empty();
  return is_empty ? Result<void>(reader.At(value.place, entry.key, "there is no command")) : Result<void>();
}

Result<void> ReadTimeLimit(TableReader& reader, uint32_t* seconds) {
  std::string text;
  RETURN_IF_ERROR(reader.Word("time-limit", &text, CheckedBy(ParseTimeLimit)));
  if (text.empty()) return {};
  ASSIGN_OR_RETURN(*seconds, ParseTimeLimit(text));
  return {};
}

Result<void> ReadHook(TableReader& parent, const char* key, uint32_t time_limit_s, ConfiguredHook& hook) {
  hook.time_limit_s = time_limit_s;
  const TomlEntry* entry = parent.Take(key);
  if (entry == nullptr) return {};
  if (entry->value.kind != TomlValue::Kind::kTable) return ReadCommand(parent, *entry, hook);
  TableReader reader(parent.file(), parent.PathOf(key), entry->value);
  const TomlEntry* command = reader.Take("command");
  if (command == nullptr) return reader.At(entry->place, "", "it has no command");
  RETURN_IF_ERROR(ReadCommand(reader, *command, hook));
  RETURN_IF_ERROR(ReadTimeLimit(reader, &hook.time_limit_s));
  return reader.Finish();
}

Result<void> ReadHooks(TableReader& parent, ConfiguredHooks& hooks) {
  ASSIGN_OR_RETURN(const TomlEntry* entry, parent.Take("hooks", TomlValue::Kind::kTable));
  if (entry == nullptr) return {};
  TableReader reader(parent.file(), parent.PathOf("hooks"), entry->value);
  uint32_t time_limit_s = hooks.before.time_limit_s;
  RETURN_IF_ERROR(ReadTimeLimit(reader, &time_limit_s));
  for (const auto& [key, hook] :
       {std::pair("before", &hooks.before), std::pair("after", &hooks.after),
        std::pair("on-success", &hooks.on_success), std::pair("on-failure", &hooks.on_failure)}) {
    RETURN_IF_ERROR(ReadHook(reader, key, time_limit_s, *hook));
  }
  return reader.Finish();
}

// --- what is backed up ---

// As an array of NAME=WHAT, or as a table.
Result<void> ReadSets(TableReader& reader, std::vector<std::string>& sets) {
  const TomlEntry* entry = reader.Take("set");
  if (entry == nullptr || entry->value.kind != TomlValue::Kind::kTable) return reader.Strings("set", &sets, CheckSet);
  for (const TomlEntry& one : entry->value.entries) {
    const std::string key = "set." + one.key;
    if (one.value.kind != TomlValue::Kind::kString) {
      return reader.At(one.value.place, key, fmt::format("it is {}, expected a string", KindText(one.value.kind)));
    }
    const std::string set = one.key + "=" + one.value.text;
    const auto checked = CheckSet(set);
    if (!checked) return reader.At(one.value.place, key, checked.error().message());
    sets.push_back(set);
  }
  return {};
}

Result<void> ReadDatabases(TableReader& reader, ConfiguredItems& items) {
  RETURN_IF_ERROR(reader.Strings("sqlite", &items.sqlite, CheckConfiguredPath));
  RETURN_IF_ERROR(reader.Number("lock-wait", 0, 86'400, &items.lock_wait_s));
  RETURN_IF_ERROR(reader.Strings("postgres", &items.postgres, CheckServerAddress));
  RETURN_IF_ERROR(reader.Strings("database", &items.databases));
  RETURN_IF_ERROR(reader.Strings("table", &items.tables));
  RETURN_IF_ERROR(reader.Strings("exclude-table", &items.excluded_tables));
  RETURN_IF_ERROR(reader.String("order", &items.order, [](const std::string& order) -> Result<void> {
    if (order == "heap" || order == "pk") return {};
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no order of rows: it is heap or pk", order);
  }));
  RETURN_IF_ERROR(reader.Number("jobs", 1, 64, &items.sessions));
  RETURN_IF_ERROR(reader.Flag("schema-only", &items.schema_only));
  RETURN_IF_ERROR(reader.Flag("data-only", &items.data_only));
  if (!items.schema_only || !items.data_only) return {};
  return reader.At(reader.place(), "data-only", "with schema-only nothing is left");
}

Result<void> ReadItems(TableReader& reader, ConfiguredItems& items) {
  RETURN_IF_ERROR(reader.Strings("paths", &items.paths, CheckConfiguredPath));
  RETURN_IF_ERROR(reader.Strings("exclude", &items.excludes, CheckPattern));
  RETURN_IF_ERROR(reader.Strings("exclude-file", &items.exclude_files, CheckConfiguredPath));
  RETURN_IF_ERROR(reader.Strings("exclude-if-present", &items.exclude_if_present));
  RETURN_IF_ERROR(reader.Flag("exclude-caches", &items.exclude_caches));
  RETURN_IF_ERROR(reader.Word("exclude-larger-than", &items.exclude_larger_than, CheckedBy(ParseBytes)));
  RETURN_IF_ERROR(reader.Flag("one-file-system", &items.one_file_system));
  RETURN_IF_ERROR(ReadDatabases(reader, items));
  RETURN_IF_ERROR(ReadSets(reader, items.sets));
  RETURN_IF_ERROR(reader.String("stdin-filename", &items.stdin_filename));
  const TomlEntry* command = reader.Take("stdin-command");
  if (command != nullptr) {
    ConfiguredHook words;
    RETURN_IF_ERROR(ReadCommand(reader, *command, words));
    items.command = words.shell.empty() ? words.program : std::vector<std::string>{"/bin/sh", "-c", words.shell};
  } else if (!items.stdin_filename.empty()) {
    return reader.At(reader.place(), "stdin-filename", "it names a stream: give stdin-command too");
  }
  const bool is_empty = items.paths.empty() && items.sqlite.empty() && items.postgres.empty() && items.sets.empty() &&
                        items.command.empty();
  if (!is_empty) return {};
  return reader.At(reader.place(), "", "nothing to back up: give paths, sqlite, postgres, stdin-command or set");
}

// --- repositories ---

Result<ConfiguredCopy> ReadCopy(TableReader& parent, const TomlValue& value) {
  ConfiguredCopy copy{.to = "", .place = value.place, .retention = {}};
  if (value.kind == TomlValue::Kind::kString) {
    copy.to = value.text;
    return copy;
  }
  if (value.kind != TomlValue::Kind::kTable) {
    return parent.At(value.place, "copies",
                     fmt::format("one of them is {}, expected the name of a repository, or a table with to and "
                                 "retention",
                                 KindText(value.kind)));
  }
  TableReader reader(parent.file(), parent.PathOf("copies"), value);
  RETURN_IF_ERROR(reader.String("to", &copy.to));
  if (copy.to.empty()) return reader.At(value.place, "to", "it names no repository");
  ASSIGN_OR_RETURN(copy.retention, ReadRetention(reader));
  RETURN_IF_ERROR(reader.Finish());
  return copy;
}

Result<void> ReadCopies(TableReader& reader, std::vector<ConfiguredCopy>& copies) {
  ASSIGN_OR_RETURN(const TomlEntry* entry, reader.Take("copies", TomlValue::Kind::kArray));
  if (entry == nullptr) return {};
  for (const TomlValue& value : entry->value.items) {
    ASSIGN_OR_RETURN(ConfiguredCopy copy, ReadCopy(reader, value));
    copies.push_back(std::move(copy));
  }
  return {};
}

// By the tag of another job its retention would count what this one makes, and let go of its own for it.
Result<void> CheckTags(const std::string& list, const std::string& job) {
  ASSIGN_OR_RETURN(const auto tags, ParseTags(list));
  for (const std::string& tag : tags) {
    if (!tag.starts_with("job:") || tag == "job:" + job) continue;
    return MakeError(ErrorCode::kInvalidArgument,
                     "\"{}\": tags that begin with job: are those by which jobs know their own snapshots", tag);
  }
  return {};
}

// What two addresses of one place have in common.
std::string Comparable(const std::string& address) {
  std::string text = address.starts_with("local:") ? address.substr(6) : address;
  while (text.size() > 1 && text.ends_with("/")) text.pop_back();
  return text;
}

}  // namespace

Result<ConfiguredJob> ReadJob(const std::string& file, const TomlEntry& entry) {
  TableReader reader(file, "job." + entry.key, entry.value);
  ConfiguredJob job{.name = entry.key, .place = entry.place};
  RETURN_IF_ERROR(reader.String("to", &job.to));
  if (job.to.empty()) return reader.At(entry.place, "to", "it names no repository that the job backs up into");
  RETURN_IF_ERROR(ReadItems(reader, job.items));
  RETURN_IF_ERROR(reader.Strings("tag", &job.tags, [&](const std::string& list) { return CheckTags(list, job.name); }));
  RETURN_IF_ERROR(reader.String("host", &job.host));
  RETURN_IF_ERROR(reader.String("description", &job.description));
  RETURN_IF_ERROR(reader.Word("compression", &job.compression, CheckedBy(ParseCompression)));
  RETURN_IF_ERROR(reader.Flag("force", &job.force));
  RETURN_IF_ERROR(reader.Strings("schedule", &job.schedules, CheckSchedule));
  RETURN_IF_ERROR(
      reader.String("time-zone", &job.time_zone, [](const std::string& zone) { return CheckTimeZone(zone); }));
  if (!job.time_zone.empty() && job.schedules.empty()) {
    return reader.At(reader.place(), "time-zone", "it is that of a schedule: give schedule too");
  }
  RETURN_IF_ERROR(ReadCopies(reader, job.copies));
  ASSIGN_OR_RETURN(job.retention, ReadRetention(reader));
  RETURN_IF_ERROR(ReadHooks(reader, job.hooks));
  RETURN_IF_ERROR(reader.Finish());
  return job;
}

Result<void> CheckJob(const Configuration& configuration, const ConfiguredJob& job) {
  std::map<std::string, std::string> names_by_address;
  const auto check = [&](const std::string& name, TextPlace place, const char* key) -> Result<void> {
    const std::string where =
        fmt::format("{}:{}:{}: job.{}.{}", configuration.file, place.line, place.column, job.name, key);
    const ConfiguredRepository* repository = configuration.FindRepository(name);
    if (repository == nullptr) {
      return MakeError(ErrorCode::kInvalidArgument, "{}: there is no [repository.{}] in this file{}", where, name,
                       configuration.OtherRepositories(name));
    }
    const auto [other, is_new] = names_by_address.emplace(Comparable(repository->address), name);
    if (is_new) return {};
    const bool is_first = other->second == job.to;
    if (other->second == name) {
      return MakeError(ErrorCode::kInvalidArgument, "{}: {} {}: name it once", where, name,
                       is_first ? "is what the job backs up into, and would be copied into itself" : "is there twice");
    }
    return MakeError(ErrorCode::kInvalidArgument, "{}: {} and {} are the same repository by two names", where,
                     other->second, name);
  };
  RETURN_IF_ERROR(check(job.to, job.place, "to"));
  for (const ConfiguredCopy& copy : job.copies) RETURN_IF_ERROR(check(copy.to, copy.place, "copies"));
  return {};
}

}  // namespace cairn
