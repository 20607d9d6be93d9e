#include "frontends/import/imported_backups.h"

#include "frontends/import/backup_name.h"

namespace cairn::import {

ImportedBackups::ImportedBackups(const SnapshotSet& set, const Bytes& host) {
  for (const LoadedSnapshot& snapshot : set.snapshots) {
    for (const SnapshotItem& item : snapshot.inner.items) {
      auto origin = ImportOriginOf(item);
      if (!origin) continue;
      Add({snapshot.id, *std::move(origin), snapshot.inner.start}, snapshot.inner.host == host);
      break;  // its other items say the same
    }
  }
}

void ImportedBackups::Add(Known known, bool is_of_host) {
  const ImportOrigin& origin = known.origin;
  if (origin.modified && is_of_host)
    by_place_.insert_or_assign(Place(origin.path, origin.size, *origin.modified), known);
  by_fingerprint_[origin.fingerprint].push_back(std::move(known));
}

const ImportedBackups::Known* ImportedBackups::Find(const Original& original) const {
  if (original.log() != nullptr) return nullptr;
  return Find(original.path(), original.size(), original.modified());
}

const ImportedBackups::Known* ImportedBackups::Find(const std::string& path, uint64_t size,
                                                    const WireTime& modified) const {
  const auto found = by_place_.find(Place(ToBytes(AsBytes(path)), size, modified));
  return found == by_place_.end() ? nullptr : &found->second;
}

const ImportedBackups::Known* ImportedBackups::Find(const Digest& fingerprint, const std::string& series,
                                                    const std::string& written_time,
                                                    const std::function<bool(const Known&)>& may_be) const {
  const auto found = by_fingerprint_.find(fingerprint);
  if (found == by_fingerprint_.end()) return nullptr;
  for (const Known& known : found->second) {
    const bool is_of_time = written_time.empty() || known.origin.written_time == written_time;
    const bool is_of_series = ReadBackupName(std::string(AsText(known.origin.path))).series == series;
    if (is_of_time && is_of_series && may_be(known)) return &known;
  }
  return nullptr;
}

}  // namespace cairn::import
