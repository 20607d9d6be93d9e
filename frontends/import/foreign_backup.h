// A backup that another system made: recognised, verified, and taken apart into items.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/env/clock.h"
#include "frontends/import/backup_format.h"
#include "frontends/import/import_source.h"
#include "frontends/import/original.h"
#include "repo-format/import_origin.h"

namespace cairn::import {

struct ImportLimits {
  uint32_t ratio_max = 250;  // how many times its size may come out of what is compressed
};

struct ForeignBackup {
  std::shared_ptr<const Original> original;
  BackupFormat format = BackupFormat::kUnknown;
  std::vector<std::string> layers;  // "gzip": what it is compressed by, outermost first
  std::string series;               // absolute path without date: what its snapshots have in common
  WireTime time;
  enum class TimeFrom : uint8_t { kMetadata, kName, kFile };
  TimeFrom time_from = TimeFrom::kFile;
  std::string written_time;  // as its metadata or its name have it
  std::string description;
  std::string checksum;  // MD5 that its metadata has; empty: none
  std::vector<std::string> notes;

  std::string FormatText() const;  // "pg_dump, gzip"
  ImportOrigin Origin(const Digest& fingerprint, const Clock& clock) const;
};

struct Recognition {
  std::optional<ForeignBackup> backup;
  std::string why;  // there is none
};

// By the beginning of it; a zip's metadata are read, and all of what is compressed and looks like nothing. kCorrupt: a
// backup that cannot be one any more.
Result<Recognition> Recognise(std::shared_ptr<const Original> original, const ImportLimits& limits, const Clock& clock,
                              const std::stop_token& stop);

// The items of a snapshot to be. Of SQL text only the beginning was read: its reading to the end is its verification,
// and an Error of it is in `state`.
struct PreparedBackup {
  std::vector<std::unique_ptr<Source>> sources;
  std::shared_ptr<ImportState> state;
  std::vector<std::string> notes;
};

// Verifies the rest, all but what reading to the end verifies. kCorrupt says what is damaged.
Result<PreparedBackup> Prepare(const ForeignBackup& backup, const ImportOrigin& origin, const ImportLimits& limits,
                               const std::stop_token& stop);
// All of it, and stores nothing; the notes on what could not be verified.
Result<std::vector<std::string>> Verify(const ForeignBackup& backup, const ImportLimits& limits,
                                        const std::stop_token& stop);

}  // namespace cairn::import
