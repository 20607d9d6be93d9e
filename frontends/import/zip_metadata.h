// metadata.json of a backup that is a zip file. Private to frontends/import.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "frontends/import/archive_tree.h"

namespace cairn::import {

inline constexpr char kZipMetadataName[] = "metadata.json";

struct ZipMetadata {
  std::string backup_id, description;
  std::string created_at;  // as ParseTime reads it, or "@" and seconds since 1970; empty: it is not said
  std::string checksum;    // MD5, 32 lower-case digits; empty: there is none

  // kNotFound: a zip without metadata.json; kInvalidArgument: one that is not of a backup; else what is damaged.
  static Result<ZipMetadata> Read(const SharedFd& file);
  static Result<ZipMetadata> Parse(ByteSpan json);
};

// kCorrupt where the MD5 is of none of: the zip; the zip as it was before metadata.json was added at its end; the files
// in it, one after another in order of their names, without metadata.json; a file of it. Which of them it is, programs
// do not agree on, and one that stands in the zip itself cannot be of all of it.
Result<void> CheckMd5(const std::string& checksum, const SharedFd& file, uint64_t size, const TreeEntry& root,
                      const std::stop_token& stop);

}  // namespace cairn::import
