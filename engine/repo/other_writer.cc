#include "engine/repo/other_writer.h"

#include <algorithm>

#include "engine/repo/time_text.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

// Has it shown a sign of life within the last hour? `now_there`: by the store's clock, which counts where the record
// cannot be read; 0 where it has none.
bool IsQuiet(const SessionSeen& seen, const JobContext& context, UnixNs now_there) {
  constexpr int64_t kQuietSeconds = 3'600;
  if (seen.record) return seen.latest.seconds < ToWireTime(context.clock.Now()).seconds - kQuietSeconds;
  const bool is_known = seen.last_sign != 0 && now_there != 0;
  return is_known && now_there - seen.last_sign > kQuietSeconds * 1'000'000'000;
}

std::string NameOf(const SessionSeen& writer, const JobContext& context) {
  if (!writer.record) {
    return fmt::format("session {}, whose record cannot be read, may write to it", writer.id.ToHex());
  }
  const SessionRecord& record = *writer.record;
  return fmt::format("process {} of {} writes to it since {}", record.process, PathForPeople(record.host),
                     FormatTimeThen(record.start, context.clock));
}

// One whose record cannot be read (it is of a key that came after this run began) is told by the dates of its objects.
Result<std::optional<SessionSeen>> FindOther(Repository& repository, const JobContext& context, Protocol& protocol,
                                             const std::optional<SessionId>& own) {
  const std::vector<LocalCache::DeadSession> dead = repository.cache().DeadSessions();
  ASSIGN_OR_RETURN(const std::vector<SessionSeen> sessions, protocol.ListSessions());
  UnixNs now_there = 0;  // by the store's clock: the newest is of just now where it is ours
  for (const SessionSeen& seen : sessions) {
    if (own && seen.id == *own) now_there = seen.last_sign;
  }
  for (const SessionSeen& seen : sessions) {
    if ((own && seen.id == *own) || seen.ended || IsQuiet(seen, context, now_there)) continue;
    const bool is_of_this_machine = seen.record && seen.record->machine == repository.cache().machine();
    if (is_of_this_machine && repository.cache().IsOfThisProcess(seen.id)) continue;
    if (std::ranges::find(dead, seen.id, &LocalCache::DeadSession::id) != dead.end()) continue;
    ASSIGN_OR_RETURN(const SnapshotSlot slot, protocol.LookAtSlot(seen.id));
    if (slot == SnapshotSlot::kEmpty) return std::optional(seen);
  }
  return std::optional<SessionSeen>();
}

}  // namespace

Result<void> NeedNoOtherWriter(Repository& repository, const JobContext& context, Protocol& protocol,
                               const std::optional<SessionId>& own) {
  if (!repository.store().takes_one_writer()) return {};
  if (own) repository.cache().NoteOwner(*own);
  ASSIGN_OR_RETURN(const std::optional<SessionSeen> other, FindOther(repository, context, protocol, own));
  if (!other) return {};
  if (own) {
    IgnoreError(protocol.EndSessionWithoutSigns(*own), "the first error is the one to tell");
    repository.cache().ForgetDead(*own);
  }
  return MakeError(ErrorCode::kBusy,
                   "{} takes one writer at a time, and {}: wait until it has ended (one that is dead is forgotten an "
                   "hour after its last sign of life, and at once on its own machine)",
                   repository.store().description(), NameOf(*other, context));
}

}  // namespace cairn
