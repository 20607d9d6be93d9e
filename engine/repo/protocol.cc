#include "engine/repo/protocol.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "engine/env/object_finding.h"
#include "engine/repo/first_put.h"
#include "engine/repo/get_each.h"
#include "engine/repo/own_objects.h"
#include "engine/repo/time_text.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

std::vector<ObjectName> NamesOf(const std::vector<ObjectInfo>& listed, ParsedName::Kind kind) {
  std::vector<ObjectName> names;
  for (const ObjectInfo& info : listed) {
    if (ParseObjectName(info.name.text()).kind == kind) names.push_back(info.name);
  }
  return names;
}

// Of two listings, one after the other, for what one missed the other may have: what `make` makes of each object,
// nothing where it is no matter; by its key, in order. There may be millions, and no more than this is held.
template <class T, class Key, class Make>
Result<std::vector<T>> ListTwiceAs(ObjectStore& store, std::string_view prefix, Key key, const Make& make) {
  std::vector<T> all;
  for (int look = 0; look < 2; ++look) {
    const auto known = static_cast<std::ptrdiff_t>(all.size());
    const auto take = [&](const ObjectInfo& info) -> Result<void> {
      auto one = make(info);
      if (!one) return {};
      const auto end = all.begin() + known;
      const auto place = std::ranges::lower_bound(all.begin(), end, std::invoke(key, *one), {}, key);
      if (place != end && std::invoke(key, *place) == std::invoke(key, *one)) {
        *place = *std::move(one);  // as it is now
      } else {
        all.push_back(*std::move(one));
      }
      return {};
    };
    RETURN_IF_ERROR(store.List(prefix, take));
    std::ranges::sort(all, {}, key);
    const auto twice = std::ranges::unique(all, {}, key);
    all.erase(twice.begin(), twice.end());
  }
  return all;
}

Result<std::vector<ListedSnapshot>> ListSnapshotsTwice(ObjectStore& store, std::string_view prefix,
                                                       ParsedName::Kind kind) {
  return ListTwiceAs<ListedSnapshot>(store, prefix, &ListedSnapshot::id, [kind](const ObjectInfo& info) {
    const ParsedName parsed = ParseObjectName(info.name.text());
    return parsed.kind == kind ? std::optional(ListedSnapshot{parsed.session, info.size, info.modified}) : std::nullopt;
  });
}

WireTime Now(const JobContext& context) { return ToWireTime(context.clock.Now()); }

// Not what a fence in its place could be taken for, by its size in a listing.
void KeepOwn(const Repository& repository, const JobContext& context, const SnapshotId& snapshot, ByteSpan object) {
  auto own = OwnObjectsOf(repository, context.random);
  if (!own) return;
  const FenceRecord record{.reason = FenceReason::kForgotten, .by = snapshot, .time = Now(context), .unknown = {}};
  const auto fence = repository.sealer().Seal(ObjectKind::kFence, ToRawId(snapshot), record.Encode());
  if (fence && fence->Joined().size() != object.size()) own->Keep(SnapshotName(snapshot), object);
}

}  // namespace

Protocol::Protocol(Repository& repository, const JobContext& context, FindingSink findings)
    : repository_(repository), context_(context), findings_(std::move(findings)) {}

void Protocol::Tell(Finding::Severity severity, const Error& error, std::string object) const {
  if (findings_) {
    findings_({severity, error.code(), std::move(object), error.message()});
  } else {
    context_.log.Warning("{}", error.message());
  }
}

Result<std::vector<ObjectInfo>> Protocol::ListTwice(std::string_view prefix) {
  return ListTwiceAs<ObjectInfo>(repository_.store(), prefix, &ObjectInfo::name,
                                 [](const ObjectInfo& info) { return std::optional(info); });
}

Result<Bytes> Protocol::SealSmall(ObjectKind kind, const RawId& name, ByteSpan body) const {
  ASSIGN_OR_RETURN(const SealedObject sealed, repository_.sealer().Seal(kind, name, body));
  return sealed.Joined();
}

// --- of every session ---

Result<void> Protocol::PutSession(const SessionId& session, SessionPurpose purpose, std::string_view program) {
  SessionRecord record;
  record.start = Now(context_);
  record.purpose = purpose;
  record.program = std::string(program);
  char host[256] = {};
  if (gethostname(host, sizeof(host) - 1) == 0) record.host = ToBytes(AsBytes(host));
  record.machine = repository_.cache().machine();
  record.process = static_cast<uint64_t>(getpid());
  ASSIGN_OR_RETURN(const Bytes object, SealSmall(ObjectKind::kSession, ToRawId(session), record.Encode()));
  return repository_.store().Put(SessionName(session), object);
}

Result<void> Protocol::PutSignOfLife(const SessionId& session, uint32_t n) {
  const MomentRecord record{.time = Now(context_), .number = n, .unknown = {}};
  ASSIGN_OR_RETURN(const Bytes object, SealSmall(ObjectKind::kSignOfLife, ToRawId(session), record.Encode()));
  return repository_.store().Put(SignOfLifeName(session, n), object);
}

Result<void> Protocol::EndSession(const SessionId& session) {
  std::vector<ObjectName> goes;
  std::optional<ObjectName> end;
  RETURN_IF_ERROR(repository_.store().List(kSessionPrefix, [&](const ObjectInfo& info) -> Result<void> {
    const ParsedName parsed = ParseObjectName(info.name.text());
    if (parsed.session != session) return {};
    if (parsed.kind == ParsedName::Kind::kSignOfLife) goes.push_back(info.name);
    if (parsed.kind == ParsedName::Kind::kSessionEnd) end = info.name;
    return {};
  }));
  // The session goes after its signs, and its end last: whoever dies in between leaves what the next one clears away.
  goes.push_back(SessionName(session));
  RETURN_IF_ERROR(RemoveOfSession(session, goes));
  return end ? repository_.store().Remove(*end) : Result<void>();
}

Result<void> Protocol::EndSessionWithoutSigns(const SessionId& session) {
  return RemoveOfSession(session, {SessionName(session)});
}

Result<void> Protocol::RemoveOfSession(const SessionId& session, const std::vector<ObjectName>& names) {
  for (const ObjectName& name : names) {
    auto removed = repository_.store().Remove(name);
    if (!removed && removed.error().code() == ErrorCode::kPermission) {
      const MomentRecord record{.time = Now(context_), .number = 0, .unknown = {}};
      ASSIGN_OR_RETURN(const Bytes object, SealSmall(ObjectKind::kSessionEnd, ToRawId(session), record.Encode()));
      return repository_.store().Put(SessionEndName(session), object);
    }
    RETURN_IF_ERROR(std::move(removed));
  }
  return {};
}

Result<std::vector<TombstoneSeen>> Protocol::ListTombstones() {
  ASSIGN_OR_RETURN(const auto listed, ListTwice(kTombstonePrefix));
  std::vector<TombstoneSeen> tombstones;
  const auto names = NamesOf(listed, ParsedName::Kind::kTombstone);
  const auto each = [&](size_t number, Result<Bytes> object) -> Result<void> {
    const std::string& what = names[number].text();
    const ParsedName parsed = ParseObjectName(what);
    if (!object) {
      if (object.error().code() == ErrorCode::kNotFound) return {};  // its pack is gone; the index knows
      return std::move(object).error();
    }
    bool unknown_slot = false;
    auto opened = repository_.sealer().Open(*object, ObjectKind::kTombstone, RawId{}, what, &unknown_slot);
    auto record = opened ? TombstoneRecord::Parse(opened->body).While(what) : Result<TombstoneRecord>(opened.error());
    if (record && record->pack != parsed.pack) {
      record = MakeError(ErrorCode::kForged, "{} was made for pack {}", what, record->pack.ToString());
    }
    if (record) {
      tombstones.push_back({record->pack, record->run, record->kind, false});
      return {};
    }
    // A damaged or newer one may be real: its pack may go. So may that of a slot that came with a later config than the
    // one that this run has opened. A forged one is nobody's decision.
    Tell(DamageOrUnread(record.error()), record.error(), what);
    if (record.error().code() == ErrorCode::kForged && !unknown_slot) return {};
    const bool is_damaged = record.error().code() == ErrorCode::kCorrupt && !unknown_slot;
    tombstones.push_back({parsed.pack, SessionId(), BlobKind::kData, is_damaged});
    return {};
  };
  RETURN_IF_ERROR(GetEach(repository_.store(), names, limits::kSmallObjectBytesMax, context_, each));
  return tombstones;
}

Result<std::vector<SegmentId>> Protocol::ListSegments() {
  return ListTwiceAs<SegmentId>(repository_.store(), kIndexPrefix, std::identity(), [](const ObjectInfo& info) {
    const ParsedName parsed = ParseObjectName(info.name.text());
    return parsed.kind == ParsedName::Kind::kSegment ? std::optional(parsed.segment) : std::nullopt;
  });
}

Result<void> Protocol::PutPack(BlobKind kind, const PackName& pack, ObjectDraft& draft) {
  return draft.Put(PackObjectName(kind, pack));
}

Result<SegmentId> Protocol::PutSegment(const IndexSegment& segment, bool keep) {
  const auto id = context_.random.NewId<SegmentId>();
  ASSIGN_OR_RETURN(const Bytes object, SealSmall(ObjectKind::kSegment, ToRawId(id), segment.Encode()));
  RETURN_IF_ERROR(repository_.store().Put(SegmentName(id), object));
  if (auto own = keep ? OwnObjectsOf(repository_, context_.random) : std::nullopt) own->Keep(SegmentName(id), object);
  return id;
}

Result<bool> Protocol::PutFirst(const ObjectName& name, ByteSpan object) {
  return cairn::PutFirst(repository_.store(), name, object);
}

Result<CommitOutcome> Protocol::Commit(const SessionId& session, ByteSpan snapshot_object) {
  ASSIGN_OR_RETURN(const bool first, PutFirst(SnapshotName(session), snapshot_object));
  if (first) {
    KeepOwn(repository_, context_, session, snapshot_object);
    return CommitOutcome::kCommitted;
  }
  const std::string what = SnapshotName(session).text();
  ASSIGN_OR_RETURN(const Bytes there, repository_.store().Get(SnapshotName(session), limits::kSnapshotBytesMax));
  if (Equal(there, snapshot_object)) return CommitOutcome::kCommitted;  // our own: an answer was lost
  ASSIGN_OR_RETURN(const OpenedObject fence,
                   repository_.sealer()
                       .Open(there, ObjectKind::kFence, ToRawId(session), what)
                       .While("the name of this session's snapshot is filled, and not by a fence"));
  RETURN_IF_ERROR(FenceRecord::Parse(fence.body).While(what));
  return CommitOutcome::kFenced;
}

// --- of a pruner ---

Result<void> Protocol::PutTombstone(const PackName& pack, BlobKind kind, const SessionId& run) {
  const TombstoneRecord record{.pack = pack, .run = run, .kind = kind, .time = Now(context_), .unknown = {}};
  ASSIGN_OR_RETURN(const Bytes object, SealSmall(ObjectKind::kTombstone, RawId{}, record.Encode()));
  return repository_.store().Put(TombstoneName(pack), object);
}

// An end, or a sign of life under its number, of the slot of the session's own record: another slot that may write
// could end a session that it does not run, and a prune would take away what that session is about to need.
Result<MomentRecord> Protocol::OpenMoment(const ObjectName& name, ByteSpan object, const SessionSeen& seen) const {
  const std::string& what = name.text();
  const ParsedName parsed = ParseObjectName(what);
  const bool is_end = parsed.kind == ParsedName::Kind::kSessionEnd;
  ASSIGN_OR_RETURN(const OpenedObject opened,
                   repository_.sealer().Open(object, is_end ? ObjectKind::kSessionEnd : ObjectKind::kSignOfLife,
                                             ToRawId(parsed.session), what));
  if (opened.slot != *seen.slot) {
    return MakeError(ErrorCode::kForged, "{} is signed by slot {}, its session by slot {}: it does not count", what,
                     opened.slot.ToHex(), seen.slot->ToHex());
  }
  ASSIGN_OR_RETURN(MomentRecord record, MomentRecord::Parse(opened.body).While(what));
  // A copied sign under another number is no sign: it would keep a dead session alive.
  if (!is_end && record.number != parsed.number) return Corrupt("{}: it is sign {}", what, record.number);
  return record;
}

Result<std::vector<SessionSeen>> Protocol::ListSessions() {
  ASSIGN_OR_RETURN(const auto listed, ListTwice(kSessionPrefix));
  std::map<SessionId, SessionSeen> sessions;
  const auto names = NamesOf(listed, ParsedName::Kind::kSession);
  const auto each = [&](size_t number, Result<Bytes> object) -> Result<void> {
    const std::string& what = names[number].text();
    const ParsedName parsed = ParseObjectName(what);
    SessionSeen seen{.id = parsed.session,
                     .record = {},
                     .slot = {},
                     .ended = false,
                     .signs_of_life = 0,
                     .last_sign = 0,
                     .latest = {}};
    if (!object) {
      if (object.error().code() == ErrorCode::kNotFound) return {};  // it has ended since
      return std::move(object).error();
    }
    auto opened = repository_.sealer().Open(*object, ObjectKind::kSession, ToRawId(parsed.session), what);
    auto record = opened ? SessionRecord::Parse(opened->body) : Result<SessionRecord>(opened.error());
    if (record) {
      seen.record = *std::move(record);
      seen.latest = seen.record->start;
      seen.slot = opened->slot;
    } else {
      Tell(DamageOrUnread(record.error()), record.error(), what);
    }
    sessions.emplace(parsed.session, std::move(seen));
    return {};
  };
  RETURN_IF_ERROR(GetEach(repository_.store(), names, limits::kSmallObjectBytesMax, context_, each));
  RETURN_IF_ERROR(NoteMoments(listed, sessions));
  std::vector<SessionSeen> result;
  for (auto& [id, seen] : sessions) result.push_back(std::move(seen));
  return result;
}

// Ends and signs of life of these.
Result<void> Protocol::NoteMoments(const std::vector<ObjectInfo>& listed, std::map<SessionId, SessionSeen>& sessions) {
  std::vector<ObjectInfo> moments;
  std::vector<ObjectName> names;
  for (const ObjectInfo& info : listed) {
    const ParsedName parsed = ParseObjectName(info.name.text());
    const auto found = sessions.find(parsed.session);
    if (found == sessions.end()) continue;
    if (parsed.kind == ParsedName::Kind::kSession) found->second.last_sign = info.modified;
    const bool is_moment = parsed.kind == ParsedName::Kind::kSessionEnd || parsed.kind == ParsedName::Kind::kSignOfLife;
    if (is_moment && !found->second.slot) {  // told already
      found->second.last_sign = std::max(found->second.last_sign, info.modified);
      continue;
    }
    if (!is_moment) continue;
    moments.push_back(info);
    names.push_back(info.name);
  }
  const auto each = [&](size_t number, Result<Bytes> object) -> Result<void> {
    const ParsedName parsed = ParseObjectName(names[number].text());
    const bool is_end = parsed.kind == ParsedName::Kind::kSessionEnd;
    SessionSeen& seen = sessions.at(parsed.session);
    const auto moment =
        object ? OpenMoment(names[number], *object, seen) : Result<MomentRecord>(std::move(object).error());
    if (moment) {
      if (is_end) seen.ended = true;
      seen.signs_of_life = std::max(seen.signs_of_life, moment->number);
      seen.last_sign = std::max(seen.last_sign, moments[number].modified);
      if (moment->time.seconds > seen.latest.seconds) seen.latest = moment->time;
      return {};
    }
    const ErrorCode code = moment.error().code();
    if (code == ErrorCode::kNotFound) return {};
    if ((is_end || EndsJob(code)) && !IsLoss(code) && code != ErrorCode::kUnsupported) return moment.error();
    Tell(DamageOrUnread(moment.error()), moment.error(), names[number].text());
    return {};
  };
  return GetEach(repository_.store(), names, limits::kSmallObjectBytesMax, context_, each);
}

Result<std::vector<SeenList>> Protocol::ListSeenLists() {
  ASSIGN_OR_RETURN(const auto listed, ListTwice(kTombstonePrefix));
  std::vector<SeenList> lists;
  for (const ObjectInfo& info : listed) {
    const ParsedName parsed = ParseObjectName(info.name.text());
    if (parsed.kind != ParsedName::Kind::kSeenList) continue;
    auto object = repository_.store().Get(info.name, limits::kSnapshotBytesMax);
    if (!object && object.error().code() == ErrorCode::kNotFound) continue;
    RETURN_IF_ERROR(object);
    auto opened = repository_.sealer().Open(*object, ObjectKind::kSeenList, ToRawId(parsed.session), info.name.text());
    auto record = opened ? SeenListRecord::Parse(opened->body) : Result<SeenListRecord>(opened.error());
    if (record) {
      lists.push_back({parsed.session, *std::move(record)});
    } else {
      Tell(DamageOrUnread(record.error()), record.error(), info.name.text());  // another list will be made for its runs
    }
  }
  return lists;
}

Result<void> Protocol::PutSeenList(const SessionId& pruner, const std::vector<SessionId>& runs,
                                   const std::vector<SessionId>& sessions) {
  SeenListRecord record{.runs = runs, .sessions = sessions, .time = Now(context_), .unknown = {}};
  std::ranges::sort(record.runs);
  std::ranges::sort(record.sessions);
  ASSIGN_OR_RETURN(const Bytes object, SealSmall(ObjectKind::kSeenList, ToRawId(pruner), record.Encode()));
  return repository_.store().Put(SeenListName(pruner), object);
}

Result<void> Protocol::RemoveSeenList(const SessionId& pruner) {
  return repository_.store().Remove(SeenListName(pruner));
}

Result<SnapshotSlot> Protocol::Fence(const SessionId& session, const SessionId& by) {
  const FenceRecord record{.reason = FenceReason::kTakenForDead, .by = by, .time = Now(context_), .unknown = {}};
  ASSIGN_OR_RETURN(const Bytes object, SealSmall(ObjectKind::kFence, ToRawId(session), record.Encode()));
  ASSIGN_OR_RETURN(const bool first, PutFirst(SnapshotName(session), object));
  if (first) return SnapshotSlot::kFence;
  return LookAtSlot(session);
}

Result<SnapshotSlot> Protocol::LookAtSlot(const SnapshotId& snapshot) {
  const std::string what = SnapshotName(snapshot).text();
  auto object = repository_.store().Get(SnapshotName(snapshot), limits::kSnapshotBytesMax);
  if (!object && object.error().code() == ErrorCode::kNotFound) return SnapshotSlot::kEmpty;
  RETURN_IF_ERROR(object);
  ASSIGN_OR_RETURN(const ObjectHeader header, ObjectHeader::Parse(*object).While(what));
  const ObjectKind kind = header.kind == ObjectKind::kFence ? ObjectKind::kFence : ObjectKind::kSnapshot;
  RETURN_IF_ERROR(repository_.sealer().Open(*object, kind, ToRawId(snapshot), what));
  return kind == ObjectKind::kFence ? SnapshotSlot::kFence : SnapshotSlot::kSnapshot;
}

Result<std::vector<ListedSnapshot>> Protocol::ListSnapshots() {
  return ListSnapshotsTwice(repository_.store(), kSnapshotPrefix, ParsedName::Kind::kSnapshot);
}

Result<void> Protocol::RemovePack(BlobKind kind, const PackName& pack) {
  return repository_.store().Remove(PackObjectName(kind, pack));
}

Result<void> Protocol::RemoveTombstone(const PackName& pack) { return repository_.store().Remove(TombstoneName(pack)); }

Result<void> Protocol::RemoveSegment(const SegmentId& segment) {
  return repository_.store().Remove(SegmentName(segment));
}

Result<void> Protocol::SetAside(const ObjectName& name) {
  ASSIGN_OR_RETURN(const Bytes bytes, repository_.store().Get(name, limits::kPackBytesMax));
  std::string text = name.text();
  std::ranges::replace(text, '/', '-');
  ASSIGN_OR_RETURN(const ObjectName trash, ObjectName::Parse("trash/" + text));
  RETURN_IF_ERROR(repository_.store().Put(trash, bytes));
  return repository_.store().Remove(name);
}

// --- of forget and of notes ---

Result<void> Protocol::PutForgotten(const std::vector<ForgottenSnapshot>& snapshots) {
  ForgottenRecord record{.snapshots = snapshots, .time = Now(context_), .unknown = {}};
  std::ranges::sort(record.snapshots);
  const auto id = context_.random.NewId<ObjectId>();
  ASSIGN_OR_RETURN(const Bytes object, SealSmall(ObjectKind::kForgotten, ToRawId(id), record.Encode()));
  return repository_.store().Put(ForgottenName(id), object);
}

Result<bool> Protocol::PutDeleted(const SnapshotId& snapshot, DeletedRecord record) {
  ObjectStore& store = repository_.store();
  const ObjectName name = DeletedName(snapshot);
  ASSIGN_OR_RETURN(Bytes object, SealSmall(ObjectKind::kDeleted, ToRawId(snapshot), record.Encode()));
  ASSIGN_OR_RETURN(const bool is_first, store.PutIfAbsent(name, object));
  if (!is_first) {
    ASSIGN_OR_RETURN(const uint32_t promised, KeepSecondsOf(snapshot));
    record.keep_seconds = std::max(record.keep_seconds, promised);
    ASSIGN_OR_RETURN(object, SealSmall(ObjectKind::kDeleted, ToRawId(snapshot), record.Encode()));
    RETURN_IF_ERROR(store.Put(name, object));
  }
  auto in_place = store.Get(SnapshotName(snapshot), limits::kSnapshotBytesMax);
  if (!in_place && in_place.error().code() != ErrorCode::kNotFound) return std::move(in_place).error();
  if (in_place && Equal(*in_place, record.object)) return true;
  if (!is_first) return false;
  // Only this very one: another's was put while the snapshot was in its place, or is taken back by who has put it.
  auto there = store.Get(name, limits::kDeletedBytesMax);
  if (!there && there.error().code() != ErrorCode::kNotFound) return std::move(there).error();
  if (there && Equal(*there, object)) RETURN_IF_ERROR(store.Remove(name));
  return false;
}

// Of what is under deleted/; 0 where it is gone or broken: then it promises nothing.
Result<uint32_t> Protocol::KeepSecondsOf(const SnapshotId& snapshot) const {
  const ObjectName name = DeletedName(snapshot);
  const auto read = [&]() -> Result<uint32_t> {
    ASSIGN_OR_RETURN(const Bytes object, repository_.store().Get(name, limits::kDeletedBytesMax));
    ASSIGN_OR_RETURN(const OpenedObject opened,
                     repository_.sealer().Open(object, ObjectKind::kDeleted, ToRawId(snapshot), name.text()));
    ASSIGN_OR_RETURN(const DeletedRecord record, DeletedRecord::Parse(opened.body).While(name.text()));
    return record.keep_seconds;
  };
  auto seconds = read();
  if (!seconds && IsLoss(seconds.error().code())) return uint32_t{0};
  return seconds;
}

Result<std::vector<ListedSnapshot>> Protocol::ListDeleted() {
  return ListSnapshotsTwice(repository_.store(), kDeletedPrefix, ParsedName::Kind::kDeleted);
}

Result<void> Protocol::RemoveDeleted(const SnapshotId& snapshot) {
  return repository_.store().Remove(DeletedName(snapshot));
}

Result<void> Protocol::Forget(const SnapshotId& snapshot, const SessionId& by) {
  ASSIGN_OR_RETURN(const std::vector<SessionSeen> sessions, ListSessions());
  const bool its_session_is_there =
      std::ranges::any_of(sessions, [&](const auto& seen) { return seen.id == snapshot; });
  if (!its_session_is_there) return repository_.store().Remove(SnapshotName(snapshot));
  // Its writer has not had its answer: the name must stay filled, or the writer's repeated put would bring it back.
  const FenceRecord record{.reason = FenceReason::kForgotten, .by = by, .time = Now(context_), .unknown = {}};
  ASSIGN_OR_RETURN(const Bytes object, SealSmall(ObjectKind::kFence, ToRawId(snapshot), record.Encode()));
  return repository_.store().Put(SnapshotName(snapshot), object);
}

Result<uint64_t> Protocol::CleanFences() {
  ASSIGN_OR_RETURN(const std::vector<ListedSnapshot> listed, ListSnapshots());
  std::vector<SnapshotId> fences;
  for (const ListedSnapshot& snapshot : listed) {
    const auto slot = LookAtSlot(snapshot.id);
    if (slot && *slot == SnapshotSlot::kFence) fences.push_back(snapshot.id);
  }
  if (fences.empty()) return uint64_t{0};
  ASSIGN_OR_RETURN(const std::vector<SessionSeen> sessions, ListSessions());  // after the fences were seen
  uint64_t removed = 0;
  for (const SnapshotId& id : fences) {
    if (std::ranges::any_of(sessions, [&](const auto& seen) { return seen.id == id; })) continue;
    RETURN_IF_ERROR(repository_.store().Remove(SnapshotName(id)));
    ++removed;
  }
  return removed;
}

Result<uint64_t> Protocol::CleanSessionRests() {
  std::vector<std::pair<SessionId, ObjectName>> rests;
  std::set<SessionId> with_session;
  RETURN_IF_ERROR(repository_.store().List(kSessionPrefix, [&](const ObjectInfo& info) -> Result<void> {
    const ParsedName parsed = ParseObjectName(info.name.text());
    if (parsed.kind == ParsedName::Kind::kSession) with_session.insert(parsed.session);
    const bool is_rest = parsed.kind == ParsedName::Kind::kSignOfLife || parsed.kind == ParsedName::Kind::kSessionEnd;
    if (is_rest) rests.emplace_back(parsed.session, info.name);
    return {};
  }));
  std::erase_if(rests, [&](const auto& rest) { return with_session.contains(rest.first); });
  if (rests.empty()) return uint64_t{0};
  // A session is put before its signs: one whose sign was seen is in a listing that begins after that, or is gone.
  ASSIGN_OR_RETURN(const std::vector<ObjectInfo> listed, ListTwice(kSessionPrefix));
  for (const ObjectInfo& info : listed) {
    const ParsedName parsed = ParseObjectName(info.name.text());
    if (parsed.kind == ParsedName::Kind::kSession) with_session.insert(parsed.session);
  }
  uint64_t removed = 0;
  for (const auto& [session, name] : rests) {
    if (with_session.contains(session)) continue;
    RETURN_IF_ERROR(repository_.store().Remove(name));
    ++removed;
  }
  return removed;
}

Result<void> Protocol::PutNote(const NoteRecord& note) {
  const auto id = context_.random.NewId<ObjectId>();
  ASSIGN_OR_RETURN(const Bytes object, SealSmall(ObjectKind::kNote, ToRawId(id), note.Encode()));
  return repository_.store().Put(NoteName(note.snapshot, id), object);
}

// --- of keys ---

Result<bool> Protocol::PutConfig(uint64_t number, ByteSpan object) { return PutFirst(ConfigName(number), object); }

Result<void> Protocol::PutKeyObject(const KeyId& key, ByteSpan object) {
  return repository_.store().Put(KeyName(key), object);
}

Result<void> Protocol::RemoveKeyObject(const KeyId& key) { return repository_.store().Remove(KeyName(key)); }

}  // namespace cairn
