#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/repo/protocol.h"
#include "engine/repo/time_text.h"
#include "frontends/cli/command.h"
#include "frontends/cli/text.h"

namespace cairn {
namespace {

std::string PurposeName(SessionPurpose purpose) {
  switch (purpose) {
    case SessionPurpose::kBackup:
      return "backup";
    case SessionPurpose::kMaintenance:
      return "maintenance";
    case SessionPurpose::kCopy:
      return "copy";
  }
  return "unknown";
}

// What its snapshot's name holds comes first: a fence says that a prune took it for dead.
std::string StateOf(const SessionSeen& seen, SnapshotSlot slot, bool is_dead_here) {
  if (!seen.record) return "unreadable";
  if (seen.ended) return "ended";
  if (slot == SnapshotSlot::kSnapshot) return is_dead_here ? "committed, its process is dead" : "committed";
  if (slot == SnapshotSlot::kFence) return is_dead_here ? "fenced, its process is dead" : "fenced";
  return is_dead_here ? "its process is dead" : "running";
}

// Names of hosts and programs are whatever somebody wrote.
std::string Shown(const Bytes& text) { return Printable(ToString(text)); }

Result<int> List(Cli& cli) {
  ASSIGN_OR_RETURN(Repository * repository, cli.Open());
  Protocol protocol(*repository, cli.context(), cli.Findings());
  ASSIGN_OR_RETURN(std::vector<SessionSeen> sessions, protocol.ListSessions());
  const auto start_of = [](const SessionSeen& seen) { return seen.record ? seen.record->start : WireTime(); };
  std::ranges::sort(sessions, {}, [&](const SessionSeen& seen) { return std::pair(start_of(seen), seen.id); });
  // Their locks are held until this is done.
  const std::vector<LocalCache::DeadSession> dead = repository->cache().DeadSessions();
  Table table({"Session", "What", "Host", ">Process", "Since", "Last sign", "State"});
  nlohmann::json list = nlohmann::json::array();
  for (const SessionSeen& seen : sessions) {
    ASSIGN_OR_RETURN(const SnapshotSlot slot, protocol.LookAtSlot(seen.id));
    const bool is_dead_here = std::ranges::find(dead, seen.id, &LocalCache::DeadSession::id) != dead.end();
    const std::string state = StateOf(seen, slot, is_dead_here);
    const SessionRecord record = seen.record.value_or(SessionRecord());
    const std::string since = FormatTime(record.start, 0);
    const std::string last = seen.last_sign == 0 ? "" : FormatTime(ToWireTime(seen.last_sign), 0);
    table.Add({seen.id.ToHex().substr(0, 8), seen.record ? PurposeName(record.purpose) : "", Shown(record.host),
               seen.record ? std::to_string(record.process) : "", seen.record ? since : "", last, state});
    list.push_back({{"session", seen.id.ToHex()},
                    {"purpose", PurposeName(record.purpose)},
                    {"host", Shown(record.host)},
                    {"process", record.process},
                    {"program", Printable(record.program)},
                    {"start", since},
                    {"last_sign", last},
                    {"signs_of_life", seen.signs_of_life},
                    {"state", state}});
  }
  if (cli.json()) {
    cli.PrintJson({{"sessions", list}});
  } else if (sessions.empty()) {
    cli.Say("no sessions: nobody is at work\n");
  } else {
    cli.Print(table.Text());
  }
  return 0;
}

}  // namespace

void AddSessions(CLI::App& app, Cli& cli, Action& action) {
  CLI::App* command = app.add_subcommand("sessions", "Who is at work in the repository");
  command->callback([&cli, &action] { action = [&cli] { return List(cli); }; });
}

}  // namespace cairn
