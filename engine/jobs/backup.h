// Backup: sources in, one snapshot out.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/codec/frame_codec.h"
#include "engine/repo/repository.h"
#include "engine/repo/snapshot_store.h"
#include "engine/source/source.h"

namespace cairn {

struct BackupOptions {
  Bytes host, user;
  std::string program;  // name and version
  std::vector<std::string> tags;
  std::string description;
  std::optional<WireTime> time;   // of the snapshot; else now
  std::optional<WireTime> begun;  // its start: before a source was told to OpenSoon; else now
  SnapshotClass snapshot_class = SnapshotClass::kOrdinary;
  bool force = false;    // read everything again
  bool dry_run = false;  // reads and looks up, puts nothing
  Compression compression;
  std::optional<SnapshotId> parent;  // else the newest of the same host and paths
};

struct BackupReport {
  std::optional<SnapshotId> id;  // nothing: a dry run
  std::optional<SnapshotId> parent;
  SnapshotTotals totals;
  uint64_t files_new = 0, files_changed = 0, files_unchanged = 0;  // unchanged ones were read only by force
  uint64_t bytes_read = 0;
  uint64_t blobs_new = 0, data_blobs_new = 0;
  uint64_t items_unread = 0;   // findings: exit status 3 where above 0
  uint64_t resumed_bytes = 0;  // of blobs that an interrupted session had stored already
  unsigned fenced_times = 0;   // how often the session was taken for dead and begun anew
};

// Several sources become items of one snapshot. kInterrupted leaves what was put for the next run. An Error means that
// there is no new snapshot; the other snapshots are as they were.
Result<BackupReport> RunBackup(const JobContext& context, Repository& repository,
                               std::vector<std::unique_ptr<Source>> sources, BackupOptions options,
                               FindingSink findings);

}  // namespace cairn
