// The steps of the protocol without locks, each by its name in SPEC section 13 and in the model. The only code that
// puts and removes objects of an opened repository.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/env/finding.h"
#include "engine/repo/repository.h"
#include "repo-format/deleted_record.h"
#include "repo-format/note.h"
#include "repo-format/protocol_records.h"

namespace cairn {

struct SessionSeen {
  SessionId id;
  std::optional<SessionRecord>
      record;                  // nothing: it could not be opened (told as a finding); it is waited for all the same
  std::optional<SlotId> slot;  // who signed the record; only this slot ends the session, or shows that it lives
  bool ended = false;          // its .end is there
  uint32_t signs_of_life = 0;  // highest n seen
  UnixNs last_sign = 0;        // of the session itself or its newest sign, by the store's clock; 0 where it has none
  WireTime latest;             // of its start and its signs of life, by its own clock
};

struct TombstoneSeen {
  PackName pack;
  SessionId run;
  BlobKind kind = BlobKind::kData;
  bool is_damaged = false;  // it does not read, and no newer program or config could: run and kind are not known
};

struct SeenList {
  SessionId pruner;
  SeenListRecord record;
};

// What stands at snapshots/<sid>.
enum class SnapshotSlot { kEmpty, kSnapshot, kFence };

struct ListedSnapshot {
  SnapshotId id;
  uint64_t size = 0;
  UnixNs modified = 0;  // by the store's clock; 0 where it has none
};

enum class CommitOutcome { kCommitted, kFenced };

// Stateless but for its repository; safe for concurrent use. Each Put and Remove is durable when it returns. What
// cannot be opened or is not signed by who may sign it is told to `findings` and does not count (a forged tombstone
// does not make writers store again, a forged fence does not stop one), but for sessions: an unreadable session is
// waited for.
class Protocol {
 public:
  Protocol(Repository& repository, const JobContext& context, FindingSink findings = {});

  // --- of every session ---
  Result<void> PutSession(const SessionId& session, SessionPurpose purpose, std::string_view program);
  Result<void> PutSignOfLife(const SessionId& session, uint32_t n);
  // Removes its signs of life, then sessions/<sid>, then its .end; puts .end where it may not remove.
  Result<void> EndSession(const SessionId& session);
  // The same for who knows that his session has no sign of life, and no end: none is looked for.
  Result<void> EndSessionWithoutSigns(const SessionId& session);
  Result<std::vector<TombstoneSeen>> ListTombstones();
  // All segments (SPEC 13.2).
  Result<std::vector<SegmentId>> ListSegments();
  Result<void> PutPack(BlobKind kind, const PackName& pack, ObjectDraft& draft);
  // `keep`: this machine keeps what it put to a far store for a Sync to come (OwnObjects).
  Result<SegmentId> PutSegment(const IndexSegment& segment, bool keep = true);
  // kCommitted, kFenced, by what stands there in the end; kForged where something else fills the name.
  Result<CommitOutcome> Commit(const SessionId& session, ByteSpan snapshot_object);

  // --- of a pruner ---
  Result<void> PutTombstone(const PackName& pack, BlobKind kind, const SessionId& run);
  Result<std::vector<SessionSeen>> ListSessions();
  Result<std::vector<SeenList>> ListSeenLists();
  Result<void> PutSeenList(const SessionId& pruner, const std::vector<SessionId>& runs,
                           const std::vector<SessionId>& sessions);
  Result<void> RemoveSeenList(const SessionId& pruner);
  // PutIfAbsent at the session's snapshot name; what stands there then.
  Result<SnapshotSlot> Fence(const SessionId& session, const SessionId& by);
  Result<SnapshotSlot> LookAtSlot(const SnapshotId& snapshot);
  // Names under snapshots/; fences too.
  Result<std::vector<ListedSnapshot>> ListSnapshots();
  Result<void> RemovePack(BlobKind kind, const PackName& pack);
  Result<void> RemoveTombstone(const PackName& pack);
  Result<void> RemoveSegment(const SegmentId& segment);
  // What cannot be read goes out of the way; its bytes stay under trash/ for whoever wants to look at them.
  Result<void> SetAside(const ObjectName& name);

  // --- of forget and of notes ---
  Result<void> PutForgotten(const std::vector<ForgottenSnapshot>& snapshots);
  // `record` holds the snapshot's object, as it was seen in its place. Where deleted/<sid> is there already, of a
  // forget that died or of one that runs beside this one, it is put again, for the longer of the two times. False: the
  // snapshot was not in its place any more after that. Where deleted/<sid> was not there either, what it needs may be
  // gone, and what was put is taken back.
  Result<bool> PutDeleted(const SnapshotId& snapshot, DeletedRecord record);
  // Names under deleted/. Of a pruner: after ListSnapshots (SPEC 13.4).
  Result<std::vector<ListedSnapshot>> ListDeleted();
  Result<void> RemoveDeleted(const SnapshotId& snapshot);
  // SPEC 13.5: a fence over it where its session is there, else the name is removed. The snapshot was seen before.
  Result<void> Forget(const SnapshotId& snapshot, const SessionId& by);
  // Fences whose sessions are gone, seen first and sessions listed after. The number removed.
  Result<uint64_t> CleanFences();
  // Signs of life and ends whose session is gone: seen first, and sessions listed after. The number removed.
  Result<uint64_t> CleanSessionRests();
  Result<void> PutNote(const NoteRecord& note);
  // --- of keys ---
  Result<bool> PutConfig(uint64_t number, ByteSpan object);  // false: somebody was faster
  Result<void> PutKeyObject(const KeyId& key, ByteSpan object);
  Result<void> RemoveKeyObject(const KeyId& key);

 private:
  Result<bool> PutFirst(const ObjectName& name, ByteSpan object);
  Result<void> RemoveOfSession(const SessionId& session, const std::vector<ObjectName>& names);
  // What either of two listings shows, one after the other (SPEC 13.2): while one is made, an object may go and another
  // that holds what it held may come, and it shows neither; the next one shows what came. What went meanwhile may be
  // among them: it is not there when it is read, and one more than there is is never wrong.
  Result<std::vector<ObjectInfo>> ListTwice(std::string_view prefix);
  Result<MomentRecord> OpenMoment(const ObjectName& name, ByteSpan object, const SessionSeen& seen) const;
  Result<uint32_t> KeepSecondsOf(const SnapshotId& snapshot) const;
  Result<void> NoteMoments(const std::vector<ObjectInfo>& listed, std::map<SessionId, SessionSeen>& sessions);
  Result<Bytes> SealSmall(ObjectKind kind, const RawId& name, ByteSpan body) const;
  void Tell(Finding::Severity severity, const Error& error, std::string object) const;

  Repository& repository_;
  const JobContext& context_;
  FindingSink findings_;
};

}  // namespace cairn
