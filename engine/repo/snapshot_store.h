// Snapshots with their notes, what was forgotten, and what of that is kept for a while. SPEC section 11.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/env/finding.h"
#include "engine/repo/protocol.h"
#include "engine/repo/time_text.h"
#include "repo-format/snapshot.h"

namespace cairn {

struct LoadedSnapshot {
  SnapshotId id;
  SlotId slot;
  Digest digest;  // of the object
  uint64_t counter = 0;
  std::vector<Digest> heads;
  SnapshotInner inner;  // where the role holds the metadata key; else empty, and `opened` is false
  bool opened = false;
  // Its time and the store's time of the object are more than a day apart, and its slot is not one that may maintain:
  // who takes a writer's key could date snapshots so that a policy forgets the good ones (SPEC section 3).
  bool time_doubtful = false;
  // After the notes:
  std::vector<std::string> tags;
  std::string description;
  bool is_protected = false;
  std::optional<WireTime> expiry;
  uint64_t notes_counter = 0;  // the highest of its notes
};

// Forgotten, and kept: no snapshot any more, but what it needs is needed. SPEC 11.5.
struct DeletedSnapshot {
  LoadedSnapshot snapshot;
  Digest digest;              // of the object under deleted/
  UnixNs put = 0;             // by the store's clock; 0 where it has none
  uint32_t keep_seconds = 0;  // from then on; the longer of what it says and what the config says
  SlotId by;                  // who forgot it
};

struct UnreadableObject {
  ObjectName name;
  ErrorCode code = ErrorCode::kCorrupt;
};

struct SnapshotSet {
  std::vector<LoadedSnapshot> snapshots;     // ascending by time of start, then id
  std::vector<ForgottenSnapshot> forgotten;  // all records merged, ascending
  std::vector<SnapshotId> fences;
  // Where they were asked for: ascending as snapshots are, without those whose snapshot is still in its place.
  std::vector<DeletedSnapshot> deleted;
  UnixNs newest_date = 0;  // of the store's, on snapshots and deleted ones: it is now no earlier. 0: it tells none
  // Snapshots, notes and deleted snapshots that are broken, forged or unsupported; told as findings. While there are
  // any, nobody knows what they need or protect: who removes things must stop.
  std::vector<UnreadableObject> unreadable;
  // The same of records of forgotten snapshots: what they alone explained is among `unexplained`.
  std::vector<UnreadableObject> unreadable_records;
  // Heads that are named, and neither there nor forgotten; and snapshots that this machine remembers and that are gone
  // without a record. Texts for people. A pruner removes nothing while there are any.
  std::vector<std::string> unexplained;
  // The same as records, for a repair that puts the loss on record; what is not known of them is zero.
  std::vector<ForgottenSnapshot> unexplained_records;
};

// Everything under snapshots/, notes/ and forgotten/, each object verified. What is broken, forged or unsupported is a
// finding that names it. Remembers in the local cache what it saw. Objects of a far store may come out of this
// machine's cache, unless it is the store that is asked about.
enum class SnapshotsFrom : uint8_t { kMayBeCached, kTheStore };
Result<SnapshotSet> LoadSnapshots(Repository& repository, const JobContext& context, FindingSink findings,
                                  SnapshotsFrom from = SnapshotsFrom::kMayBeCached);
// What it lists, and Repository::LoadIndex at the same time, in their order: for ObjectStore::ListAhead.
enum class ReaderListing : uint8_t { kSnapshots, kBoth };
ListingWaves ReaderListings(ReaderListing reads);

// The same for a backup, which looks for a parent, and for the heads that it names: without notes, and of one listing
// only. What is there all the while is in each; on what came or went meanwhile nothing of a backup rests.
Result<SnapshotSet> LoadSnapshotsForBackup(Repository& repository, const JobContext& context, FindingSink findings);

// As LoadSnapshots, and then those under deleted/. In this order: a forget puts the deleted snapshot before it takes
// the snapshot away, so that whoever lists the snapshots first, and then the deleted ones, misses none (SPEC 13.4).
Result<SnapshotSet> LoadSnapshotsAndDeleted(Repository& repository, const JobContext& context, FindingSink findings,
                                            SnapshotsFrom from = SnapshotsFrom::kMayBeCached);

// One of them, by what a person types: "latest", "latest@TIME" (the newest that began in that day, minute or second, or
// before), each with "~N" behind it (the Nth before that one), an id or a unique prefix of at least 4 digits. A safety
// snapshot is never the latest. `filter` (may be empty) narrows "latest" (host, tags, paths). kNotFound and
// kInvalidArgument (ambiguous, with the candidates) say so.
using SnapshotFilter = std::function<bool(const LoadedSnapshot&)>;
Result<const LoadedSnapshot*> ResolveSnapshot(const SnapshotSet& set, std::string_view name,
                                              const SnapshotFilter& filter);

// Why a name that begins with "latest" may mean another object of `kind` (kSnapshot, kDeleted) than the newest of those
// that can be read; nothing for any other name, and where there is no doubt. With a filter notes count, too.
std::optional<Error> DoubtOfLatest(const SnapshotSet& set, std::string_view name, bool is_filtered,
                                   ParsedName::Kind kind);

// As ResolveSnapshot, of those that were forgotten and are kept.
Result<const DeletedSnapshot*> ResolveDeleted(const SnapshotSet& set, std::string_view name,
                                              const SnapshotFilter& filter);

// For the next snapshot of a slot: which heads it names, and its counter.
struct SlotHeads {
  std::vector<Digest> heads;  // ascending
  uint64_t counter_next = 1;
};
SlotHeads HeadsOfSlot(const SnapshotSet& set, const SlotId& slot);

}  // namespace cairn
