// Which backups of other systems are in the repository already.
#pragma once

#include <functional>
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
  const Known* Find(const std::string& path, uint64_t size, const WireTime& modified) const;
  // By fingerprint, by series, and by the time that its name or its metadata give it: what has the same bytes on
  // another day, or at another place, is a backup of its own. `may_be` rules out others.
  const Known* Find(const Digest& fingerprint, const std::string& series, const std::string& written_time,
                    const std::function<bool(const Known&)>& may_be) const;

 private:
  using Place = std::tuple<Bytes, uint64_t, WireTime>;
  std::map<Digest, std::vector<Known>> by_fingerprint_;
  std::map<Place, Known> by_place_;
};

}  // namespace cairn::import
