// What a backup of files left out by choice. SPEC section 11.1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"
#include "repo-format/wire_reader.h"

namespace cairn {

// The source parameters of an item of kind files: a restore that deletes takes nothing away that they left out.
struct FilesParameters {
  std::vector<std::string> patterns;    // to leave out, in the syntax of gitignore, in order
  std::vector<std::string> markers;     // names: in a folder with one of them, all else is left out
  std::optional<uint64_t> larger_than;  // files with more bytes
  bool caches = false;                  // folders with a CACHEDIR.TAG
  bool one_file_system = false;         // that of each given path
  std::optional<Bytes> import_origin;   // ImportOrigin: it left nothing out
  std::vector<UnknownRecord> unknown;   // rules of a later version: what they leave out is not known

  Bytes Encode() const;
  static Result<FilesParameters> Parse(ByteSpan bytes);
  friend bool operator==(const FilesParameters&, const FilesParameters&) = default;
};

}  // namespace cairn
