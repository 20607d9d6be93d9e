// Check: is everything there, and is it what was written?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/repo/repository.h"
#include "engine/repo/snapshot_store.h"
#include "engine/store/object_locker.h"

namespace cairn {

struct CheckOptions {
  // How many of the packs are read whole: none, all, a part n of t, a share, or some bytes (the last two at random).
  // A pack is in part n (from 1) where the first 8 bytes of its SHA-256, big-endian, are n - 1 modulo t: packs that
  // come and go move no other into another part, so that a round of all parts reads each pack that stays.
  enum class Data { kNone, kAll, kPart, kPercent, kBytes };
  Data data = Data::kNone;
  uint32_t part = 1, parts = 1;
  double percent = 0;
  uint64_t bytes = 0;
  std::optional<SnapshotId> snapshot;  // only what this one needs
  ObjectLocker* locker = nullptr;      // of the store: locks of all that is needed are extended
};

struct CheckReport {
  uint64_t configs = 0, keys = 0, segments = 0, packs = 0, snapshots = 0;
  uint64_t deleted = 0;       // forgotten snapshots that can be brought back, and are checked as the others
  uint64_t keys_opened = 0;   // of `keys`; of the others only the form was looked at
  uint64_t blobs_needed = 0;  // by the snapshots checked
  uint64_t packs_read = 0, bytes_read = 0;
  uint64_t packs_archived = 0, bytes_archived = 0;  // to be read, and the store has to bring them back before
  bool ids_checked = false;      // this role could open data blobs and compute their ids; else seals and sums only
  uint64_t unused_packs = 0;     // in no segment: of a dead session; no damage
  uint64_t taken_out_packs = 0;  // a `removed` list names them, and they are there; no damage
  uint64_t missing_packs = 0;    // in the index, and not there
  uint64_t bad_sessions = 0;     // objects under sessions/
  uint64_t bad_openers = 0;      // objects under config/ and keys/
  bool trees_followed = true;    // false: this role cannot open them, and what snapshots need was not looked for
  uint64_t bad_records = 0;      // snapshots, notes and records of forgotten ones
  uint64_t locks_looked_at = 0, locks_extended = 0;
  uint64_t unread = 0;  // could not be looked at: whether these are damaged is not known
  uint64_t damages = 0, warnings = 0, notes = 0;
};

// Damage is told as Findings, one for each object, blob or file that it hits: no more, no less. An Error means that the
// check itself could not be made; kStoreAway, that the store went away meanwhile: it says how far the check had come.
Result<CheckReport> RunCheck(const JobContext& context, Repository& repository, const CheckOptions& options,
                             FindingSink findings);

}  // namespace cairn
