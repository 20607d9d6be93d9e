// Which backups of other systems are in the repository already.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "engine/repo/snapshot_store.h"
#include "frontends/import/foreign_backup.h"

namespace cairn::import {

// From the snapshots alone, so that another machine knows as much. One thread.
class ImportedBackups {
 public:
  struct Known {
    SnapshotId id;
    ImportOrigin origin;
    WireTime time;
  };
  // Paths count only where they are those of `host`.
  ImportedBackups(const SnapshotSet& set, const Bytes& host);
  ImportedBackups() = default;
  void Add(Known known, bool is_of_host = true);

  // By path, size and time, where none of the three can hide a change; without reading it. nullptr: not known so.
  const Known* Find(const Original& original) const;
  // By fingerprint, and by the time that its name or its metadata give it: a dump of a day on which nothing changed has
  // the bytes of the day before, and is a backup of its own.
  const Known* Find(const Digest& fingerprint, const std::string& written_time) const;

 private:
  using Place = std::tuple<Bytes, uint64_t, WireTime>;
  std::map<Digest, std::vector<Known>> by_fingerprint_;
  std::map<Place, Known> by_place_;
};

}  // namespace cairn::import
