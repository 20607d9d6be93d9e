// Reads the dump of a PostgreSQL database out of a snapshot. SPEC section 11.1.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "engine/repo/blob_ends.h"
#include "frontends/postgres/description.h"
#include "repo-format/node.h"

namespace cairn::postgres {

// Safe for concurrent use. `blobs` outlives it.
class DumpReader {
 public:
  DumpReader(BlobSource& blobs, const BlobId& root, std::stop_token stop)
      : blobs_(blobs), root_(root), stop_(std::move(stop)) {}

  Result<DatabaseDescription> Description();
  // kNotFound, kCorrupt where it is longer than a file of this name is.
  Result<Bytes> Read(const std::string& file);
  Result<uint64_t> Size(const std::string& file);
  // Of which blobs it is made: files of one repository that have the same are the same bytes.
  Result<Content> BlobsOf(const std::string& file);
  // Its bytes in order, verified, a chunk at a time.
  using Each = std::function<Result<void>(ByteSpan bytes)>;
  Result<void> Stream(const std::string& file, const Each& each);

 private:
  BlobSource& blobs_;
  const BlobId root_;
  const std::stop_token stop_;
};

}  // namespace cairn::postgres
